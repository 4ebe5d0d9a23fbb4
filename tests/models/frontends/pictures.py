"""Drawn faces as pixels."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dfdetect.data.synthetic import draw_face


def faces(height: int, width: int, count: int = 2) -> npt.NDArray[np.float64]:
    """(N, 3, H, W) in 0..255."""
    side = max(height, width, 32)
    drawn = [draw_face(0, number, size=side).image[:height, :width] for number in range(count)]
    return np.stack(drawn).transpose(0, 3, 1, 2).astype(np.float64)


def luma_of(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, 3, H, W) to (N, H, W), as JPEG computes it."""
    luma: npt.NDArray[np.float64] = np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], pixels)
    return luma


def tensor_of(pixels: npt.NDArray[np.float64]) -> Tensor:
    return torch.tensor(pixels, dtype=torch.float32)
