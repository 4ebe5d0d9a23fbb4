"""Exact duplicates by decoded pixels."""

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.audit.duplicates import find_duplicates, label_conflicts, pixel_hash
from dfdetect.data.decode import decode


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_a_re_wrapped_file_has_the_same_hash(picture, tmp_path):
    for name in ("a.png", "a.bmp", "a.tif"):
        Image.fromarray(picture).save(tmp_path / name)
    assert len({pixel_hash(decode(tmp_path / name)) for name in ("a.png", "a.bmp", "a.tif")}) == 1
    assert len({(tmp_path / name).read_bytes() for name in ("a.png", "a.bmp", "a.tif")}) == 3


def test_one_pixel_or_the_shape_makes_another_hash(picture):
    changed = picture.copy()
    changed[3, 4, 1] ^= 1
    reshaped = picture.reshape(30, 20, 3)
    hashes = {pixel_hash(one) for one in (picture, changed, reshaped, picture[:, :15], picture[:10])}
    assert len(hashes) == 5


def test_the_hash_does_not_depend_on_memory_layout(picture):
    assert pixel_hash(picture[:, ::-1]) == pixel_hash(picture[:, ::-1].copy())
    assert pixel_hash(np.asfortranarray(picture)) == pixel_hash(picture)


def test_the_hash_is_the_same_on_every_machine():
    assert pixel_hash(np.zeros((2, 2, 3), np.uint8)) == "681bbd4af19fb1c8759b46f04870cdab"


def test_groups_of_equal_hashes():
    assert find_duplicates(["a", "b", "a", "c", "b", "a"]) == [[0, 2, 5], [1, 4]]
    assert find_duplicates(["a", "b"]) == []
    assert find_duplicates([]) == []


def test_unreadable_files_are_no_duplicates_of_each_other():
    assert find_duplicates(["", "a", "", "a"]) == [[1, 3]]


def test_conflicts_are_the_groups_with_both_classes():
    groups = [[0, 1], [2, 3, 4], [5, 6]]
    assert label_conflicts(groups, np.array([0, 0, 1, 1, 0, 1, 1], np.int8)) == [[2, 3, 4]]
    assert label_conflicts([], []) == []
