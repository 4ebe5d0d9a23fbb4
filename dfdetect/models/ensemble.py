"""Several trained detectors as one: a backbone whose features are what its members say of a picture.

The head over it weighs them, so an ensemble is a detector like any other, with one checkpoint: it is tested, exported,
explained and served as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dfdetect.errors import UsageError
from dfdetect.evaluation.network_name import Composition, Member, Method
from dfdetect.models.backbone import Backbone
from dfdetect.models.backbones import get_backbone
from dfdetect.models.frontends.first_layer import widen
from dfdetect.models.frontends.registry import build_frontend
from dfdetect.models.layers import PooledLinearHead, mirrored_mean

if TYPE_CHECKING:
    from dfdetect.models.detector import DeepfakeDetector


class MemberNetwork(nn.Module):
    """One detector without the choice between classes: pictures to its margin, divided by its temperature.

    Args:
        member: what it is built of.
        maps: keep places: (N, 1, h, w), whose mean is the margin, in place of (N, 1).
    """

    def __init__(self, member: Member, maps: bool) -> None:
        super().__init__()
        spec = get_backbone(member.backbone)
        self.normalise = build_frontend(member.frontend, *spec.normalisation())
        self.backbone = spec.build()
        widen(self.backbone, spec, member.frontend, member.backbone)
        self.margin: nn.Module = nn.Conv2d(spec.channels, 1, 1) if maps else nn.Linear(spec.channels, 1)
        self.flip, self.pools = member.flip, spec.form == "map" and not maps

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 1), or to (N, 1, h, w)."""
        features = mirrored_mean(self._see, pixels) if self.flip else self._see(pixels)
        margin: Tensor = self.margin(features.mean(dim=(2, 3)) if self.pools else features)
        return margin

    def _see(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.backbone(self.normalise(pixels))
        return features

    def take(self, detector: "DeepfakeDetector") -> None:
        """Copy the weights of a trained `DeepfakeDetector` that is built alike, and its temperature."""
        self.normalise.load_state_dict(detector.normalise.state_dict())
        self.backbone.load_state_dict(detector.backbone.state_dict())
        temperature = float(detector.facts["temperature"])
        head: Any = detector.head
        kept = isinstance(self.margin, nn.Conv2d) and isinstance(head, PooledLinearHead)
        layer = head.heatmap_layer() if kept else head.margin_layer()
        with torch.no_grad():
            own: Any = self.margin
            own.weight.copy_(layer.weight / temperature)
            own.bias.copy_(head.margin_bias()[None] / temperature)


class Ensemble(nn.Module):
    """Members side by side.

    Args:
        composition: of what.
    """

    def __init__(self, composition: Composition) -> None:
        super().__init__()
        self.averages = composition.method == "mean"
        self.members = nn.ModuleList(MemberNetwork(one, composition.maps) for one in composition.members)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to features.

        Returns:
            The margin of each of M members, (N, M) or with places (N, M, h, w); of `mean` that of their mean p_fake,
            (N, 1).
        """
        if self.averages:
            return margin_of_mean(self.margins(pixels))
        return torch.cat([member(pixels) for member in self.members], dim=1)

    def margins(self, pixels: Tensor) -> Tensor:
        """The same pictures to the margin of each member, (N, M)."""
        said = [member(pixels) for member in self.members]
        return torch.cat([one.mean(dim=(2, 3)) if one.ndim == 4 else one for one in said], dim=1)


def margin_of_mean(margins: Tensor) -> Tensor:
    """Margins (N, M) to the margin of the mean of their p_fake, (N, 1), exact also where those round to 0 or 1."""
    fake, real = F.logsigmoid(margins), F.logsigmoid(-margins)
    return torch.logsumexp(fake, dim=1, keepdim=True) - torch.logsumexp(real, dim=1, keepdim=True)


def ensemble_backbone(name: str) -> Backbone:
    """The entry of the registry for an ensemble's name; raises `UsageError` for none."""
    composition = Composition.parse(name)
    specs = [get_backbone(member.backbone) for member in composition.members]
    formats = [spec.formats for spec in specs if spec.formats is not None]
    return Backbone(
        build=partial(Ensemble, composition),
        channels=1 if composition.method == "mean" else len(specs),
        dropout=0.0,
        weights=_OfRuns(specs[0].input_size),
        prefix="",
        head_prefix="head.",
        form="map" if composition.maps else "vector",
        centred_on_first=specs[0].centred_on_first,
        takes_any_size=all(spec.takes_any_size for spec in specs),
        formats=tuple(one for one in formats[0] if all(one in other for other in formats)) if formats else None,
    )


def compose(detectors: Sequence["DeepfakeDetector"], method: Method, size: int) -> tuple[Composition, Ensemble]:
    """Join trained detectors.

    Args:
        detectors: two or more `DeepfakeDetector`s that take pictures of one size.
        method: how.
        size: side of their pictures in pixels.

    Returns:
        What it is made of, and the network, in evaluation mode.
    """
    settings = [detector.hparams for detector in detectors]
    members = tuple(Member(one["backbone"], one["frontend"], bool(one["test_time_flip"])) for one in settings)
    composition = Composition(method, members, method != "mean" and _have_one_grid(detectors, size))
    network = Ensemble(composition)
    for member, detector in zip(network.members, detectors, strict=True):
        assert isinstance(member, MemberNetwork)  # noqa: S101, of nothing else is the list made
        member.take(detector)
    return composition, network.eval()


def _have_one_grid(detectors: Sequence["DeepfakeDetector"], size: int) -> bool:
    """Whether all give feature maps whose cells stand for the same places."""
    if any(detector.spec.form != "map" for detector in detectors):
        return False
    pixels = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    with torch.inference_mode():
        grids = {(*one.features(pixels).shape[2:], one.spec.centred_on_first) for one in detectors}
    return len(grids) == 1


@dataclass(frozen=True)
class _OfRuns:
    """Stands where other backbones have pretrained weights; members normalise by themselves, so nothing does before."""

    size: int
    url: str = ""

    def transforms(self) -> Any:
        return SimpleNamespace(mean=[0.0] * 3, std=[1 / 255] * 3, crop_size=[self.size])

    def get_state_dict(self, progress: bool, check_hash: bool, weights_only: bool) -> Any:
        raise UsageError("An ensemble has no pretrained weights: it is made of trained runs: dfdetect ensemble RUN RUN")
