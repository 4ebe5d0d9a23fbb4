"""The registry of backbones. Another one joins by one entry in `BACKBONES`; timm's are found by their name.

One outside of this package is found by its import path.
"""

from difflib import get_close_matches

from torchvision import models

from dfdetect.errors import UsageError
from dfdetect.evaluation.network_name import ENSEMBLE
from dfdetect.extensions import is_import_path, load_extension
from dfdetect.models import torchvision_networks as networks
from dfdetect.models.backbone import Backbone as Backbone
from dfdetect.models.backbone import DepthsByName

TIMM = "timm:"
"""Before a name of timm's."""
_ALL_FORMATS = ("onnx", "openvino", "litert")
_TRIED: set[str] = set()
"""Import paths of what was found to be as it says, so that it is tried once."""

BACKBONES: dict[str, Backbone] = {
    "mobilenet_v2": Backbone(
        build=networks.mobilenet_v2,
        channels=1280,
        dropout=0.2,
        weights=models.MobileNet_V2_Weights.IMAGENET1K_V1,
        prefix="features.",
        head_prefix="classifier.",
        centred_on_first=True,
        formats=_ALL_FORMATS,
    ),
    "mobilenet_v3_large": Backbone(
        build=networks.mobilenet_v3_large,
        channels=960,
        dropout=0.2,
        weights=models.MobileNet_V3_Large_Weights.IMAGENET1K_V2,
        prefix="features.",
        head_prefix="classifier.",
        centred_on_first=True,
        formats=_ALL_FORMATS,
    ),
    "resnet18": Backbone(
        build=networks.resnet18,
        channels=512,
        dropout=0.0,
        weights=models.ResNet18_Weights.IMAGENET1K_V1,
        prefix="",
        head_prefix="fc.",
        depths=DepthsByName(r"layer(\d)\.(\d)\.", stem="conv1|bn1"),
        centred_on_first=True,
        formats=_ALL_FORMATS,
    ),
    "efficientnet_b0": Backbone(
        build=networks.efficientnet_b0,
        channels=1280,
        dropout=0.2,
        weights=models.EfficientNet_B0_Weights.IMAGENET1K_V1,
        prefix="features.",
        head_prefix="classifier.",
        centred_on_first=True,
        formats=_ALL_FORMATS,
    ),
    "efficientnet_v2_s": Backbone(
        build=networks.efficientnet_v2_s,
        channels=1280,
        dropout=0.2,
        weights=models.EfficientNet_V2_S_Weights.IMAGENET1K_V1,
        prefix="features.",
        head_prefix="classifier.",
        centred_on_first=True,
        formats=_ALL_FORMATS,
    ),
    "convnext_tiny": Backbone(
        build=networks.convnext_tiny,
        channels=768,
        dropout=0.0,
        weights=models.ConvNeXt_Tiny_Weights.IMAGENET1K_V1,
        prefix="",
        head_prefix="classifier.2.",
        form="vector",
        depths=DepthsByName(r"features\.(\d+)\."),
        formats=_ALL_FORMATS,
    ),
    "vit_b_16": Backbone(
        build=networks.vit_b_16,
        channels=768,
        dropout=0.0,
        weights=models.ViT_B_16_Weights.IMAGENET1K_V1,
        prefix="",
        head_prefix="heads.",
        form="vector",
        takes_any_size=False,
        depths=DepthsByName(
            r"encoder\.layers\.encoder_layer_(\d+)\.", stem=r"class_token|conv_proj|encoder\.pos_embedding"
        ),
        formats=_ALL_FORMATS,
    ),
}


def get_backbone(name: str) -> Backbone:
    """The backbone of that name or import path; raises `UsageError`, listing all, where there is none."""
    if name in BACKBONES:
        return BACKBONES[name]
    if name.startswith(TIMM):
        from dfdetect.models.timm_networks import timm_backbone  # timm is an extra

        return timm_backbone(name.removeprefix(TIMM))
    if name.startswith(ENSEMBLE):
        from dfdetect.models.ensemble import ensemble_backbone  # whose members are backbones of this registry

        return ensemble_backbone(name)
    if is_import_path(name):
        return _own_backbone(name)
    near = get_close_matches(name, BACKBONES, n=1)
    known = (
        f"there are: {', '.join(sorted(BACKBONES))}, {TIMM}NAME for timm's, and MODULE.NAME for your own "
        "(docs/extend.md)"
    )
    raise UsageError(f"model.backbone {name!r} is unknown; {known}" + (f"; did you mean {near[0]}?" if near else ""))


def _own_backbone(path: str) -> Backbone:
    backbone = load_extension(path, Backbone, "model.backbone")
    if path not in _TRIED:
        backbone.check_features(path)
        _TRIED.add(path)
    return backbone
