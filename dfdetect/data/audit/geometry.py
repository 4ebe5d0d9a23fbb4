"""Proof that two images show one photo: matched features that one plausible movement explains, pixels that agree."""

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.local_features import THUMBNAIL, Description, Floats, unit_descriptors

RATIO = 0.8
"""A match is kept if it is this much nearer than the next best one (Lowe, 2004)."""
LEAST_INLIERS = 13
"""Evidence below this is no proof."""
_REACH = 2.0
"""Pixels of the normalised picture. What was copied fits this closely; the eyes of another person, even of a drawn one
by the same hand, fit within 5 but not within 2."""
_LEAST_LIKENESS = 0.955
"""Median similarity of matched descriptors: 0.96 to 1 in copies, 0.93 to 0.95 in two shots of one person."""
_MOST_RESIZE = 2.2
_MOST_SQUEEZE = 1.5
_MOST_TURN = math.radians(50)
_STILL = 2.0
_CELLS = 8  # the thumbnail is compared in 8 x 8 cells
_LEAST_CONTRAST = 4.0  # grey levels, standard deviation of a cell that can be compared
_LEAST_CORRELATION = 0.75

Move = npt.NDArray[Any]


class Fit(NamedTuple):
    """How the second image lies on the first.

    Attributes:
        inliers: number of matched places that the movement explains.
        scale: size of the first picture's content in the second, 1 where it is the same.
        still: whether what matches stays where it is, within 2 pixels of the normalised picture.
        agreement: share of comparable cells, where both lie on one another, in which the pixels correlate.
    """

    inliers: int
    scale: float
    still: bool
    agreement: float


def match(similarity: Floats) -> npt.NDArray[np.intp]:
    """Match features by Lowe's ratio test.

    Args:
        similarity: (n, m) float32, dot products of descriptors of length 1.

    Returns:
        (k, 2) pairs of a row and a column, each row and each column at most once.
    """
    if similarity.shape[0] < 1 or similarity.shape[1] < 2:
        return np.empty((0, 2), np.intp)
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    top = similarity[rows, best]
    rest = similarity.copy()
    rest[rows, best] = -1
    # squared distances of unit vectors are 2 - 2 * similarity
    kept = np.flatnonzero(1 - top < RATIO**2 * (1 - rest.max(axis=1)))
    kept = kept[np.argsort(-top[kept], kind="stable")]
    _, earliest = np.unique(best[kept], return_index=True)
    kept = kept[earliest]
    return np.stack([kept, best[kept]], axis=1)


def align(here: Floats, there: Floats) -> tuple[Move, npt.NDArray[np.bool_]] | None:
    """Find the affine movement that most matched points follow, by RANSAC.

    Args:
        here: (k, 2) points of one normalised picture.
        there: (k, 2) where they lie in the other.

    Returns:
        (2, 3) movement from `here` to `there` and (k,) which points follow it. None where fewer than LEAST_INLIERS do,
        or where no edit makes the movement: a resize by more than 2.2, a squeeze by more than 1.5, a turn by more than
        50 degrees.
    """
    if _places(here, there) < LEAST_INLIERS:
        return None
    move, inside = cv2.estimateAffine2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=_REACH, maxIters=1000, confidence=0.999
    )
    if move is None or not _plausible(move):
        return None
    kept = inside.ravel().astype(bool)
    return (move, kept) if _places(here[kept], there[kept]) >= LEAST_INLIERS else None


def fit(first: Description, second: Description, pairs: npt.NDArray[np.intp]) -> Fit | None:
    """Judge whether matched features prove that two images show one photo.

    Args:
        first: one image.
        second: the other one, mirrored already where that is asked.
        pairs: (k, 2) matched features of both.

    Returns:
        None where `align` finds no movement, or where what follows it is similar but not the same.
    """
    here, there = first.points[pairs[:, 0]], second.points[pairs[:, 1]]
    found = align(here, there)
    if found is None:
        return None
    move, kept = found
    if _likeness(first, second, pairs[kept]) < _LEAST_LIKENESS:
        return None
    here, there = here[kept], there[kept]
    still = bool(np.median(np.abs(there - here)) < _STILL)
    return Fit(_places(here, there), _scale(move), still, _agreement(first, second, move))


def _likeness(first: Description, second: Description, pairs: npt.NDArray[np.intp]) -> float:
    """Median similarity of the descriptors of matched features."""
    one, other = unit_descriptors(first)[pairs[:, 0]], unit_descriptors(second)[pairs[:, 1]]
    return float(np.median((one * other).sum(axis=1)))


def _places(here: Floats, there: Floats) -> int:
    """Number of matches in different places: a corner with two directions is two features but one piece of evidence."""
    return len(np.unique(np.round(np.hstack([here, there])).astype(np.int32), axis=0)) if len(here) else 0


def _plausible(move: Move) -> bool:
    linear = move[:, :2]
    if not np.isfinite(move).all() or np.linalg.det(linear) <= 0:
        return False
    large, small = np.linalg.svd(linear, compute_uv=False)
    turn = math.atan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    scale = _scale(move)
    return 1 / _MOST_RESIZE <= scale <= _MOST_RESIZE and large <= _MOST_SQUEEZE * small and abs(turn) <= _MOST_TURN


def _scale(move: Move) -> float:
    return math.sqrt(abs(float(np.linalg.det(move[:, :2]))))


def _agreement(first: Description, second: Description, move: Move) -> float:
    """Lay the second thumbnail on the first and correlate cell by cell, in cells that have contrast."""
    (h1, w1), (h2, w2) = first.shape, second.shape
    from_thumb = np.diag([w1 / THUMBNAIL, h1 / THUMBNAIL, 1.0])
    to_thumb = np.diag([THUMBNAIL / w2, THUMBNAIL / h2, 1.0])
    between = (to_thumb @ np.vstack([move, (0, 0, 1)]) @ from_thumb)[:2]
    size, flags = (THUMBNAIL, THUMBNAIL), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(second.thumbnail, between, size, flags=flags)
    seen = cv2.warpAffine(np.ones(size, np.uint8), between, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    here, there = _cells(first.thumbnail), _cells(laid)
    contrast_here, contrast_there = here.std(axis=1), there.std(axis=1)
    whole = _cells(seen).min(axis=1) > 0
    comparable = whole & (np.maximum(contrast_here, contrast_there) > _LEAST_CONTRAST)
    if not comparable.any():
        return 0.0
    covariance = ((here - here.mean(axis=1, keepdims=True)) * (there - there.mean(axis=1, keepdims=True))).mean(axis=1)
    correlation = covariance / (contrast_here * contrast_there).clip(1e-6)
    return float((correlation[comparable] > _LEAST_CORRELATION).mean())


def _cells(thumbnail: npt.NDArray[Any]) -> Floats:
    """(cells, pixels of a cell) float32."""
    side = THUMBNAIL // _CELLS
    blocks = thumbnail.reshape(_CELLS, side, _CELLS, side).transpose(0, 2, 1, 3)
    return blocks.reshape(_CELLS**2, side**2).astype(np.float32)
