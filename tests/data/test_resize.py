"""One resize for training and deployment: right geometry, no surprise, no torch."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from dfdetect.data.resize import CROPS, METHOD, resize


def ramp(height, width):
    """Red grows to the right, green downwards."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 255, width)[None]
    image[..., 1] = np.linspace(0, 255, height)[:, None]
    return image


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize(("height", "width"), [(300, 200), (200, 300), (64, 64), (7, 500), (1, 1), (1, 90), (65, 63)])
def test_any_picture_becomes_a_square_of_uint8(height, width, crop):
    result = resize(ramp(height, width), 64, crop)
    assert result.shape == (64, 64, 3)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous


def test_resize_squeezes_the_whole_picture():
    result = resize(ramp(100, 400), 32).astype(int)
    assert result[0, 0, 0] < 10
    assert result[0, -1, 0] > 245
    assert result[0, 0, 1] < 10
    assert result[-1, 0, 1] > 245


@pytest.mark.parametrize(("shape", "axis"), [((100, 400), 1), ((400, 100), 0)])
def test_center_keeps_the_middle_and_its_proportions(shape, axis):
    image = ramp(*shape)
    result = resize(image, 50, "center").astype(int)
    middle = np.take(image, range(150, 250), axis=axis)
    np.testing.assert_allclose(result, resize(middle, 50).astype(int), atol=0)
    channel = 0 if axis == 1 else 1
    assert result[..., channel].min() > 90
    assert result[..., channel].max() < 165


@pytest.mark.parametrize("crop", CROPS)
def test_right_size_comes_back_unchanged(crop):
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(image, 48, crop), image)


def test_shrinking_averages_and_does_not_alias():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    result = resize(stripes, 64)
    assert (np.abs(result.astype(int) - 128) <= 1).all()


def test_method_that_checkpoints_record_is_the_one_used():
    image = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert METHOD == "area-down, linear-up"
    np.testing.assert_array_equal(resize(image, 20), cv2.resize(image, (20, 20), interpolation=cv2.INTER_AREA))
    np.testing.assert_array_equal(resize(image, 90), cv2.resize(image, (90, 90), interpolation=cv2.INTER_LINEAR))


def test_input_is_left_alone():
    image = ramp(30, 40)
    before = image.copy()
    for crop in CROPS:
        resize(image, 16, crop)  # type: ignore[arg-type]
    np.testing.assert_array_equal(image, before)


def test_deployment_needs_no_torch_for_pixels():
    code = "import sys, dfdetect.data.decode, dfdetect.data.resize; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
