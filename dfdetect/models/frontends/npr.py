"""`npr`: neighbouring pixel relations, how a pixel differs from the corner of its 2x2 block."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

_UNIT = 8.0
"""Grey levels."""


class NPR(nn.Module):
    """A picture less its copy at half the size, brought back, both by nearest neighbour.

    Generators enlarge what they paint, and an enlargement ties the pixels of a block to each other.

    Channels: R, G and B, each in [-32, 32], mostly within 1; 0 at even rows and columns.

    Source: Tan, Zhao, Wei, Gu, Liu and Wei, *Rethinking the Up-Sampling Operations in CNN-based Generative Network for
    Generalizable Deepfake Detection*, CVPR 2024.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 3, H, W)."""
        height, width = pixels.shape[2:]
        corners = interpolate(pixels[:, :, ::2, ::2], scale_factor=2.0, mode="nearest")
        return (pixels - corners[:, :, :height, :width]) / _UNIT
