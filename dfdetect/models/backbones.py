"""The registry of backbones: how each is built, what it puts out, and where its pretrained weights come from.

Another one joins by one entry in `BACKBONES`.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torchvision
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from dfdetect.errors import UsageError
from dfdetect.models.layers import replace_strided_depthwise


@dataclass(frozen=True)
class Backbone:
    """How to build one feature extractor.

    Attributes:
        build: makes the convolutional part, randomly initialised: (N, 3, H, W) to a feature map (N, C, h, w).
        channels: C of the feature map.
        dropout: rate before the linear layer that its authors use.
        weights: torchvision's ImageNet weights, whose transforms hold mean and standard deviation.
        prefix: what its parameters' names begin with in torchvision's state dict of the whole network.
        head_prefix: the same of the classifier, which does not carry over.
    """

    build: Callable[[], nn.Module]
    channels: int
    dropout: float
    weights: WeightsEnum
    prefix: str
    head_prefix: str

    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation (R, G, B) of pixels in [0, 1] that the pretrained weights expect."""
        transforms = self.weights.transforms()
        return list(transforms.mean), list(transforms.std)

    def imagenet_state(self) -> dict[str, Tensor]:
        """ImageNet state dict of torchvision, downloaded once and checked against its hash."""
        state: dict[str, Tensor] = self.weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
        return state


def _mobilenet_v2() -> nn.Module:
    return replace_strided_depthwise(torchvision.models.mobilenet_v2().features)


def _resnet18() -> nn.Module:
    network = torchvision.models.resnet18()
    return nn.Sequential(
        OrderedDict((name, child) for name, child in network.named_children() if name not in ("avgpool", "fc"))
    )


BACKBONES: dict[str, Backbone] = {
    "mobilenet_v2": Backbone(
        build=_mobilenet_v2,
        channels=1280,
        dropout=0.2,
        weights=torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1,
        prefix="features.",
        head_prefix="classifier.",
    ),
    "resnet18": Backbone(
        build=_resnet18,
        channels=512,
        dropout=0.0,
        weights=torchvision.models.ResNet18_Weights.IMAGENET1K_V1,
        prefix="",
        head_prefix="fc.",
    ),
}


def get_backbone(name: str) -> Backbone:
    """The registered backbone of that name; raises `UsageError`, listing all, where there is none."""
    if name not in BACKBONES:
        raise UsageError(f"model.backbone {name!r} is unknown; there are: {', '.join(sorted(BACKBONES))}")
    return BACKBONES[name]
