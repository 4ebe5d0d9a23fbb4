"""Before int8: weights are rounded, and what that shifts a layer's output by, on average, is taken from its bias.

Each channel's weights are rounded to 255 steps (`rounding`). In a depthwise filter of nine weights the errors do not
cancel: they move the channel's mean, in one direction for all pictures, and the following layers add such shifts up.

Source: Nagel, van Baalen, Blankevoort and Welling, *Data-Free Quantization Through Weight Equalization and Bias
Correction*, ICCV 2019, section 4.2; here the means are measured on calibration images, as in its appendix D.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dfdetect.deploy.engines.engine import Batch
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.export.rounding import nearest, rounded, second_moments, steps

_BATCH = 16


class Corrected(NamedTuple):
    """A network that awaits int8, and of each convolution (out,) the steps of its channels, but of those in float."""

    network: ExportNetwork
    steps: Mapping[str, Tensor]


def corrected(network: ExportNetwork, pixels: Batch, keep: Collection[str], narrow: bool = False) -> Corrected:
    """A copy of the network, BatchNorm folded into the convolutions before it, its weights on int8's steps.

    Args:
        network: in evaluation mode.
        pixels: (N, S, S, 3) uint8, pictures of the training part.
        keep: convolutions whose weights are not going to be rounded.
        narrow: no sum of products may pass 16 bits (`rounding.NEIGHBOURS`).
    """
    folded = copy.deepcopy(network)
    _fold(folded)
    layers = {n: m for n, m in folded.named_modules() if isinstance(m, nn.Conv2d) and n not in keep}
    moments = second_moments(folded, layers, _batches(pixels))
    exact = {name: layer.weight.detach() for name, layer in layers.items()}
    weights = {
        name: rounded(weight, moments[name], narrow) if name in moments else nearest(weight, narrow)
        for name, weight in exact.items()
    }
    for name, shift in _shifts(folded, layers, weights, pixels).items():
        layer = layers[name]
        bias = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias.detach()
        layer.bias = nn.Parameter(bias - shift, requires_grad=False)
        layer.weight = nn.Parameter(weights[name], requires_grad=False)
    return Corrected(folded, {name: steps(weight, narrow) for name, weight in exact.items()})


def _fold(module: nn.Module) -> None:
    """Fold each BatchNorm into the convolution that is registered right before it; timm's holds an activation too."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if type(child) is nn.BatchNorm2d and before is not None and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            _fold(child)
        before = name, child


def _shifts(
    network: ExportNetwork, layers: dict[str, nn.Conv2d], weights: dict[str, Tensor], pixels: Batch
) -> dict[str, Tensor]:
    """Of each layer the mean (out,) by which these weights move its output, all layers before it being exact."""
    sums = {name: torch.zeros(layer.out_channels) for name, layer in layers.items()}
    errors = {name: weights[name] - layer.weight.detach() for name, layer in layers.items()}

    def add(name: str, layer: nn.Conv2d, inputs: Tensor) -> None:
        # padding with zeros: none of torchvision's backbones pads in another way
        moved = conv2d(inputs, errors[name], None, layer.stride, layer.padding, layer.dilation, layer.groups)
        sums[name] += moved.mean(dim=(2, 3)).sum(dim=0)

    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs, name=name: add(name, module, inputs[0]))
        for name, layer in layers.items()
    ]
    try:
        with torch.inference_mode():
            for batch in _batches(pixels):
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total / len(pixels) for name, total in sums.items()}


def _batches(pixels: Batch) -> Iterator[Tensor]:
    for start in range(0, len(pixels), _BATCH):
        yield torch.from_numpy(np.ascontiguousarray(pixels[start : start + _BATCH].transpose(0, 3, 1, 2)))
