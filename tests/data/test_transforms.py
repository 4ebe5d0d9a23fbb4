"""Augmentation is a function of (seed, epoch, sample) and of nothing else."""

import random
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch

from dfdetect.data.transforms import Augmentation, default_augmentation, sample_seed


def photo(size=48):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


SEEDS = [2968811710, 3822189696, 1955881634]


def test_sample_seed_is_the_same_on_every_machine():
    assert [sample_seed(0, 0, 0), sample_seed(1, 2, 3), sample_seed(42, 7)] == SEEDS


@pytest.mark.parametrize("numbers", [(0,), (1, 0), (0, 1), (2**32 - 1, 10**6, 10**9), (2**40, 1, 1)])
def test_sample_seed_fits_32_bits(numbers):
    assert 0 <= sample_seed(*numbers) < 2**32
    assert sample_seed(*numbers) == sample_seed(*numbers)


def test_sample_seeds_rarely_meet():
    seeds = {sample_seed(s, e, i) for s in range(3) for e in range(10) for i in range(300)}
    assert len(seeds) >= 9_000 - 1


def test_neighbouring_samples_are_not_alike():
    """Flips of neighbours, epochs and seeds must be coin tosses: a counter as a seed would not give that."""
    image = photo(8)
    flip = Augmentation([A.HorizontalFlip(p=0.5)])
    flipped = np.array([(flip(image, s, e, i) != image).any() for s in (0, 1) for e in (0, 1) for i in range(150)])
    assert 0.42 < flipped.mean() < 0.58
    assert 0.42 < (flipped[1:] == flipped[:-1]).mean() < 0.58


def test_nothing_but_seed_epoch_and_sample_matters():
    image = photo()
    first, second = Augmentation(default_augmentation()), Augmentation(default_augmentation())
    expected = {key: first(image, *key) for key in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]}
    assert len({pixels.tobytes() for pixels in expected.values()}) == 4
    for chaos, key in enumerate(reversed(list(expected))):
        random.seed(chaos)
        np.random.seed(chaos)  # noqa: NPY002
        torch.manual_seed(chaos)
        second(image, 99, chaos, chaos)
        np.testing.assert_array_equal(second(image, *key), expected[key])


def global_states() -> list[str]:
    numbers: Any = np.random.get_state(legacy=True)  # noqa: NPY002
    return [repr(random.getstate()), repr(numbers[1].tolist()), repr(torch.get_rng_state().tolist())]


def test_global_random_states_are_left_alone():
    before = global_states()
    Augmentation(default_augmentation())(photo(), 0, 0, 0)
    assert global_states() == before


def test_recipe_keeps_size_type_and_input():
    image = photo()
    before = image.copy()
    for i in range(20):
        result = Augmentation(default_augmentation())(image, 0, 0, i)
        assert result.shape == image.shape
        assert result.dtype == np.uint8
    np.testing.assert_array_equal(image, before)


def test_recipe_fills_corners_from_the_picture():
    """A rotation that left black corners would be a mark of training images."""
    white = np.full((48, 48, 3), 255, np.uint8)
    augmentation = Augmentation(default_augmentation())
    assert all((augmentation(white, 0, 0, i) == 255).all() for i in range(20))


def test_no_transforms_change_nothing():
    np.testing.assert_array_equal(Augmentation([])(photo(), 0, 0, 0), photo())


def test_transforms_may_change_the_size():
    assert Augmentation([A.RandomCrop(20, 30)])(photo(), 0, 0, 0).shape == (20, 30, 3)
