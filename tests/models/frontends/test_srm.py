"""Residuals against scipy's correlation with filters that are written out once more, from the paper's picture."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from dfdetect.models.frontends.srm import SRM
from tests.models.frontends.pictures import faces, tensor_of

SQUARE_3 = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
SQUARE_5 = (
    np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]) / 12
)
SECOND = np.array([[1, -2, 1]]) / 2


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 40)])
def test_residuals_are_scipys(height, width):
    pixels = faces(height, width)
    grey = pixels.mean(axis=1)
    filtered = [[correlate(one, kernel, mode="constant") for kernel in (SQUARE_3, SQUARE_5, SECOND)] for one in grey]
    expected = np.clip(np.array(filtered), -3, 3)
    found = SRM()(tensor_of(pixels)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert 0.3 < np.abs(found).mean() < 2.9  # neither nothing, nor all of it cut off


def test_an_even_picture_and_a_ramp_have_no_residuals_inside():
    ramp = torch.arange(16.0).expand(1, 3, 16, 16)
    for pixels in (torch.full((1, 3, 16, 16), 200.0), ramp):
        torch.testing.assert_close(SRM()(pixels)[..., 2:-2, 2:-2], torch.zeros(1, 3, 12, 12), atol=1e-4, rtol=0)


def test_it_learns_nothing_and_no_checkpoint_keeps_it():
    assert not list(SRM().parameters())
    assert not SRM().state_dict()
