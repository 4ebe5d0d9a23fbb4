"""Exact duplicates: files whose decoded pixels are the same, however they are named or wrapped."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def pixel_hash(image: npt.NDArray[np.uint8]) -> str:
    """Hash of a picture's shape and decoded pixels, so that a PNG and a BMP of one picture agree.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        32 hex digits; two pictures have the same ones only if they are the same.
    """
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def find_duplicates(hashes: Sequence[str]) -> list[list[int]]:
    """Groups of two or more indices whose hashes are the same; an empty hash (an unreadable file) has no duplicate.

    Returns:
        Groups in order of their first index, each in rising order.
    """
    places: dict[str, list[int]] = {}
    for index, name in enumerate(hashes):
        if name:
            places.setdefault(name, []).append(index)
    return [group for group in places.values() if len(group) > 1]


def label_conflicts(duplicates: Sequence[Sequence[int]], labels: npt.ArrayLike) -> list[list[int]]:
    """Those groups of duplicates that hold both classes: one picture, called real and fake.

    Args:
        duplicates: groups of indices, from `find_duplicates`.
        labels: (N,) 0 real, 1 fake.
    """
    classes = np.asarray(labels)
    return [list(group) for group in duplicates if len(np.unique(classes[list(group)])) > 1]
