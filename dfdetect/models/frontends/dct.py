"""`dct`: how strong each frequency is in each block of 8x8 pixels, as JPEG cuts them."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from dfdetect.models.frontends.tables import Floats, luma

_SIDE = 8
_CENTRE, _UNIT = 1.0, 1.2
"""About mean and deviation of the logarithms in photographs of faces at 224 pixels."""


def dct_matrix(side: int) -> Floats:
    """Orthonormal DCT-II, (side, side): frequencies in rows."""
    frequency, place = np.mgrid[:side, :side]
    matrix = np.cos(np.pi * frequency * (2 * place + 1) / (2 * side)) * np.sqrt(2 / side)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, np.float64)


class BlockDCT(nn.Module):
    """Logarithm of the size of each coefficient of the 8x8 DCT of luma, laid at the place of its block.

    Row and column within a block are vertical and horizontal frequency, from 0 on.

    Channels: one, `(ln(1 + |c|) - 1) / 1.2`, in [-0.84, 5.6]. Blocks that reach over the border are filled with its
    pixels.

    Source: Ahmed, Natarajan and Rao, *Discrete Cosine Transform*, IEEE Trans. Computers 1974; as a detector's input
    Frank et al., *Leveraging Frequency Analysis for Deep Fake Image Recognition*, ICML 2020, there of whole pictures.
    """

    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.tensor(dct_matrix(_SIDE), dtype=torch.float32), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 1, H, W)."""
        height, width = pixels.shape[2:]
        blocks = luma(pixels)
        if height % _SIDE or width % _SIDE:
            blocks = pad(blocks, (0, -width % _SIDE, 0, -height % _SIDE), mode="replicate")
        high, wide = blocks.shape[2:]
        vertical = self.matrix @ blocks.reshape(-1, high // _SIDE, _SIDE, wide)
        both = vertical.reshape(-1, high, wide // _SIDE, _SIDE) @ self.matrix.T
        sizes = both.reshape(-1, 1, high, wide)[:, :, :height, :width].abs()
        return (torch.log1p(sizes) - _CENTRE) / _UNIT
