"""Twins: images made from one photo (edited, cropped, shifted, resized, mirrored, re-encoded, part replaced)."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dfdetect.data.audit.candidates import Candidate, find_candidates
from dfdetect.data.audit.geometry import LEAST_INLIERS, fit, match
from dfdetect.data.audit.groups import components
from dfdetect.data.audit.local_features import Description, describe, mirrored, unit_descriptors

__all__ = ["Description", "Twin", "describe", "find_twins"]

OVERLAY_AGREEMENT = 0.5
OVERLAY_IMAGES = 4
"""A watermark or frame: what so many otherwise unrelated images share at one place while the rest of them differs."""


class Twin(NamedTuple):
    """Two images of one photo.

    Attributes:
        first: index of one image.
        second: index of the other one, greater than `first`.
        inliers: number of places where local features match and one movement explains it.
        mirrored: whether one is the other's mirror image.
        scale: size of the first picture's content in the second, both brought to one area first.
        agreement: 0 to 1, share of the common picture, in coarse cells, in which the pixels agree too; low where only
            a part was taken over, such as the eyes.
    """

    first: int
    second: int
    inliers: int
    mirrored: bool
    scale: float
    agreement: float


def find_twins(descriptions: Sequence[Description], progress: bool = False) -> list[Twin]:
    """Find the pairs of images that were made from one photo.

    Time and memory grow with the number of images, not of pairs: candidates come from sorted hash orders, and each
    image names a bounded number of them. Images whose descriptions are the same are all tied to the first of them, and
    only that one is compared with others; so where one photo is there more than PARTNERS times, not every pair is
    listed, but all are connected.

    Args:
        descriptions: one of `describe` for each image; one without features has no twins.
        progress: show a progress bar.

    Returns:
        Twins in order of their indices, each pair once.
    """
    kept, copies = _collapse(descriptions)
    candidates = find_candidates([descriptions[i] for i in kept])
    named = [one._replace(first=kept[one.first], second=kept[one.second]) for one in candidates]
    found: dict[tuple[int, int], tuple[Twin, bool]] = {}
    bar = tqdm(total=len(named), desc="comparing", unit="pair", disable=not progress)
    with bar, threadpool_limits(1, "blas"):  # the products are small: threads would wait for each other
        for first, group in groupby(named, key=lambda one: one.first):
            partners = list(group)
            for twin, still in _verify(descriptions, first, partners):
                key = (twin.first, twin.second)
                if key not in found or twin.inliers > found[key][0].inliers:
                    found[key] = twin, still
            bar.update(len(partners))
    return sorted([*copies, *_without_overlays(list(found.values()), len(descriptions))])


def _without_overlays(found: list[tuple[Twin, bool]], count: int) -> list[Twin]:
    """Leave out what only a common watermark or frame ties.

    A single such pair looks like a photo whose face was replaced. Many of them that tie photos, or sets of twins, which
    nothing else ties do not.
    """
    suspects = [twin for twin, still in found if still and twin.agreement < OVERLAY_AGREEMENT]
    sure = [twin for twin, still in found if not still or twin.agreement >= OVERLAY_AGREEMENT]
    photo = {i: place for place, members in enumerate(components(count, _ends(sure))) for i in members}
    ties = [(photo[twin.first], photo[twin.second]) for twin in suspects]
    size = {place: len(tied) for tied in components(count, ties) for place in tied}
    kept = [twin for twin, (a, b) in zip(suspects, ties, strict=True) if a == b or size[a] < OVERLAY_IMAGES]
    return sure + kept


def _ends(twins: list[Twin]) -> list[tuple[int, int]]:
    return [(twin.first, twin.second) for twin in twins]


def _collapse(descriptions: Sequence[Description]) -> tuple[list[int], list[Twin]]:
    """Indices of different descriptions with enough features, and a tie from each to its exact copies."""
    first: dict[tuple[bytes, bytes], int] = {}
    copies = []
    for index, one in enumerate(descriptions):
        if len(one) < LEAST_INLIERS:
            continue
        earlier = first.setdefault((one.descriptors.tobytes(), one.points.tobytes()), index)
        if earlier != index:
            copies.append(Twin(earlier, index, len(one), False, 1.0, 1.0))
    return list(first.values()), copies


def _verify(descriptions: Sequence[Description], first: int, partners: list[Candidate]) -> Iterator[tuple[Twin, bool]]:
    """Compare one image with its candidates, by one matrix product: twins, and whether their content stays in place."""
    one = descriptions[first]
    others = [mirrored(descriptions[p.second]) if p.mirrored else descriptions[p.second] for p in partners]
    similarity = unit_descriptors(one) @ np.concatenate([unit_descriptors(other) for other in others]).T
    edges = np.cumsum([len(other) for other in others])[:-1]
    for partner, other, part in zip(partners, others, np.split(similarity, edges, axis=1), strict=True):
        found = fit(one, other, match(part))
        if found:
            twin = Twin(first, partner.second, found.inliers, partner.mirrored, found.scale, found.agreement)
            yield twin, found.still
