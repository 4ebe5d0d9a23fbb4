"""Which pairs of images are worth a look: neighbours in sorted hash orders of their local features, never all pairs.

Each feature gets hash words of random hyperplanes. For each word all features are sorted by it, and each is compared
with the few that follow, so that the cost is that of sorting. Features whose signatures, directions and sizes agree
give their pair of images a vote.

Sources: Charikar, *Similarity estimation techniques from rounding algorithms* (2002), for hyperplanes and sorted
orders; Jegou, Douze and Schmid, *Hamming embedding and weak geometric consistency* (2008), for signatures and votes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.local_features import MIRROR, Description, Floats

WORDS = 16
"""Sorted orders. More find weaker twins, at a proportional cost."""
WINDOW = 16
"""With how many that follow it in a sorted order a feature is compared."""
PARTNERS = 10
"""How many candidates an image may name; it may be named by more."""
LEAST_VOTES = 5

_SIGNATURE_BITS, _WORD_BITS = 64, 32
_MOST_DIFFERENT = 16  # bits of the signature; unrelated features differ in 32 on average
_TURN = 36  # of 256 steps: 50 degrees
_RESIZE = 8  # eighths of an octave: a factor of 2
_BLOCK = 50  # images whose features are hashed at a time

Words = npt.NDArray[np.uint32]


class Candidate(NamedTuple):
    """Two images, first < second, that may show one photo; `mirrored` if the second has to be flipped first."""

    first: int
    second: int
    mirrored: bool
    votes: int


@dataclass(frozen=True)
class _Index:
    """All M features of N images, then the same as mirroring would make them: 2M entries.

    Attributes:
        image: (2M,) which image.
        signature: (2M,) 64 signs.
        words: (WORDS, 2M) hash words.
        angle: (2M,) in 256 steps.
        octave: (2M,) eighths of an octave.
    """

    image: npt.NDArray[np.uint32]
    signature: npt.NDArray[np.uint64]
    words: Words
    angle: npt.NDArray[np.uint8]
    octave: npt.NDArray[np.int16]


def find_candidates(descriptions: Sequence[Description]) -> list[Candidate]:
    """Name the pairs of images that share most features.

    Args:
        descriptions: N images. Time grows with N log N, memory with N.

    Returns:
        At most N * PARTNERS pairs, in order of their indices.
    """
    index = _build(descriptions)
    pairs, counts = _count(_distinct([_votes_of_word(index, word) for word in range(WORDS)]), index)
    return _best(pairs, counts)


def _build(descriptions: Sequence[Description]) -> _Index:
    image = np.repeat(np.arange(len(descriptions), dtype=np.uint32), [len(one) for one in descriptions])
    angle = np.concatenate([one.angles for one in descriptions] or [np.empty(0, np.uint8)])
    sizes = np.concatenate([one.sizes for one in descriptions] or [np.empty(0, np.float32)])
    octave = np.round(8 * np.log2(sizes.clip(1e-3))).astype(np.int16)
    signature = np.empty(2 * len(image), np.uint64)
    words = np.empty((WORDS, 2 * len(image)), np.uint32)
    planes = np.random.default_rng(0).standard_normal((128, _SIGNATURE_BITS + WORDS * _WORD_BITS), np.float32)
    mean = _mean(descriptions)
    for side, order in enumerate((np.arange(128), MIRROR)):
        at = side * len(image)
        for block in _blocks(descriptions):
            bits = (np.asarray(block[:, order], np.float32) - mean) @ planes > 0
            packed = np.packbits(bits, axis=1)
            signature[at : at + len(block)] = packed[:, :8].copy().view(np.uint64)[:, 0]
            words[:, at : at + len(block)] = packed[:, 8:].copy().view(">u4").T
            at += len(block)
    mirrored_angle = (128 - angle.astype(np.int16)).astype(np.uint8)
    return _Index(np.tile(image, 2), signature, words, np.concatenate([angle, mirrored_angle]), np.tile(octave, 2))


def _mean(descriptions: Sequence[Description]) -> Floats:
    """Mean of all descriptors and their mirrored selves: planes through it cut the features in halves."""
    total, count = np.zeros(128), 0
    for one in descriptions:
        total += one.descriptors.sum(axis=0, dtype=np.int64)
        count += len(one)
    return np.asarray((total + total[MIRROR]) / max(2 * count, 1), np.float32)


def _blocks(descriptions: Sequence[Description]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(descriptions), _BLOCK):
        yield np.concatenate([one.descriptors for one in descriptions[start : start + _BLOCK]])


def _votes_of_word(index: _Index, word: int) -> npt.NDArray[np.uint64]:
    """Votes among neighbours in one sorted order: feature of the lower image << 32 | the other image << 1 | mirrored.

    Sorting word and place together gives one order on every machine.
    """
    count = len(index.image)
    place = np.sort(index.words[word].astype(np.uint64) << 32 | np.arange(count, dtype=np.uint64)) & 0xFFFFFFFF
    signature = index.signature[place]
    found = []
    for step in range(1, min(WINDOW, count - 1) + 1):
        near = np.bitwise_count(signature[:-step] ^ signature[step:]) <= _MOST_DIFFERENT
        at = np.flatnonzero(near)
        found.append(_votes(index, place[at].astype(np.int64), place[at + step].astype(np.int64)))
    return _distinct(found)


def _distinct(parts: list[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    """The different values of all parts, sorted; unlike `np.unique` it holds no second copy of them."""
    values = np.concatenate([*parts, np.empty(0, np.uint64)])
    parts.clear()
    values.sort()
    return values[np.flatnonzero(np.diff(values, prepend=values[:1] + 1))]


def _votes(index: _Index, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    half = len(index.image) // 2
    turned = (index.angle[one] - index.angle[other]).astype(np.int8).astype(np.int16)
    fits = (index.image[one] != index.image[other]) & (np.abs(turned) <= _TURN)
    fits &= np.abs(index.octave[one] - index.octave[other]) <= _RESIZE
    fits &= (one < half) | (other < half)  # two mirrored ones say what the two plain ones say
    one, other = one[fits], other[fits]
    swap = index.image[one] > index.image[other]
    one, other = np.where(swap, other, one), np.where(swap, one, other)
    flipped = (one >= half) ^ (other >= half)
    votes = (one % half) << 32 | index.image[other].astype(np.int64) << 1 | flipped
    return votes.astype(np.uint64)


def _count(votes: npt.NDArray[np.uint64], index: _Index) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.intp]]:
    """Votes of each pair: one for each feature of the first image, however many features of the second it resembles."""
    first = index.image[votes >> 32]
    votes &= 0xFFFFFFFF
    votes |= first.astype(np.uint64) << 32
    votes.sort()
    starts = np.flatnonzero(np.diff(votes, prepend=votes[:1] + 1))
    pairs, counts = votes[starts], np.diff(starts, append=len(votes))
    enough = counts >= LEAST_VOTES
    return pairs[enough], counts[enough]


def _best(pairs: npt.NDArray[np.uint64], counts: npt.NDArray[np.intp]) -> list[Candidate]:
    """The pairs that are among the PARTNERS with most votes of either image."""
    first, second = (pairs >> 32).astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int64) >> 1
    image, place = np.concatenate([first, second]), np.tile(np.arange(len(pairs)), 2)
    order = np.lexsort((pairs[place], -counts[place], image))
    rank = np.arange(len(order)) - np.searchsorted(image[order], image[order])
    kept = np.unique(place[order[rank < PARTNERS]])
    return [
        Candidate(int(a), int(b), bool(pair & 1), int(votes))
        for a, b, pair, votes in zip(first[kept], second[kept], pairs[kept].tolist(), counts[kept], strict=True)
    ]
