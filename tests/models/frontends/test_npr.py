"""Relations within blocks, pixel by pixel."""

import numpy as np
import pytest
import torch

from dfdetect.models.frontends.npr import NPR
from tests.models.frontends.pictures import faces, tensor_of


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 41)])
def test_each_pixel_less_the_corner_of_its_block(height, width):
    pixels = faces(height, width)
    expected = np.zeros_like(pixels)
    for y in range(height):
        for x in range(width):
            expected[:, :, y, x] = (pixels[:, :, y, x] - pixels[:, :, y - y % 2, x - x % 2]) / 8
    np.testing.assert_allclose(NPR()(tensor_of(pixels)).numpy(), expected, atol=1e-5)
    assert expected.any()


def test_what_was_enlarged_by_nearest_neighbour_leaves_nothing():
    small = torch.rand(1, 3, 8, 8) * 255
    assert not NPR()(small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)).any()
