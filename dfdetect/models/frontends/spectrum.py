"""`spectrum`: how strong each frequency is in the whole picture, whatever its direction, as rings around the centre."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dfdetect.models.frontends.fourier import fourier_tables, power_of, spectrum_of
from dfdetect.models.frontends.phase import ROUNDING
from dfdetect.models.frontends.tables import Sized, Table, luma

_DIRECTIONS = 180
"""Of half a turn: the other half of a real picture's spectrum is the same."""
_CENTRE, _UNIT = 2.5, 2.0
"""About mean and deviation of the logarithms in photographs of faces at 224 pixels."""


class RadialSpectrum(Sized):
    """Logarithm of luma's power spectrum, averaged over directions, one frequency a ring.

    The ring at half the picture's side from its centre is the highest frequency, half a cycle a pixel; corners repeat
    it. Each mean is over the nearest coefficients in 180 directions.

    Channels: one, `(ln(power + 1/12) - 2.5) / 2`, of the orthonormal transform; at 224 pixels in [-2.5, 9.7].

    Source: Durall, Keuper and Keuper, *Watch your Up-Convolution: CNN Based Generative Deep Neural Networks are Failing
    to Reproduce Spectral Distributions*, CVPR 2020.
    """

    def tables(self, height: int, width: int) -> Mapping[str, Table]:
        """Of `fourier_tables` those that lead to the spectrum; where samples of all directions lie; rings of places."""
        rings = min(height, width) // 2
        matrices = {name: table for name, table in fourier_tables(height, width).items() if name != "back"}
        return {**matrices, "polar": _polar(height, width, rings), "ring": _rings(height, width, rings)}

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 1, H, W)."""
        known = self.constants(pixels)
        power = power_of(spectrum_of(luma(pixels), known["across"], known["cosine"], known["sine"]))
        logarithm = (torch.log(power + ROUNDING) - _CENTRE) / _UNIT
        samples = logarithm.flatten(2).index_select(2, known["polar"])
        means = samples.reshape(pixels.shape[0], 1, -1, _DIRECTIONS).mean(dim=3)  # len() would fix an export's N
        return means.index_select(2, known["ring"]).reshape(pixels.shape[0], 1, *pixels.shape[2:])


def _polar(height: int, width: int, rings: int) -> Table:
    """Places in a flat (H, K) spectrum of the samples of each ring, ring by ring, from frequency 0 on."""
    frequency = np.arange(rings + 1)[:, None] / (2 * rings)
    angle = np.pi * ((np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS - 0.5)
    kept = width // 2 + 1
    row = np.rint(frequency * np.sin(angle) * height).astype(np.int64) % height
    column = np.minimum(np.rint(frequency * np.cos(angle) * width).astype(np.int64), kept - 1)
    return (row * kept + column).ravel()


def _rings(height: int, width: int, rings: int) -> Table:
    """Ring of each place of a picture, flat."""
    rows = (np.arange(height) - (height - 1) / 2)[:, None] / height
    columns = (np.arange(width) - (width - 1) / 2) / width
    ring: npt.NDArray[np.int64] = np.minimum(np.rint(2 * rings * np.hypot(rows, columns)), rings).astype(np.int64)
    return ring.ravel()
