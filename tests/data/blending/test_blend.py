"""Blending against arithmetic by hand, and what holds for every fake: it is the photo but for its mask."""

import numpy as np
import pytest

from dfdetect.data.blending import blend as module
from dfdetect.data.blending.blend import RATIOS, SelfBlender, blend, moved_copy
from dfdetect.data.blending.masks import MASKS, SoftMask, outlines, soft_mask
from dfdetect.data.synthetic import draw_face

from .faces import USUAL

SIZE = 96


@pytest.fixture(scope="module")
def photo():
    return draw_face(0, 1, size=SIZE).image


def a_mask(top=20, left=30, height=40, width=50, seed=0):
    weights = np.random.default_rng(seed).uniform(0, 1, (height, width)).astype(np.float32)
    return SoftMask((slice(top, top + height), slice(left, left + width)), weights, 45.0)


@pytest.mark.parametrize("ratio", [0.25, 0.75, 1.0])
def test_each_pixel_is_a_weighted_mean(ratio, photo):
    mask = a_mask()
    copy = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    blended = blend(photo, copy, mask, ratio)
    weights = ratio * mask.weights[..., None].astype(np.float64)
    expected = photo.astype(np.float64)
    expected[mask.box] = (1 - weights) * photo[mask.box] + weights * copy
    np.testing.assert_allclose(blended, expected, atol=0.51)
    outside = np.ones((SIZE, SIZE), bool)
    outside[mask.box] = False
    np.testing.assert_array_equal(blended[outside], photo[outside])


def test_ratio_0_is_the_photo_and_the_photo_is_not_touched(photo):
    before = photo.copy()
    copy = np.zeros((40, 50, 3), np.uint8)
    np.testing.assert_array_equal(blend(photo, copy, a_mask(), 0.0), photo)
    assert not np.array_equal(blend(photo, copy, a_mask(), 1.0), photo)
    np.testing.assert_array_equal(photo, before)


def test_a_copy_is_moved_and_scaled_within_its_bounds():
    """On a ramp every pixel tells where it came from, and cubic interpolation keeps a ramp."""
    y, x = np.mgrid[:200, :200].astype(np.uint8)
    ramp = np.stack([x, y, x], axis=2)
    mask = SoftMask((slice(60, 120), slice(50, 130)), np.ones((60, 80), np.float32), 69.0)
    places = []
    for seed in range(40):
        moved = moved_copy(ramp, mask, np.random.default_rng(seed)).astype(float)
        assert moved.shape == (60, 80, 3)
        slope_x, slope_y = (
            np.polyfit(np.arange(80), moved[30, :, 0], 1)[0],
            np.polyfit(np.arange(60), moved[:, 40, 1], 1)[0],
        )
        places.append([slope_x, slope_y, moved[30, 40, 0] - 90, moved[30, 40, 1] - 90])
    found = np.abs(np.array(places) - (1, 1, 0, 0)).max(axis=0)
    assert (found[:2] > 0.05).all()
    assert (found[:2] < module._SCALE / (1 - module._SCALE) + 0.01).all()
    assert (found[2:] > 2).all()
    assert (found[2:] < module._MOST_SHIFT * 200 + 1).all()  # a tenth of the extent would be more


def test_same_seed_same_fake_and_another_in_every_epoch(photo):
    blender, again = SelfBlender(["face"]), SelfBlender(["face"])
    fake = blender(photo, USUAL * SIZE, 1, 2, 3)
    blender(photo, USUAL * SIZE, 5, 5, 5)
    np.testing.assert_array_equal(blender(photo, USUAL * SIZE, 1, 2, 3), fake)
    np.testing.assert_array_equal(again(photo, USUAL * SIZE, 1, 2, 3), fake)
    for other in ((0, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(blender(photo, USUAL * SIZE, *other), fake)


@pytest.mark.parametrize(("name", "centre", "reach"), [
    ("face", (0.5, 0.6), 0.5), ("eyes", (0.5, 0.47), 0.35), ("nose", (0.5, 0.6), 0.25), ("mouth", (0.5, 0.73), 0.28),
])  # fmt: skip
def test_a_fake_is_the_photo_but_for_its_part(name, centre, reach, photo):
    blender = SelfBlender([name])
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    far = np.hypot(x - centre[0], y - centre[1]) > reach
    changed = 0
    for index in range(30):
        fake = blender(photo, USUAL * SIZE, 0, 0, index)
        assert fake.dtype == np.uint8
        np.testing.assert_array_equal(fake[far], photo[far])
        changed += not np.array_equal(fake, photo)
    assert changed == 30


def test_every_mask_and_ratio_is_drawn(photo, monkeypatch):
    drawn: list[tuple[str, int]] = []
    ratios: set[float] = set()
    known = outlines(USUAL * SIZE)

    def note_mask(polygons, shape, rng):
        names = [name for name in MASKS if any(np.array_equal(polygons[0], one) for one in known[name])]
        drawn.extend((name, len(polygons)) for name in names)
        return soft_mask(polygons, shape, rng)

    def note_ratio(image, copy, mask, ratio):
        ratios.add(ratio)
        return blend(image, copy, mask, ratio)

    monkeypatch.setattr(module, "soft_mask", note_mask)
    monkeypatch.setattr(module, "blend", note_ratio)
    blender = SelfBlender(MASKS)
    for index in range(120):
        blender(photo, USUAL * SIZE, 0, 0, index)
    assert set(drawn) == {("face", 1), ("eyes", 1), ("eyes", 2), ("nose", 1), ("mouth", 1)}
    assert ratios == set(RATIOS)


@pytest.mark.parametrize("size", [16, 32, 384])
def test_any_size_of_picture(size):
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    blender = SelfBlender(MASKS)
    for index in range(20):
        assert blender(image, USUAL * size, 0, 0, index).shape == image.shape
