"""The network that leaves: raw pixels in, p_fake and heatmap out, everything between inside the graph."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dfdetect.deploy.metadata import Format, Precision
from dfdetect.errors import ExportError
from dfdetect.evaluation.network_name import ENSEMBLE
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import LinearHead, PooledLinearHead, mirrored_mean

HEAD = "heatmap"
"""Name of the convolution that stands for pooling and linear layer."""
FRONTEND, BACKBONE = "normalise", "backbone."
"""Name of what stands before a backbone, that of an ensemble's member too, and computes in single precision in every
file; beginning of the names of the backbone's layers."""
LEAST_HALVED = 10_000
"""Layers with at least so many weights have them in half precision. In MobileNetV2 the others, all depthwise ones
among them, are 5% of the weights and make nine tenths of the error."""


class ExportNetwork(nn.Module):
    """A detector's front-end and backbone with a head that gives a score and, where it can, its explanation.

    The heatmap is one small convolution, and the score is made of its mean (`PooledLinearHead.heatmap_layer`). Where no
    feature map is pooled right before the linear layer there is no such map, and the score stands alone.

    Args:
        detector: trained.

    Raises:
        ExportError: its head is another one.
    """

    margin_bias: Tensor
    temperature: Tensor

    def __init__(self, detector: DeepfakeDetector) -> None:
        super().__init__()
        if not isinstance(detector.head, LinearHead):
            raise ExportError(
                f"{detector.hparams['backbone']} cannot be exported: it does not end in a linear layer. Train one of "
                "those that dfdetect backbones lists: dfdetect fit --model.backbone mobilenet_v2"
            )
        head = detector.head
        self.normalise, self.backbone = detector.normalise, detector.backbone
        self.mirrors = bool(detector.hparams["test_time_flip"])
        self.heatmap = head.heatmap_layer() if isinstance(head, PooledLinearHead) else None
        self.margin = head.margin_layer() if self.heatmap is None else None
        self.register_buffer("margin_bias", head.margin_bias())
        self.register_buffer("temperature", torch.tensor(float(detector.facts["temperature"])))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, S, S) RGB in 0..255, uint8 or float, to p_fake (N,) and, where there is one, the heatmap (N, h, w)."""
        features = mirrored_mean(self._see, pixels) if self.mirrors else self._see(pixels)
        if self.heatmap is not None:
            heatmap = self.heatmap(features).squeeze(1)
            return self._p_fake(heatmap.mean(dim=(1, 2))), heatmap
        assert self.margin is not None  # noqa: S101, one of the two is there
        return (self._p_fake(self.margin(features).squeeze(1)),)

    def _see(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.backbone(self.normalise(pixels))
        return features

    def _p_fake(self, margin: Tensor) -> Tensor:
        return torch.sigmoid((margin + self.margin_bias) / self.temperature)


class ChannelsLastNetwork(nn.Module):
    """The same with pixels as (N, S, S, 3), as a camera gives them."""

    def __init__(self, network: ExportNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """(N, S, S, 3) uint8 to p_fake (N,) and, where there is one, the heatmap (N, h, w)."""
        outputs: tuple[Tensor, ...] = self.network(pixels.permute(0, 3, 1, 2))
        return outputs


def refuse_impossible(detector: DeepfakeDetector, formats: Sequence[Format], precisions: Sequence[Precision]) -> None:
    """Refuse what cannot be written, before the first minute of work.

    Raises:
        ExportError: a format that cannot hold this backbone, or int8 of one that computes in more than convolutions.
    """
    name, spec = detector.hparams["backbone"], detector.spec
    if "int8" in precisions and name.startswith(ENSEMBLE):
        raise ExportError(
            "An ensemble is not exported in int8, whose float layers are chosen for one network. Use --precision fp32 "
            "fp16, or teach one network what it knows and export that: dfdetect fit --model.teacher CHECKPOINT"
        )
    if "int8" in precisions and spec.form != "map":
        raise ExportError(
            f"{name} is not exported in int8: only convolutions are made so here, and it computes mostly in matrices. "
            "Use --precision fp32 fp16"
        )
    if unknown := [one for one in formats if spec.formats is not None and one not in spec.formats]:
        known = " ".join(spec.formats or ())
        raise ExportError(f"{name} cannot be exported to {', '.join(unknown)}: use --format {known}")


def frontends(network: ExportNetwork) -> list[str]:
    """Names of the front-ends that see more than plain pixels."""
    seeing = [(name, module) for name, module in network.named_modules() if name.split(".")[-1] == FRONTEND]
    return [f"{name}.{part}" for name, module in seeing for part, _ in module.named_children()]


def sees(name: str) -> bool:
    """Whether a layer or tensor of that name belongs to what stands before a backbone."""
    return FRONTEND in name.split(".")[:-1]


def convolutions(network: ExportNetwork, size: int) -> list[str]:
    """Names of all convolutions in the order in which they run, a heatmap's last; `size` is the input's side."""
    order: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: order.append(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        with torch.inference_mode():
            network(torch.zeros(1, 3, size, size, dtype=torch.uint8))
    finally:
        for hook in hooks:
            hook.remove()
    return order
