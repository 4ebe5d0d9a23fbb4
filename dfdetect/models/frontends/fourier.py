"""The Fourier transform of pictures as products with constant matrices: every format of an export has those.

Only the half of the spectrum with horizontal frequencies from 0 on is computed: the picture is real, so the other half
mirrors it. Transforms are orthonormal: a picture's energy is its spectrum's.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dfdetect.models.frontends.tables import Floats, Table


def fourier_tables(height: int, width: int) -> Mapping[str, Table]:
    """Matrices for pictures of that size.

    Returns:
        across: (W, 2K), K = W // 2 + 1: rows to the real and then the imaginary parts of their spectra.
        down: (2H, 2H): the same along columns, of numbers whose imaginary parts lie below their real ones.
        back: (2K, W): from spectra of rows to rows.
    """
    kept = width // 2 + 1
    cosine, sine = _waves(width)
    across = np.concatenate([cosine[:, :kept], -sine[:, :kept]], axis=1)
    mirrored = np.full(kept, 2.0)
    mirrored[0] = 1
    if width % 2 == 0:
        mirrored[-1] = 1
    cosines, sines = _waves(height)
    down = np.block([[cosines, sines], [-sines, cosines]])
    back = np.tile(mirrored, 2)[:, None] * across.T
    return {name: values.astype(np.float32) for name, values in (("across", across), ("down", down), ("back", back))}


def _waves(side: int) -> tuple[Floats, Floats]:
    """Cosines and sines (side, side) of the transform along one axis."""
    turns = np.outer(np.arange(side), np.arange(side)) % side / side  # whole turns are taken off exactly
    return np.cos(2 * np.pi * turns) / np.sqrt(side), np.sin(2 * np.pi * turns) / np.sqrt(side)


def spectrum_of(picture: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """(N, 1, H, W) to real parts, and below them imaginary ones, (N, 1, 2H, K)."""
    return down @ torch.cat((picture @ across).chunk(2, dim=3), dim=2)


def picture_of(spectrum: Tensor, down: Tensor, back: Tensor) -> Tensor:
    """(N, 1, 2H, K) as `spectrum_of` gives it to (N, 1, H, W)."""
    return torch.cat((down.T @ spectrum).chunk(2, dim=2), dim=3) @ back


def power_of(spectrum: Tensor) -> Tensor:
    """(N, 1, 2H, K) to squares of its absolute values, (N, 1, H, K)."""
    real, imaginary = spectrum.chunk(2, dim=2)
    return real * real + imaginary * imaginary
