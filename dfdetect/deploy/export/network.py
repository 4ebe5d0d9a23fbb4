"""The network that leaves: raw pixels in, p_fake and heatmap out, everything between inside the graph."""

import torch
from torch import Tensor, nn

from dfdetect.errors import ExportError
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import PooledLinearHead

HEAD = "heatmap"
"""Name of the convolution that stands for pooling and linear layer."""


class ExportNetwork(nn.Module):
    """A detector's normalisation and backbone with a head that gives a score and its explanation.

    The class activation map of the margin, `(w_fake - w_real) . A`, is a 1x1 convolution, and since pooling and linear
    layer commute, its mean plus the difference of the biases is the margin: the head costs one small convolution.

    Source: Zhou, Khosla, Lapedriza, Oliva and Torralba, *Learning Deep Features for Discriminative Localization*,
    CVPR 2016.

    Args:
        detector: trained.

    Raises:
        ExportError: its head is another one.
    """

    margin_bias: Tensor
    temperature: Tensor

    def __init__(self, detector: DeepfakeDetector) -> None:
        super().__init__()
        if not isinstance(detector.head, PooledLinearHead):
            raise ExportError(
                f"{detector.hparams['backbone']} cannot be exported: it does not end in average pooling and a linear "
                "layer. Train mobilenet_v2 or resnet18: dfdetect fit --model.backbone mobilenet_v2"
            )
        linear = detector.head.linear
        self.normalise, self.backbone = detector.normalise, detector.backbone
        self.heatmap = nn.Conv2d(linear.in_features, 1, 1, bias=False)
        weight = linear.weight.detach()
        self.heatmap.weight = nn.Parameter((weight[1] - weight[0]).reshape(1, -1, 1, 1).clone(), requires_grad=False)
        self.register_buffer("margin_bias", (linear.bias[1] - linear.bias[0]).detach().clone())
        self.register_buffer("temperature", torch.tensor(float(detector.facts["temperature"])))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) RGB in 0..255, uint8 or float, to p_fake (N,) and the signed heatmap (N, h, w)."""
        heatmap = self.heatmap(self.backbone(self.normalise(pixels))).squeeze(1)
        margin = heatmap.mean(dim=(1, 2)) + self.margin_bias
        return torch.sigmoid(margin / self.temperature), heatmap


class ChannelsLastNetwork(nn.Module):
    """The same with pixels as (N, S, S, 3), as a camera gives them."""

    def __init__(self, network: ExportNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S, S, 3) uint8 to p_fake (N,) and heatmap (N, h, w)."""
        p_fake, heatmap = self.network(pixels.permute(0, 3, 1, 2))
        return p_fake, heatmap


def convolutions(network: ExportNetwork, size: int) -> list[str]:
    """Names of all convolutions in the order in which they run, the heatmap's last; `size` is the input's side."""
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
