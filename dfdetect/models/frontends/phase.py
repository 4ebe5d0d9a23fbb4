"""`phase`: the picture that the phases of its spectrum make alone, all frequencies being equally strong."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dfdetect.models.frontends.fourier import fourier_tables, picture_of, power_of, spectrum_of
from dfdetect.models.frontends.tables import Sized, Table, luma

ROUNDING = 1 / 12
"""Mean square of what rounding to whole grey levels adds to each coefficient: below it a phase is chance."""


class PhaseOnly(Sized):
    """Phase-only reconstruction of luma: edges and texture, whitened.

    Channels: one, of mean square 1 or less; coefficients that are weaker than rounding are left weak.

    Source: Oppenheim and Lim, *The Importance of Phase in Signals*, Proc. IEEE 1981; for forged faces Liu et al.,
    *Spatial-Phase Shallow Learning*, CVPR 2021.
    """

    def tables(self, height: int, width: int) -> Mapping[str, Table]:
        """As `fourier_tables`."""
        return fourier_tables(height, width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in 0..255 to (N, 1, H, W)."""
        known = self.constants(pixels)
        spectrum = spectrum_of(luma(pixels), known["across"], known["cosine"], known["sine"])
        strength = torch.sqrt(power_of(spectrum) + ROUNDING)
        return picture_of(
            spectrum / torch.cat([strength, strength], dim=3), known["back"], known["cosine"], known["sine"]
        )
