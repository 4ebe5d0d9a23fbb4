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
        back: (2K, W): the other way.
        cosine: (H, H): real part of the transform along columns.
        sine: (H, H): its imaginary part, with the sign turned.
    """
    kept = width // 2 + 1
    cosine, sine = _waves(width)
    across = np.concatenate([cosine[:, :kept], -sine[:, :kept]], axis=1)
    mirrored = np.full(kept, 2.0)
    mirrored[0] = 1
    if width % 2 == 0:
        mirrored[-1] = 1
    back = np.tile(mirrored, 2)[:, None] * across.T
    cosine, sine = _waves(height)
    tables = {"across": across, "back": back, "cosine": cosine, "sine": sine}
    return {name: values.astype(np.float32) for name, values in tables.items()}


def _waves(side: int) -> tuple[Floats, Floats]:
    """Cosines and sines (side, side) of the transform along one axis."""
    turns = np.outer(np.arange(side), np.arange(side)) % side / side  # whole turns are taken off exactly
    return np.cos(2 * np.pi * turns) / np.sqrt(side), np.sin(2 * np.pi * turns) / np.sqrt(side)


def spectrum_of(picture: Tensor, across: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """(N, 1, H, W) to real parts, and right of them imaginary ones, (N, 1, H, 2K)."""
    rows = picture @ across
    return cosine @ rows + sine @ _turned(rows)


def picture_of(spectrum: Tensor, back: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """(N, 1, H, 2K) as `spectrum_of` gives it to (N, 1, H, W)."""
    return (cosine @ spectrum - sine @ _turned(spectrum)) @ back


def power_of(spectrum: Tensor) -> Tensor:
    """(N, 1, H, 2K) to squares of its absolute values, (N, 1, H, K)."""
    real, imaginary = spectrum.chunk(2, dim=3)
    return real * real + imaginary * imaginary


def _turned(values: Tensor) -> Tensor:
    """Times -i."""
    real, imaginary = values.chunk(2, dim=3)
    return torch.cat([imaginary, -real], dim=3)
