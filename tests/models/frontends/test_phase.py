"""Phase alone, against numpy."""

import numpy as np
import pytest
import torch

from dfdetect.models.frontends.phase import PhaseOnly
from tests.models.frontends.pictures import faces, luma_of, tensor_of


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 37)])
def test_all_strengths_but_the_faintest_are_one(height, width):
    pixels = faces(height, width)
    spectrum = np.fft.fft2(luma_of(pixels), norm="ortho")
    expected = np.fft.ifft2(spectrum / np.sqrt(np.abs(spectrum) ** 2 + 1 / 12), norm="ortho").real
    found = PhaseOnly()(tensor_of(pixels)).numpy()
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3)
    assert 0.5 < (found**2).mean() <= 1


def test_contrast_does_not_matter_and_blackness_is_borne():
    frontend, pixels = PhaseOnly(), tensor_of(faces(64, 64))
    torch.testing.assert_close(frontend(pixels * 100), frontend(pixels * 1000), atol=0.05, rtol=0)
    black = torch.zeros(1, 3, 64, 64, requires_grad=True)
    frontend(black).sum().backward()
    assert black.grad is not None
    assert torch.isfinite(black.grad).all()
    assert not frontend(black).any()
