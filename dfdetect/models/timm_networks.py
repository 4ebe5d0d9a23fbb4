"""Any network of timm by its name: size, normalisation, features and depth of its parameters are found by trying it.

timm is Apache-2.0; its pretrained weights have licences of their own, which their pages tell.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.errors import MissingExtraError, UsageError
from dfdetect.models.backbone import Backbone, Depths
from dfdetect.models.drop_path import set_drop_path

_WITH_DROP_PATH = {"drop_path_rate": 0.1}
"""timm builds the places to drop only where a rate is asked for; it is set to 0 at once."""
_ANY_SIZE = {"dynamic_img_size": True}
"""Vision transformers of timm then interpolate their position embeddings when they see another size."""
_POOLS_AND_CONVOLUTIONS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
_HEAD = "classifier-of-dfdetect"
_OPTIONS: tuple[dict[str, Any], ...] = (_WITH_DROP_PATH | _ANY_SIZE, _WITH_DROP_PATH, {})


class TimmMap(nn.Module):
    """A network that ends in average pooling, without it.

    Args:
        network: of timm.
        channels_last: whether its features are (N, h, w, C).
    """

    def __init__(self, network: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.network, self.channels_last = network, channels_last

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to a feature map (N, C, h, w)."""
        features: Tensor = self.network.forward_features(pixels)  # type: ignore[operator]
        return features.permute(0, 3, 1, 2) if self.channels_last else features


class TimmVector(nn.Module):
    """A network that pools in a way of its own.

    Args:
        network: of timm.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to what its classifier would see, (N, C)."""
        return _pooled(self.network, self.network.forward_features(pixels))  # type: ignore[operator]


class TimmWeights:
    """Pretrained weights that timm has of a network, in the manner of torchvision's `WeightsEnum`.

    Args:
        name: of the network, which may name one of several sets of weights: ARCHITECTURE.TAG.
        config: timm's own, of these weights.
    """

    def __init__(self, name: str, config: Any) -> None:
        self.name, self.config = name, config

    @property
    def url(self) -> str:
        """The page of the weights, or the file; empty where timm has none of this name."""
        hub = f"https://huggingface.co/{self.config.hf_hub_id}" if self.config.hf_hub_id else ""
        return hub or str(self.config.url or "")

    @property
    def cached(self) -> Path:
        """The Hugging Face client's folder of these weights."""
        folder = Path(import_module("huggingface_hub.constants").HF_HUB_CACHE)
        return folder / f"models--{str(self.config.hf_hub_id).replace('/', '--')}"

    def transforms(self) -> Any:
        """`mean`, `std` and `crop_size` of the pictures they were trained on."""
        return SimpleNamespace(mean=self.config.mean, std=self.config.std, crop_size=[self.config.input_size[-1]])

    def get_state_dict(self, progress: bool, check_hash: bool, weights_only: bool) -> Mapping[str, Any]:
        """The whole network's, through timm's own download code; it reads safetensors, or tensors without any code."""
        if not self.url:
            raise UsageError(f"timm has no weights for {self.name}: name a file with --model.weights FILE, or none")
        return dict(_timm().create_model(self.name, pretrained=True).state_dict())  # with its head, so all must fit


@cache
def timm_backbone(name: str) -> Backbone:
    """A network of timm as a backbone.

    Raises:
        MissingExtraError: timm is not installed.
        UsageError: it has no network of that name, or one that gives no pooled features.
    """
    timm = _timm()
    config = _config(timm, name)
    size = config.input_size[-1]
    with torch.device("meta"), torch.no_grad():  # shapes only: nothing is computed, no memory is taken
        try:
            network = _create(name)
            features = network.forward_features(torch.empty(1, 3, size, size))
            pooled = _pooled(network, features)
            channels = int(pooled.shape[1])
            if pooled.ndim != 2:
                raise TypeError(f"its features are {tuple(pooled.shape)}")
        except (AssertionError, AttributeError, TypeError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise UsageError(f"timm:{name} gives no pooled features that are known here ({said})") from None
    layout = _map_layout(network, features)
    classifiers = [config.classifier] if isinstance(config.classifier, str) else list(config.classifier or ())
    return Backbone(
        build=partial(_build, name, layout),
        channels=channels,
        dropout=0.0,
        weights=TimmWeights(name, config),
        prefix="",
        head_prefix=tuple(f"{classifier}." for classifier in classifiers),
        form="map" if layout else "vector",
        centred_on_first=bool(layout) and _centred_on_first(network),
        inner="network.",
        takes_any_size=False,
        depths=_depths,
        formats=None,
    )


def timm_names(pattern: str) -> list[str]:
    """Names of timm's networks that a pattern with `*` matches; raises `MissingExtraError` without timm."""
    return list(_timm().list_models(pattern))


def _timm() -> Any:
    try:
        return import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise MissingExtraError("timm", "A backbone of timm's", "timm") from None


def _config(timm: Any, name: str) -> Any:
    """Configuration of a network and its weights; raises `UsageError` where there is none."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = get_close_matches(architecture, timm.list_models(), n=3)
        raise UsageError(
            f"timm has no network {architecture!r}{'; did you mean ' + ', '.join(near) if near else ''}. "
            f"See dfdetect backbones --timm '*{architecture[:4]}*'"
        )
    config = timm.get_pretrained_cfg(name, allow_unregistered=False) if _has_tag(timm, name, tag) else None
    if config is None:
        tags = [one.partition(".")[2] for one in timm.list_models(f"{architecture}.*", pretrained=True)]
        raise UsageError(f"timm has no weights {tag!r} of {architecture}; there are: {', '.join(tags) or 'none'}")
    return config


def _has_tag(timm: Any, name: str, tag: str) -> bool:
    return not tag or name in timm.list_pretrained(f"{name.partition('.')[0]}.*")


def _create(name: str) -> Any:
    """The network without a classifier, randomly initialised, with as much as it can: drop path, any input size."""
    timm = _timm()
    for options in _OPTIONS[:-1]:
        try:
            return timm.create_model(name, num_classes=0, **options)
        except TypeError:  # it has no such option
            continue
    return timm.create_model(name, num_classes=0)


def _build(name: str, layout: str) -> nn.Module:
    network = _create(name)
    set_drop_path(network, 0.0)
    return TimmMap(network, channels_last=layout == "NHWC") if layout else TimmVector(network)


def _pooled(network: Any, features: Any) -> Tensor:
    pooled: Tensor = network.forward_head(features, pre_logits=True)
    return pooled


def _map_layout(network: Any, features: Any) -> str:
    """`NCHW` or `NHWC` where what follows the features is their average over places, and nothing else; or empty.

    The network holds no numbers, so a layer with parameters among what follows fails, or gives none either.
    """
    if not isinstance(features, Tensor) or features.ndim != 4:
        return ""
    drawn = torch.rand(2, *features.shape[1:])
    try:
        pooled = _pooled(network.eval(), drawn)
    except (RuntimeError, NotImplementedError):
        return ""
    if pooled.device.type == "meta":
        return ""
    for layout, places in {"NCHW": (2, 3), "NHWC": (1, 2)}.items():
        mean = drawn.mean(dim=places)
        if pooled.shape == mean.shape and torch.allclose(pooled, mean, atol=1e-5):
            return layout
    return ""


def _centred_on_first(network: Any) -> bool:
    """Whether all layers with a stride are padded so that output i is centred on input i * stride.

    Where they disagree, as pooling in the shortcuts of ResNet-D does, cells are taken to look at their middles.
    """
    strided = [one for one in network.modules() if isinstance(one, _POOLS_AND_CONVOLUTIONS) and _side(one.stride) > 1]
    return bool(strided) and all(_side(one.kernel_size) == 2 * _side(one.padding) + 1 for one in strided)


def _side(value: Any) -> int:
    """Of a square that torch takes as one number or as two."""
    return int(value[0] if isinstance(value, tuple | list) else value)


def _depths(backbone: nn.Module) -> Depths:
    """As timm groups a network's parameters itself."""
    network: Any = backbone.network
    named = [*network.named_parameters(), (_HEAD, None)]  # our head, which timm puts where its classifiers go
    listed = SimpleNamespace(named_parameters=lambda: named)
    matcher = network.group_matcher(coarse=False)
    grouped = import_module("timm.models").group_parameters(listed, matcher, reverse=True)
    top = grouped.pop(_HEAD)
    return {f"network.{name}": depth for name, depth in grouped.items()}, top
