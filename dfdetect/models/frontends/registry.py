"""The registry of front-ends. Another one joins by one entry in `FRONTENDS`; `rgb` is the picture as it is.

One outside of this package is found by its import path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.errors import UsageError
from dfdetect.extensions import is_import_path, load_extension
from dfdetect.models.frontends.dct import BlockDCT
from dfdetect.models.frontends.npr import NPR
from dfdetect.models.frontends.phase import PhaseOnly
from dfdetect.models.frontends.spectrum import RadialSpectrum
from dfdetect.models.frontends.srm import SRM
from dfdetect.models.layers import Normalise, without_autocast

RGB = "rgb"
_JOIN = "+"
_SIDE = 224
"""In pixels, of the picture that a front-end of somebody's own is tried on."""
_TRIED: set[str] = set()
"""Import paths of what was found to be as it says, so that it is tried once."""


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


def get_frontend(name: str) -> FrontEnd:
    """The one front-end of that name or import path; raises `UsageError`, listing all, where there is none."""
    if name in FRONTENDS:
        return FRONTENDS[name]
    if is_import_path(name):
        return _own_frontend(name)
    near = get_close_matches(name, FRONTENDS, n=1)
    raise UsageError(
        f"model.frontend {name!r} is unknown; there are: {', '.join(FRONTENDS)}, MODULE.NAME for your own "
        "(docs/extend.md), and several joined, such as rgb+srm" + (f"; did you mean {near[0]}?" if near else "")
    )


def _own_frontend(path: str) -> FrontEnd:
    frontend = load_extension(path, FrontEnd, "model.frontend")
    if path not in _TRIED:
        _check(frontend, path)
        _TRIED.add(path)
    return frontend


def _check(frontend: FrontEnd, path: str) -> None:
    """Raises `UsageError` where it does not put out what it says."""
    shape = (1, 3, _SIDE, _SIDE)
    try:
        with torch.device("meta"), torch.no_grad():  # shapes only: nothing is computed
            layer = frontend.build([0.5] * 3, [0.5] * 3).eval()
            seen = layer(torch.empty(shape))
    except Exception as error:  # whatever a front-end of somebody's own may raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"model.frontend {path} fails where only shapes are computed, on torch's meta device, for pixels {shape}: "
            f"{said}"
        ) from error
    expected = (1, frontend.channels, *shape[2:])
    given = tuple(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
    if given != expected:
        raise UsageError(f"model.frontend {path} must make {expected} of pixels {shape}, but makes {given}")
    if any(parameter.requires_grad for parameter in layer.parameters()):
        raise UsageError(
            f"model.frontend {path} has parameters that learn; a front-end has none: make them buffers, or the layer a "
            "part of a backbone"
        )


def parts_of(name: str) -> list[str]:
    """Names that `model.frontend` joins, such as `rgb+srm`; raises `UsageError` for one unknown, or named twice."""
    parts = name.split(_JOIN)
    for part in parts:
        get_frontend(part)
    if len({_key(part) for part in parts}) < len(parts):
        raise UsageError(f"model.frontend {name} names one of them twice")
    return parts


def channels_of(name: str) -> int:
    """Channels that the backbone sees."""
    return sum(get_frontend(part).channels for part in parts_of(name))


def build_frontend(name: str, mean: list[float], std: list[float]) -> nn.Module:
    """What stands before the backbone: raw pixels (N, 3, H, W), uint8 or float, to (N, C, H, W).

    Args:
        name: of one, or of several joined by `+`; their channels come in this order.
        mean: (R, G, B) of pixels in [0, 1] that the backbone expects.
        std: the same.

    Raises:
        UsageError: there is none of that name, or one of the user's own is not as `FrontEnd` says.
    """
    if parts_of(name) == [RGB]:
        return Normalise(mean, std)
    return Joined({_key(part): get_frontend(part).build(mean, std) for part in parts_of(name)})


def _key(part: str) -> str:
    """As the network's module and a checkpoint's tensors are called, where a dot would part names."""
    return part.replace(".", "__")
