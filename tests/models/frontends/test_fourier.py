"""Products with matrices against numpy's fast transform."""

import numpy as np
import pytest
import torch

from dfdetect.models.frontends.fourier import fourier_tables, picture_of, power_of, spectrum_of


@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 17), (24, 10), (224, 224)])
def test_spectrum_is_numpys_and_leads_back_to_the_picture(height, width):
    picture = np.random.default_rng(0).normal(size=(2, height, width))
    tables = {name: torch.tensor(table) for name, table in fourier_tables(height, width).items()}
    across, back, cosine, sine = (tables[name] for name in ("across", "back", "cosine", "sine"))
    spectrum = spectrum_of(torch.tensor(picture[:, None], dtype=torch.float32), across, cosine, sine)
    expected = np.fft.rfft2(picture, norm="ortho")
    np.testing.assert_allclose(spectrum[:, 0, :, : width // 2 + 1].numpy(), expected.real, atol=1e-4)
    np.testing.assert_allclose(spectrum[:, 0, :, width // 2 + 1 :].numpy(), expected.imag, atol=1e-4)
    np.testing.assert_allclose(power_of(spectrum)[:, 0].numpy(), np.abs(expected) ** 2, atol=1e-3)
    np.testing.assert_allclose(picture_of(spectrum, back, cosine, sine)[:, 0].numpy(), picture, atol=1e-4)
