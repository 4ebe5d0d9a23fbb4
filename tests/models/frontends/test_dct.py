"""Block coefficients against scipy's transform."""

import numpy as np
import pytest
from scipy.fft import dctn

from dfdetect.models.frontends.dct import BlockDCT
from tests.models.frontends.pictures import faces, luma_of, tensor_of


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 64), (36, 51)])
def test_each_block_is_scipys_at_its_place(height, width):
    pixels = faces(height, width)
    filled = np.pad(luma_of(pixels), [(0, 0), (0, -height % 8), (0, -width % 8)], mode="edge")
    expected = np.empty_like(filled)
    for y in range(0, filled.shape[1], 8):
        for x in range(0, filled.shape[2], 8):
            block = filled[:, y : y + 8, x : x + 8]
            expected[:, y : y + 8, x : x + 8] = dctn(block, axes=(1, 2), norm="ortho")
    expected = (np.log(1 + np.abs(expected)) - 1) / 1.2
    found = BlockDCT()(tensor_of(pixels)).numpy()
    assert found.shape == (2, 1, height, width)
    np.testing.assert_allclose(found[:, 0], expected[:, :height, :width], atol=1e-3)
    assert found[..., ::8, ::8].mean() > found[..., 7::8, 7::8].mean() + 2  # the mean is strong, the finest is weak


def test_black_and_white_are_the_ends_of_the_stated_range():
    ends = BlockDCT()(tensor_of(np.stack([np.zeros((3, 8, 8)), np.full((3, 8, 8), 255.0)]))).numpy()
    assert ends.min() == pytest.approx(-0.84, abs=0.01)
    assert ends.max() == pytest.approx(5.6, abs=0.1)
