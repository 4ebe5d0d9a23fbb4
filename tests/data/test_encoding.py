"""One last encoder for all pictures: what it does is what Pillow does to a file, and it hides the encoder before."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from dfdetect.data.audit.statistics import STATISTICS, measure_pixels
from dfdetect.data.encoding import LONGEST_SIDE, reencode
from dfdetect.data.synthetic import draw_face
from dfdetect.errors import DecodeError


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(content) as stored:
        return np.asarray(stored)


@pytest.mark.parametrize("quality", [1, 50, 90, 100])
@pytest.mark.parametrize("shape", [(1, 1), (7, 33), (120, 90)])
def test_is_a_jpeg_file_without_the_file(quality, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    again = reencode(image, quality)
    assert again.shape == image.shape
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, jpeg(image, quality))
    np.testing.assert_array_equal(again, reencode(image, quality))


def test_a_coarser_encoder_hides_some_of_what_an_earlier_one_left():
    """The grids of two earlier qualities come nearer to each other; they do not become the same."""
    grid = STATISTICS.index("block_grid")
    faces = [draw_face(1, i, size=128).image for i in range(12)]
    gaps = []
    for seen in (lambda image: image, lambda image: reencode(image, 40)):
        first = np.mean([measure_pixels(seen(jpeg(face, 60)))[grid] for face in faces])
        second = np.mean([measure_pixels(seen(jpeg(face, 95)))[grid] for face in faces])
        gaps.append(abs(first - second))
    assert 0 < gaps[1] < 0.7 * gaps[0]


def test_a_side_that_jpeg_cannot_hold_is_an_error_of_that_file():
    with pytest.raises(DecodeError, match=r"x\.png: a side is longer than the 65,500 pixels"):
        reencode(np.zeros((1, LONGEST_SIDE + 1, 3), np.uint8), 90, "x.png")
    assert reencode(np.zeros((1, LONGEST_SIDE, 3), np.uint8), 90).shape == (1, LONGEST_SIDE, 3)


def test_colours_stay_in_their_order():
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200
    red, green, blue = reencode(image, 95).reshape(-1, 3).mean(axis=0)
    assert red > 190
    assert max(green, blue) < 10
    assert cv2.absdiff(reencode(image, 95), image).max() < 10
