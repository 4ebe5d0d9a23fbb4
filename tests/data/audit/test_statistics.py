"""Each statistic moves with what it is called after, on pictures made for it, and none fails on odd ones."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from dfdetect.data.audit.statistics import (
    LAYOUT_SIDE,
    MEANINGS,
    STATISTICS,
    measure_layout,
    measure_pixels,
    shrink,
)
from dfdetect.data.synthetic import draw_face


def measured(image: np.ndarray) -> dict[str, float]:
    return dict(zip(STATISTICS, measure_pixels(image.astype(np.uint8)).tolist(), strict=True))


FACE = draw_face(0, 0, size=160).image


def test_every_statistic_has_a_meaning():
    assert tuple(MEANINGS) == STATISTICS
    assert measure_pixels(FACE).shape == (len(STATISTICS),)
    assert measure_pixels(FACE).dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (16, 16), (17, 17), (3, 1200)])
@pytest.mark.parametrize("value", [0, 255, None])
def test_odd_pictures_give_finite_numbers(shape, value):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3)) if value is None else np.full((*shape, 3), value)
    assert np.isfinite(measure_pixels(image.astype(np.uint8))).all()
    assert measure_layout(image.astype(np.uint8)).shape == (LAYOUT_SIDE, LAYOUT_SIDE)


def test_colours_against_numpy():
    values = measured(FACE)
    grey = cv2.cvtColor(FACE, cv2.COLOR_RGB2GRAY).astype(np.float64)
    red, green, blue = FACE.reshape(-1, 3).mean(axis=0)
    expected = {"brightness": grey.mean(), "contrast": grey.std(), "red": red - green, "blue": blue - green}
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert measured(np.full((40, 40, 3), 255))["bright"] == 1
    assert measured(np.full((40, 40, 3), (200, 100, 100)))["saturation"] == 100


def test_noise_is_the_noise_that_was_added():
    rng = np.random.default_rng(0)
    for sigma in (3, 10):
        image = np.repeat(np.clip(128 + rng.normal(0, sigma, (256, 256, 1)), 0, 255), 3, axis=2)
        assert measured(image)["noise"] == pytest.approx(sigma, rel=0.06)


def test_blur_lowers_sharpness_and_fine_detail():
    plain, blurred = measured(FACE), measured(cv2.GaussianBlur(FACE, (0, 0), 1.5))
    assert blurred["sharpness"] < plain["sharpness"] - 1
    assert blurred["fine_detail"] < plain["fine_detail"] - 0.5


def test_a_coarse_jpeg_leaves_a_grid():
    content = io.BytesIO()
    Image.fromarray(FACE).save(content, "JPEG", quality=15)
    with Image.open(content) as image:
        assert measured(np.asarray(image))["block_grid"] > measured(FACE)["block_grid"] + 0.3


def test_doubled_pixels_and_alternating_ones():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 20
    alternating = np.clip(FACE[:64, :64].astype(int) + board[..., None], 0, 255)
    assert measured(alternating)["checkerboard"] > measured(FACE[:64, :64])["checkerboard"] + 0.1
    wide = np.repeat(FACE[:80], 2, axis=1)
    assert measured(wide)["direction"] < measured(FACE[:80])["direction"] - 0.3


@pytest.mark.parametrize(("side", "place"), [("top", np.s_[:20]), ("bottom", np.s_[-20:]), ("left", np.s_[:, :20])])
def test_borders_are_measured_where_they_are(side, place):
    image = FACE.copy()
    image[place] = 30
    values = measured(image)
    assert values[f"border_{side}"] == pytest.approx(20 / 160, abs=0.02)
    assert values["border_right"] < 0.05


def test_detail_is_taken_at_full_size_and_colour_from_the_whole():
    large = np.zeros((3000, 2000, 3), np.uint8)
    large[:, :] = 100
    large[988:2012, 488:1512] = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3))
    values = measured(large)
    assert values["noise"] > 40
    assert values["brightness"] < 115


def test_a_mark_stays_in_the_mean_of_the_layouts():
    rng = np.random.default_rng(0)
    total = np.zeros((LAYOUT_SIDE, LAYOUT_SIDE))
    for _ in range(60):
        image = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
        image[84:92, 60:92] = 255
        total += measure_layout(image)
    row, column = np.unravel_index(total.argmax(), total.shape)
    assert 28 <= row <= 30
    assert 20 <= column < 31


def test_shrink_keeps_proportions_and_small_pictures():
    assert shrink(np.zeros((1000, 500, 3), np.uint8), 256).shape == (256, 128, 3)
    assert shrink(np.zeros((10_000, 2, 3), np.uint8), 256).shape == (256, 1, 3)
    assert shrink(FACE, 256) is FACE
