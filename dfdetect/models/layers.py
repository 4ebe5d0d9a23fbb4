"""What stands before and behind a backbone: normalisation of raw pixels, the classifier head, and its scores."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import CheckpointError


class Normalise(nn.Module):
    """Raw pixels to what a pretrained backbone expects.

    Args:
        mean: (R, G, B) of pixels in [0, 1].
        std: (R, G, B) of pixels in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..255, uint8 or float, to zero mean and unit deviation, float32."""
        return (pixels.to(self.mean.dtype) - self.mean) / self.std


class LinearHead(nn.Module):
    """Dropout and one linear layer: features (N, C) to logits (N, 2).

    Args:
        channels: C of the features.
        dropout: rate before the linear layer.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, len(CLASS_NAMES))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, 2) in the order real, fake; float32 also under autocast, since bfloat16 scores tie."""
        with without_autocast(features):
            logits: Tensor = self.linear(self.dropout(self.pool(features.to(self.linear.weight.dtype))))
        return logits

    def pool(self, features: Tensor) -> Tensor:
        """Features (N, C) as they are."""
        return features

    def margin_layer(self) -> nn.Linear:
        """A copy of what maps pooled features (N, C) to the margin less its bias, (N, 1), by `w_fake - w_real`."""
        layer = nn.Linear(self.linear.in_features, 1, bias=False, device="meta")  # draws no random weights
        direction = self.linear.weight[1:] - self.linear.weight[:1]
        layer.weight = nn.Parameter(direction.detach().clone(), requires_grad=False)
        return layer

    def margin_bias(self) -> Tensor:
        """A copy of the bias of fake minus that of real, (,)."""
        return (self.linear.bias[1] - self.linear.bias[0]).detach().clone()


class PooledLinearHead(LinearHead):
    """The same for a feature map (N, C, h, w), with global average pooling first."""

    def pool(self, features: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C)."""
        return features.mean(dim=(2, 3))

    def heatmap_layer(self) -> nn.Conv2d:
        """A copy of what maps a feature map (N, C, h, w) to the heatmap, (N, 1, h, w).

        The class activation map of the margin, `(w_fake - w_real) . A`, is a 1x1 convolution. Since pooling and linear
        layer commute, its mean plus the difference of the biases is the margin.

        Source: Zhou, Khosla, Lapedriza, Oliva and Torralba, *Learning Deep Features for Discriminative Localization*,
        CVPR 2016.
        """
        layer = nn.Conv2d(self.linear.in_features, 1, 1, bias=False, device="meta")
        layer.weight = nn.Parameter(self.margin_layer().weight[:, :, None, None], requires_grad=False)
        return layer

    def heatmap(self, features: Tensor) -> Tensor:
        """The heatmap of a feature map (N, C, h, w): (N, h, w) float32, also under autocast."""
        with without_autocast(features):
            heatmap: Tensor = self.heatmap_layer()(features.to(self.linear.weight.dtype))
        return heatmap.squeeze(1).float()


class StridedDepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution with a stride, computed in float32 under autocast on a CPU.

    oneDNN has no fast backward pass of it in bfloat16: float32 is many times as fast (benchmarks/profile_step.py).
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """(N, C, H, W) to (N, C, h, w) in the same type."""
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with without_autocast(input):
            return super().forward(input.float()).to(input.dtype)


def replace_strided_depthwise(network: nn.Module) -> nn.Module:
    """Make each strided depthwise convolution of `network` a `StridedDepthwiseConv2d`, in place; keys stay the same."""
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1 and max(module.stride) > 1:
            module.__class__ = StridedDepthwiseConv2d
    return network


def mirrored_mean(see: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    """What `see` makes of pictures (N, 3, H, W): the mean over each and its mirror image, the latter's turned back.

    Of features (N, C, h, w) or (N, C) pooling and linear layer then make the mean logits and the mean heatmap of both.
    """
    features = see(torch.cat([pixels, pixels.flip(3)]))
    own, mirrored = features.reshape(2, pixels.shape[0], *features.shape[1:])
    mean: Tensor = (own + (mirrored.flip(3) if mirrored.ndim == 4 else mirrored)) / 2
    return mean


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """Autocast off on the tensor's device; nothing at all where it is off already, as in an export, or unknown."""
    kind = tensor.device.type
    enabled = kind != "meta" and torch.is_autocast_enabled(kind)
    return torch.autocast(kind, enabled=False) if enabled else nullcontext()


def margin_of(logits: Tensor) -> Tensor:
    """Logits (N, 2) to the logit of fake minus the logit of real, (N,) float32."""
    return logits[:, 1].float() - logits[:, 0].float()


def cross_entropy(margin: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy, (,), of margins (N,), logit of fake minus logit of real, and labels (N,)."""
    return F.softplus(torch.where(label == 1, -margin, margin)).mean()


def zero_loss(network: nn.Module) -> Tensor:
    """A loss of 0, (,), that touches every parameter: distributed training waits for each one's gradient."""
    return 0.0 * torch.stack([parameter.sum() for parameter in network.parameters()]).sum()


def refuse_nan(margin: Tensor) -> None:
    """A network with broken weights must not be taken for one that calls everything real."""
    if not bool(torch.isfinite(margin).all()):
        raise CheckpointError("The network's scores are not finite: the checkpoint's weights are broken")
