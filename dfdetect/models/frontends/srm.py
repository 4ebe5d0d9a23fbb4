"""`srm`: noise residuals, what is left of a pixel when its neighbours have predicted it."""

import numpy as np
import torch
from torch import Tensor, nn

_STEPS = 3.0
"""On each side of 0: where residuals are cut off, since edges of the scene say nothing of its noise."""
_SECOND = np.array([0.0, 1.0, -2.0, 1.0, 0.0])
_SQUARE = np.array(
    [
        [-1.0, 2.0, -2.0, 2.0, -1.0],
        [2.0, -6.0, 8.0, -6.0, 2.0],
        [-2.0, 8.0, -12.0, 8.0, -2.0],
        [2.0, -6.0, 8.0, -6.0, 2.0],
        [-1.0, 2.0, -2.0, 2.0, -1.0],
    ]
)


def kernels() -> Tensor:
    """The three filters (3, 5, 5): 3x3 square, 5x5 square, second derivative along a row; each its step as unit."""
    row = np.zeros((5, 5))
    row[2] = _SECOND / 2
    filters = np.stack([-np.outer(_SECOND, _SECOND) / 4, _SQUARE / 12, row])
    return torch.tensor(filters, dtype=torch.float32)


class FixedConv2d(nn.Conv2d):
    """A convolution without bias whose weights are given: no parameters, and no part of a checkpoint.

    Args:
        weight: (out, in, h, w), h and w odd.
    """

    def __init__(self, weight: Tensor) -> None:
        outside, inside, high, wide = weight.shape
        super().__init__(inside, outside, (high, wide), padding=(high // 2, wide // 2), bias=False)
        del self.weight
        self.register_buffer("weight", weight, persistent=False)


class SRM(nn.Module):
    """Three high-pass residuals, each the mean of those of R, G and B, cut off at three quantisation steps.

    Channels: square 3x3, square 5x5, second derivative; in [-3, 3]. A step is one grey level. Beyond the border the
    picture is black, so the outermost two pixels are mostly cut off.

    Source: Fridrich and Kodovsky, *Rich Models for Steganalysis of Digital Images*, IEEE TIFS 2012; these three of its
    filters as in Zhou, Han, Morariu and Davis, *Learning Rich Features for Image Manipulation Detection*, CVPR 2018.
    There residuals are rounded to whole steps, too; here they are not, so that gradients reach the pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.residuals = FixedConv2d(kernels()[:, None].repeat(1, 3, 1, 1) / 3)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 3, H, W) in [-3, 3]."""
        residuals: Tensor = self.residuals(pixels)
        return residuals.clamp(-_STEPS, _STEPS)
