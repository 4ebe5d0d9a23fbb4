"""Candidate pairs from sorted hash orders."""

import numpy as np
import pytest

from dfdetect.data.audit.candidates import PARTNERS, find_candidates
from dfdetect.data.audit.local_features import Description, describe
from tests.data.audit.pictures import cut, encoded, photo


def made(rng: np.random.Generator, features: int = 40) -> Description:
    """A description of random features: as many as one likes, at no cost."""
    descriptors = (rng.gamma(0.4, size=(features, 128)) ** 0.5 * 60).clip(0, 255).astype(np.uint8)
    return Description(
        rng.uniform(0, 400, (features, 2)).astype(np.float32),
        rng.uniform(3, 30, features).astype(np.float32),
        rng.integers(0, 256, features).astype(np.uint8),
        descriptors,
        np.zeros((64, 64), np.uint8),
        (400, 400),
    )


def noisy(one: Description, rng: np.random.Generator) -> Description:
    """Nearly the same description."""
    changed = one.descriptors + rng.normal(0, 4, one.descriptors.shape)
    return Description(
        one.points, one.sizes, one.angles, changed.clip(0, 255).astype(np.uint8), one.thumbnail, one.shape
    )


def test_derived_pictures_are_candidates_and_mirrored_ones_are_marked():
    images = [photo(i) for i in range(12)]
    images += [encoded(cut(image, 0.1, 0.1, 0.8), 70) for image in images[:6]]
    images += [np.ascontiguousarray(image[:, ::-1]) for image in images[6:12]]
    found = {(one.first, one.second, one.mirrored) for one in find_candidates([describe(image) for image in images])}
    assert {(i, 12 + i, False) for i in range(6)} <= found
    assert {(6 + i, 18 + i, True) for i in range(6)} <= found


def test_candidates_are_ordered_pairs_without_repeats():
    rng = np.random.default_rng(0)
    descriptions = [made(rng) for _ in range(30)]
    descriptions += [noisy(one, rng) for one in descriptions]
    found = find_candidates(descriptions)
    assert all(one.first < one.second for one in found)
    keys = [(one.first, one.second, one.mirrored) for one in found]
    assert keys == sorted(set(keys))
    assert {(i, 30 + i, False) for i in range(30)} <= set(keys)


def test_one_photo_many_times_names_a_bounded_number_of_pairs():
    rng = np.random.default_rng(1)
    photo = made(rng)
    found = find_candidates([noisy(photo, rng) for _ in range(150)])
    assert 150 <= len(found) <= 150 * PARTNERS


def test_twins_are_found_beside_a_photo_that_is_there_many_times():
    rng = np.random.default_rng(2)
    crowd, other = made(rng), made(rng)
    descriptions = [noisy(crowd, rng) for _ in range(120)] + [noisy(other, rng), noisy(other, rng)]
    assert (120, 121) in {(one.first, one.second) for one in find_candidates(descriptions)}


@pytest.mark.parametrize("count", [0, 1])
def test_no_candidates_where_there_is_nothing_to_compare(count):
    assert find_candidates([describe(photo(i)) for i in range(count)]) == []


def test_images_without_features_are_passed_over():
    flat = describe(np.full((80, 80, 3), 7, np.uint8))
    assert find_candidates([flat] * 5) == []
    image = describe(photo(0))
    found = find_candidates([flat, image, flat, image, flat])
    assert [(one.first, one.second, one.mirrored) for one in found][:1] == [(1, 3, False)]


def test_votes_are_the_same_on_every_run():
    descriptions = [describe(photo(i % 8, kind)) for i, kind in enumerate(["real"] * 8 + ["part_swap"] * 8)]
    assert find_candidates(descriptions) == find_candidates(descriptions)
