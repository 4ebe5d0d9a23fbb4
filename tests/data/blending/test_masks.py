"""Masks against SciPy, and what holds for every one of them: soft, inside the picture, where the part is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from dfdetect.data.blending import masks
from dfdetect.data.blending.masks import MASKS, outlines, soft_mask
from dfdetect.data.face_parts import filled

from .faces import USUAL


def laid_out(mask, shape):
    """(H, W) weights over the whole picture."""
    whole = np.zeros(shape, np.float32)
    whole[mask.box] = mask.weights
    return whole


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("size", [24, 64, 300])
@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_a_mask_is_soft_and_lies_in_the_picture_upon_its_part(name, size, shift):
    landmarks = USUAL * size + shift * size  # the second face reaches beyond the picture
    shape = (size, size + 7)
    for seed in range(8):
        polygons = outlines(landmarks)[name]
        mask = soft_mask(polygons, shape, np.random.default_rng(seed))
        weights = laid_out(mask, shape)
        assert mask.weights.dtype == np.float32
        assert 0 < weights.max() <= 1
        assert weights.min() == 0
        assert len(np.unique(weights)) > 4
        middle = np.concatenate(polygons).mean(axis=0)
        y, x = np.nonzero(weights)
        assert np.hypot(x.mean() - middle[0], y.mean() - middle[1]) < 0.6 * mask.extent
    assert mask.extent == pytest.approx(np.sqrt(np.prod(np.ptp(np.concatenate(polygons), axis=0))), rel=1e-6)


def test_masks_differ_from_seed_to_seed_in_size_and_softness():
    made = [soft_mask(outlines(USUAL * 200)["face"], (200, 200), np.random.default_rng(seed)) for seed in range(20)]
    sums = np.array([mask.weights.sum() for mask in made])
    edges = np.array([((mask.weights > 0.05) & (mask.weights < 0.95)).sum() for mask in made])
    assert sums.max() > 1.2 * sums.min()
    assert edges.max() > 1.5 * edges.min()
    again = soft_mask(outlines(USUAL * 200)["face"], (200, 200), np.random.default_rng(3))
    np.testing.assert_array_equal(again.weights, made[3].weights)


def test_softening_is_two_gaussians_with_what_is_full_between():
    flat = filled(np.array([[20.0, 15], [70, 20], [60, 80], [25, 70]]), (96, 90)).astype(np.float32)
    soft = masks._softened(flat, 60.0, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    first, second = rng.uniform(*masks._FIRST_BLUR) * 60, rng.uniform(*masks._SECOND_BLUR) * 60
    core = (gaussian_filter(flat, first, mode="mirror") > masks._FULL).astype(np.float32)
    expected = gaussian_filter(core, second, mode="constant")
    np.testing.assert_allclose(soft[1:-1, 1:-1], expected[1:-1, 1:-1], atol=0.03)
    assert core.sum() < flat.sum()


def test_without_a_bend_a_mask_stays_and_a_bend_moves_it_by_its_pixels():
    flat = filled(np.array([[20.0, 15], [70, 20], [60, 80], [25, 70]]), (96, 90)).astype(np.float32)
    np.testing.assert_array_equal(masks._bent(flat, 0.0, np.random.default_rng(0)), flat)
    bent = masks._bent(flat, 4.0, np.random.default_rng(0))
    assert 50 < np.abs(bent - flat).sum() < 0.4 * flat.sum()


@pytest.mark.parametrize("count", [6, 12, 81])
def test_other_numbers_of_landmarks_give_their_convex_hull(count):
    points = np.random.default_rng(count).uniform(10, 90, (count, 2)).astype(np.float32)
    found = outlines(points)
    assert list(found) == ["face"]
    expected = points[ConvexHull(points).vertices]
    assert {tuple(row) for row in found["face"][0].tolist()} == {tuple(row) for row in expected.tolist()}


def test_68_landmarks_give_every_part_with_left_and_right_as_the_person_has_them():
    points = np.zeros((68, 2), np.float32)
    for first, last, middle in ((0, 17, (50, 70)), (17, 22, (30, 30)), (22, 27, (70, 30)), (27, 36, (50, 50)),
                                (36, 42, (30, 40)), (42, 48, (70, 40)), (48, 68, (50, 75))):  # fmt: skip
        angle = np.linspace(0, 2 * np.pi, last - first, endpoint=False)
        points[first:last] = np.add(middle, 8 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    found = outlines(points)
    assert tuple(found) == MASKS
    right, left = found["eyes"]
    assert right[:, 0].max() < 50 < left[:, 0].min()
    assert right[:, 1].min() < 24  # the brow is with it
    assert found["mouth"][0].mean(axis=0) == pytest.approx([50, 75], abs=1)
    assert found["face"][0][:, 1].max() == pytest.approx(points[:, 1].max())
