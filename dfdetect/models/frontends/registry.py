"""The registry of front-ends. Another one joins by one entry in `FRONTENDS`; `rgb` is the picture as it is."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.errors import UsageError
from dfdetect.models.frontends.dct import BlockDCT
from dfdetect.models.frontends.npr import NPR
from dfdetect.models.frontends.phase import PhaseOnly
from dfdetect.models.frontends.spectrum import RadialSpectrum
from dfdetect.models.frontends.srm import SRM
from dfdetect.models.layers import Normalise, without_autocast

RGB = "rgb"
_JOIN = "+"


@dataclass(frozen=True)
class FrontEnd:
    """One way to see a picture.

    Attributes:
        build: makes it from mean and standard deviation (R, G, B) of pixels in [0, 1] that the backbone expects: RGB in
            0..255, (N, 3, H, W) float32, to about unit scale, (N, channels, H, W). It learns nothing.
        channels: that it gives.
        sees: what, in a few words.
    """

    build: Callable[[list[float], list[float]], nn.Module]
    channels: int
    sees: str


FRONTENDS: dict[str, FrontEnd] = {
    RGB: FrontEnd(Normalise, 3, "the picture, normalised as the backbone expects it"),
    "srm": FrontEnd(lambda mean, std: SRM(), 3, "noise that neighbouring pixels do not predict"),
    "npr": FrontEnd(lambda mean, std: NPR(), 3, "differences within blocks of 2x2 pixels"),
    "phase": FrontEnd(lambda mean, std: PhaseOnly(), 1, "luma with all frequencies equally strong"),
    "dct": FrontEnd(lambda mean, std: BlockDCT(), 1, "strength of each frequency in each block of 8x8"),
    "spectrum": FrontEnd(lambda mean, std: RadialSpectrum(), 1, "strength of each frequency in the whole, as rings"),
}


class Joined(nn.ModuleDict):
    """Front-ends side by side, in float32 whatever the training's precision: they subtract what is nearly equal."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Move to another device, but stay in float32."""

        def moved(tensor: Tensor) -> Tensor:
            found = fn(tensor)
            return found if found.dtype == tensor.dtype else tensor.to(found.device)

        return super()._apply(moved, recurse)  # type: ignore[no-untyped-call]

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255, uint8 or float, to the channels of all, (N, C, H, W) float32."""
        with without_autocast(pixels):
            values = pixels.to(torch.float32)
            return torch.cat([frontend(values) for frontend in self.values()], dim=1)


def parts_of(name: str) -> list[str]:
    """Names that `model.frontend` joins, such as `rgb+srm`; raises `UsageError` for one unknown, or named twice."""
    parts = name.split(_JOIN)
    for part in parts:
        if part not in FRONTENDS:
            near = get_close_matches(part, FRONTENDS, n=1)
            raise UsageError(
                f"model.frontend {part!r} is unknown; there are: {', '.join(FRONTENDS)}, and several joined, such as "
                f"rgb+srm" + (f"; did you mean {near[0]}?" if near else "")
            )
    if len(set(parts)) < len(parts):
        raise UsageError(f"model.frontend {name} names one of them twice")
    return parts


def channels_of(name: str) -> int:
    """Channels that the backbone sees."""
    return sum(FRONTENDS[part].channels for part in parts_of(name))


def build_frontend(name: str, mean: list[float], std: list[float]) -> nn.Module:
    """What stands before the backbone: raw pixels (N, 3, H, W), uint8 or float, to (N, C, H, W).

    Args:
        name: of one, or of several joined by `+`; their channels come in this order.
        mean: (R, G, B) of pixels in [0, 1] that the backbone expects.
        std: the same.

    Raises:
        UsageError: there is none of that name.
    """
    if parts_of(name) == [RGB]:
        return Normalise(mean, std)
    return Joined({part: FRONTENDS[part].build(mean, std) for part in parts_of(name)})
