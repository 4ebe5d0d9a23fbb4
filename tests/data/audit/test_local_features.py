"""Descriptions of images."""

import pickle

import numpy as np
import pytest

from dfdetect.data.audit.local_features import (
    MAX_FEATURES,
    SIDE,
    THUMBNAIL,
    describe,
    mirrored,
    unit_descriptors,
)
from tests.data.audit.pictures import photo, scaled


def test_a_photo_has_features_within_the_bound():
    one = describe(photo(0))
    assert 100 < len(one) <= MAX_FEATURES
    assert one.points.shape == (len(one), 2)
    assert one.descriptors.shape == (len(one), 128)
    assert one.thumbnail.shape == (THUMBNAIL, THUMBNAIL)
    assert one.shape == (SIDE, SIDE)
    assert one.points.min() >= 0
    assert one.points.max() < SIDE


def test_a_description_is_small_and_survives_a_worker():
    one = describe(photo(1))
    packed = pickle.dumps(one)
    assert one.nbytes() < 48_000
    assert len(packed) < one.nbytes() + 1500
    again = pickle.loads(packed)
    np.testing.assert_array_equal(again.descriptors, one.descriptors)
    np.testing.assert_array_equal(again.points, one.points)


def test_the_same_pixels_give_the_same_description():
    one, two = describe(photo(2)), describe(photo(2).copy())
    for name in ("points", "sizes", "angles", "descriptors", "thumbnail"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.parametrize(("height", "width"), [(256, 256), (120, 480), (900, 300)])
def test_proportions_are_kept_and_the_area_is_fixed(height, width):
    shape = describe(np.zeros((height, width, 3), np.uint8)).shape
    assert shape[0] * shape[1] == pytest.approx(SIDE**2, rel=0.01)
    assert shape[0] / shape[1] == pytest.approx(height / width, rel=0.01)


def test_descriptors_are_of_length_one():
    np.testing.assert_allclose(np.linalg.norm(unit_descriptors(describe(photo(3))), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "image",
    [
        np.full((300, 300, 3), 90, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.arange(3 * 5000, dtype=np.uint8).reshape(1, 5000, 3),
        np.arange(3 * 50_000, dtype=np.uint8).reshape(50_000, 1, 3),
    ],
    ids=["flat", "one pixel", "a row", "a column"],
)
def test_pictures_without_features_have_a_description(image):
    one = describe(image)
    assert len(one) == 0
    assert unit_descriptors(one).shape == (0, 128)
    assert len(mirrored(one)) == 0


def test_the_mirrored_description_is_that_of_the_mirrored_picture():
    image = photo(4, size=400)  # at this size no resampling disturbs the symmetry
    computed, searched = mirrored(describe(image)), describe(np.ascontiguousarray(image[:, ::-1]))
    similarity = unit_descriptors(computed) @ unit_descriptors(searched).T
    best = similarity.argmax(axis=1)
    same = np.abs(computed.points - searched.points[best]).max(axis=1) < 1.5
    assert same.mean() > 0.85
    assert np.median(similarity.max(axis=1)) > 0.98
    turned = (computed.angles[same] - searched.angles[best[same]]).astype(np.int8)
    assert np.median(np.abs(turned)) <= 1
    np.testing.assert_array_equal(computed.thumbnail, describe(image).thumbnail[:, ::-1])


def test_mirroring_twice_changes_nothing():
    one = describe(photo(5))
    again = mirrored(mirrored(one))
    for name in ("points", "angles", "descriptors", "thumbnail"):
        np.testing.assert_allclose(getattr(again, name), getattr(one, name), atol=1e-4)


def test_features_do_not_depend_on_the_files_resolution():
    one, two = describe(photo(6, size=400)), describe(scaled(photo(6, size=400), 2))
    similarity = unit_descriptors(one) @ unit_descriptors(two).T
    assert np.median(similarity.max(axis=1)) > 0.95
