"""Matching and the geometric check, against OpenCV's matcher and known movements."""

import math

import cv2
import numpy as np
import pytest

from dfdetect.data.audit.geometry import LEAST_INLIERS, fit, match
from dfdetect.data.audit.local_features import Description, describe, unit_descriptors
from tests.data.audit.pictures import photo, scaled


def matched(first: Description, second: Description):
    return fit(first, second, match(unit_descriptors(first) @ unit_descriptors(second).T))


def scattered(points: np.ndarray, thumbnail: np.ndarray | None = None) -> Description:
    """A description with features at given places, and nothing else of interest."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    n = len(points)
    return Description(
        points.astype(np.float32),
        np.ones(n, np.float32),
        np.zeros(n, np.uint8),
        np.ones((n, 128), np.uint8),
        noise if thumbnail is None else thumbnail,
        (400, 400),
    )


def moved(matrix: list[list[float]], count: int = 60, outliers: int = 0) -> tuple[Description, Description, np.ndarray]:
    """Points, the same points after an affine movement about the centre, and which belongs to which."""
    rng = np.random.default_rng(1)
    here = rng.uniform(0, 400, (count, 2))
    there = (here - 200) @ np.array(matrix).T + 200 + rng.normal(0, 0.5, (count, 2))
    there[:outliers] = rng.uniform(0, 400, (outliers, 2))
    return scattered(here), scattered(there), np.tile(np.arange(count)[:, None], 2)


def turn(degrees: float) -> list[list[float]]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [[c, -s], [s, c]]


def test_matches_are_opencvs_ratio_test_with_each_place_once():
    first, second = unit_descriptors(describe(photo(0))), unit_descriptors(describe(scaled(photo(0), 0.8)))
    pairs = match(first @ second.T)
    reference = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first, second, k=2)
    wanted = {(a.queryIdx, a.trainIdx) for a, b in reference if a.distance < 0.8 * b.distance}
    found = {(int(a), int(b)) for a, b in pairs}
    assert found <= wanted
    assert {b for _, b in found} == {b for _, b in wanted}
    assert len(np.unique(pairs[:, 1])) == len(pairs) > 50


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (5, 1), (0, 0)])
def test_too_little_to_match(shape):
    assert match(np.zeros(shape, np.float32)).shape == (0, 2)


def test_the_movement_is_found_among_outliers():
    found = fit(*moved([[1.3, 0], [0, 1.3]], count=60, outliers=30))
    assert found is not None
    assert 28 <= found.inliers <= 34
    assert found.scale == pytest.approx(1.3, abs=0.03)
    assert not found.still


@pytest.mark.parametrize(
    ("matrix", "plausible"),
    [
        ([[1, 0], [0, 1]], True),
        (turn(20), True),
        (turn(40), True),
        (turn(60), False),
        (turn(180), False),
        ([[1.8, 0], [0, 1.8]], True),
        ([[2.6, 0], [0, 2.6]], False),
        ([[0.4, 0], [0, 0.4]], False),
        ([[1.2, 0], [0, 0.9]], True),
        ([[1.5, 0], [0, 0.7]], False),
        ([[-1, 0], [0, 1]], False),
    ],
)
def test_only_plausible_movements_count(matrix, plausible):
    assert (fit(*moved(matrix)) is not None) == plausible


def test_too_few_matches_prove_nothing():
    assert fit(*moved([[1, 0], [0, 1]], count=LEAST_INLIERS - 1)) is None
    assert fit(*moved([[1, 0], [0, 1]], count=LEAST_INLIERS)) is not None


def test_scattered_matches_prove_nothing():
    assert fit(*moved([[1, 0], [0, 1]], count=60, outliers=60)) is None


def test_one_corner_with_many_directions_is_one_piece_of_evidence():
    here = np.repeat(np.random.default_rng(2).uniform(0, 400, (LEAST_INLIERS - 2, 2)), 4, axis=0)
    assert fit(scattered(here), scattered(here), np.tile(np.arange(len(here))[:, None], 2)) is None


def test_matches_that_are_similar_but_not_the_same_prove_nothing():
    first, second, pairs = moved([[1, 0], [0, 1]])
    second.descriptors[:, ::2] = 3  # cosine 0.894
    assert fit(first, second, pairs) is None


def test_agreement_is_the_share_of_the_picture_that_is_the_same():
    rng = np.random.default_rng(3)
    here = rng.uniform(0, 400, (50, 2))
    thumbnail = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    half = thumbnail.copy()
    half[:, 32:] = rng.integers(0, 256, (64, 32))
    pairs = np.tile(np.arange(50)[:, None], 2)
    for other, share in ((thumbnail, 1.0), (half, 0.5), (rng.integers(0, 256, (64, 64), dtype=np.uint8), 0.0)):
        found = fit(scattered(here, thumbnail), scattered(here, other), pairs)
        assert found is not None
        assert found.agreement == pytest.approx(share, abs=0.02)


def test_agreement_follows_the_movement():
    image = photo(8, size=400)
    found = matched(describe(image), describe(np.ascontiguousarray(image[40:360, 60:380])))
    assert found is not None
    assert found.scale == pytest.approx(400 / 320, rel=0.02)
    assert found.agreement > 0.9
