"""What the front-ends share: luma, and constants that follow from a picture's size."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32] | npt.NDArray[np.int64]

_LUMA = (0.299, 0.587, 0.114)


def luma(pixels: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in 0..255 to the Y of JPEG, (N, 1, H, W) in 0..255. Source: ITU-R BT.601."""
    red, green, blue = pixels[:, :1], pixels[:, 1:2], pixels[:, 2:]
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


class Sized(nn.Module, ABC):
    """A front-end whose constants depend on the size of the pictures: made when a size is first seen, and then kept.

    They are no buffers: whatever copies, averages or stores a network knows nothing of them. A tracer takes those of a
    size that the network has seen for constants of the graph, so an export runs the network once at its size before.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[tuple[int, int, torch.device], dict[str, Tensor]] = {}

    @abstractmethod
    def tables(self, height: int, width: int) -> Mapping[str, Table]:
        """Constants by name, for pictures of that size."""

    def constants(self, pixels: Tensor) -> Mapping[str, Tensor]:
        """The constants for pictures like these, (N, C, H, W), on their device."""
        height, width = pixels.shape[2:]
        key = (height, width, pixels.device)
        if key not in self._kept:
            with torch.inference_mode(False):  # or a validation that comes first leaves some that no training can use
                made = self.tables(height, width).items()
                self._kept[key] = {name: torch.tensor(values, device=pixels.device) for name, values in made}
        return self._kept[key]
