"""What stands before and behind a backbone: normalisation of raw pixels, and the classifier head."""

import torch
from torch import Tensor, nn

from dfdetect.data.samples import CLASS_NAMES


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


class PooledLinearHead(nn.Module):
    """Global average pooling, dropout, one linear layer: feature map (N, C, h, w) to logits (N, 2).

    Args:
        channels: C of the feature map.
        dropout: rate between pooling and linear layer.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, len(CLASS_NAMES))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, 2) in the order real, fake."""
        logits: Tensor = self.linear(self.dropout(features.mean(dim=(2, 3))))
        return logits


def margin_of(logits: Tensor) -> Tensor:
    """Logits (N, 2) to the logit of fake minus the logit of real, (N,) float32."""
    return logits[:, 1].float() - logits[:, 0].float()
