"""What a backbone is: how it is built, what it puts out, and where its pretrained weights come from."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from dfdetect.errors import UsageError

Form = Literal["map", "vector"]
"""Of the features: a map (N, C, h, w), which average pooling and the linear layer follow, or a vector (N, C)."""
Depths = tuple[Mapping[str, int], int]
"""Depth of each parameter, by name, 0 at the input, and the depth of the head."""


class Pretrained(Protocol):
    """Where pretrained weights come from: torchvision's `WeightsEnum`, or timm's as `TimmWeights` has them."""

    @property
    def url(self) -> str:
        """Of the file, or of the page that holds it."""

    @property
    def transforms(self) -> Callable[[], Any]:
        """Makes an object with `mean`, `std` and `crop_size` of the pictures they were trained on."""

    def get_state_dict(self, progress: bool, check_hash: bool, weights_only: bool) -> Mapping[str, Any]:
        """The whole network's state dict, downloaded once."""


@dataclass(frozen=True)
class NoWeights:
    """In place of pretrained weights: how pixels are normalised, and the size of the pictures.

    Args:
        size: side in pixels.
        mean: (R, G, B) of pixels in [0, 1].
        std: the same; with the usual values the network sees pixels in [-1, 1].
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def url(self) -> str:
        """None."""
        return ""

    def transforms(self) -> Any:
        """`mean`, `std` and `crop_size`."""
        return SimpleNamespace(mean=self.mean, std=self.std, crop_size=[self.size])

    def get_state_dict(self, progress: bool, check_hash: bool, weights_only: bool) -> Mapping[str, Any]:
        """There is none; raises `UsageError`."""
        raise UsageError(
            "This backbone has no pretrained weights: --model.weights none starts from random ones, --model.weights "
            "FILE from a checkpoint or a state dict"
        )


@dataclass(frozen=True)
class DepthsByName:
    """Tells how deep a parameter lies by its name.

    Args:
        blocks: pattern whose groups are the numbers that order the blocks.
        stem: pattern of what comes before all blocks; what matches neither lies behind them, with the head.
    """

    blocks: str
    stem: str = "$^"

    def __call__(self, network: nn.Module) -> Depths:
        """Depths of all parameters of a backbone."""
        places = {name: self._place(name) for name, _ in network.named_parameters()}
        known = sorted({place for place in places.values() if place is not None})
        return {n: len(known) if p is None else known.index(p) for n, p in places.items()}, len(known)

    def _place(self, name: str) -> tuple[int, ...] | None:
        if re.match(self.stem, name):
            return (-1,)
        found = re.match(self.blocks, name)
        return tuple(int(number) for number in found.groups()) if found else None


@dataclass(frozen=True)
class Backbone:
    """How to build one feature extractor.

    Attributes:
        build: makes it, randomly initialised: normalised (N, 3, H, W) to features of the form below.
        channels: C of the features.
        dropout: rate before the linear layer that its authors use.
        weights: ImageNet weights, whose transforms hold mean, standard deviation and input size; or `NoWeights`.
        prefix: what its parameters' names begin with in the state dict of the whole network.
        head_prefix: the same of the classifier, which does not carry over; one, several or none.
        form: `map` (N, C, h, w), which gives a heatmap, or `vector` (N, C), pooled in a way of its own.
        centred_on_first: of a map, whether cell i looks at pixel i * step, as after padded convolutions with a stride
            (`dfdetect.explain.grid`), and not, as patches do, at the middle of the pixels it stands for.
        inner: what its parameters' names begin with here, in place of `prefix`.
        takes_any_size: whether every input size goes; else it is tried (`check_size`).
        depths: tells how deep each parameter lies, for layer-wise learning-rate decay.
        formats: that `dfdetect export` was shown to write it in; None where nobody has tried.
    """

    build: Callable[[], nn.Module]
    channels: int
    dropout: float = 0.0
    weights: Pretrained = NoWeights()
    prefix: str = ""
    head_prefix: str | tuple[str, ...] = ()
    form: Form = "map"
    centred_on_first: bool = False
    inner: str = ""
    takes_any_size: bool = True
    depths: Callable[[nn.Module], Depths] = DepthsByName(r"(\d+)\.")
    formats: tuple[str, ...] | None = None

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation (R, G, B) of pixels in [0, 1] that the pretrained weights expect."""
        transforms = self.weights.transforms()
        return list(transforms.mean), list(transforms.std)

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that the pretrained weights were trained on."""
        return int(self.weights.transforms().crop_size[0])

    def pretrained_state(self) -> dict[str, Tensor]:
        """State dict of the whole network, downloaded once; torchvision's is checked against its hash."""
        return dict(self.weights.get_state_dict(progress=True, check_hash=True, weights_only=True))

    @property
    def cached(self) -> Path:
        """Where the pretrained weights lie once they are downloaded."""
        own = getattr(self.weights, "cached", None)
        return own or Path(torch.hub.get_dir()) / "checkpoints" / Path(self.weights.url).name

    def check_size(self, name: str, size: int) -> None:
        """Try an input size, without computing anything.

        Args:
            name: of this backbone.
            size: side of the square in pixels.

        Raises:
            UsageError: the network does not take it.
        """
        if self.takes_any_size or size == self.input_size:
            return
        try:
            self._try(size)
        except (UsageError, AssertionError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(
                f"model.backbone {name} takes no pictures of {size} pixels ({said}). Its own size is "
                f"{self.input_size}: --data.image_size {self.input_size}"
            ) from None

    def check_features(self, name: str) -> None:
        """Try whether it puts out what it says, without computing anything.

        Args:
            name: of this backbone.

        Raises:
            UsageError: it fails, or its features have another form or number of channels.
        """
        size = self.input_size
        try:
            features = self._try(size)
        except Exception as error:  # whatever a network of somebody's own may raise
            said = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(
                f"model.backbone {name} fails where only shapes are computed, on torch's meta device, for a picture "
                f"(1, 3, {size}, {size}): {said}"
            ) from error
        found = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        dimensions = 4 if self.form == "map" else 2
        if not isinstance(found, tuple) or len(found) != dimensions or found[:2] != (1, self.channels) or 0 in found:
            said = f"a map (1, {self.channels}, h, w)" if self.form == "map" else f"a vector (1, {self.channels})"
            raise UsageError(
                f"model.backbone {name} says that it makes {said} of a picture (1, 3, {size}, {size}), but makes "
                f"{found}: mend its `channels` or its `form`"
            )

    def _try(self, size: int) -> Any:
        with torch.device("meta"), torch.no_grad():
            return self.build().eval()(torch.empty(1, 3, size, size))
