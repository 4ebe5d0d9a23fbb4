"""The slow, sure way to find twins that `audit_twins.py` measures against: every pair of images by SIFT and RANSAC.

A plain reading of the method: pictures at 400 x 400, OpenCV's 300 strongest SIFT features, Lowe's ratio test at 0.8
from the lower to the higher index, a movement by RANSAC within 5 pixels, 20 inliers. The movement is a homography, of
eight numbers, and beside it a similarity, of four: shift, turn and size. Nothing is shared with
`dfdetect.data.audit`. Distances come from matrix products, so that 1.5 million pairs take minutes.
"""

from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits
from tqdm import tqdm

SIDE, FEATURES, RATIO, INLIERS, REACH = 400, 300, 0.8, 20, 5.0
_BLOCK = 4  # images against one at a time: their distances stay in the processor's cache
_FAR = 1e12

Floats = npt.NDArray[np.float32]


class Features(NamedTuple):
    """Points (n, 2) and SIFT descriptors (n, 128), float32, n <= FEATURES."""

    points: Floats
    descriptors: Floats


def features(image: npt.NDArray[np.uint8], mirror: bool = False) -> Features:
    """SIFT features of an (H, W, 3) RGB picture, or of its mirror image."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    method = cv2.INTER_AREA if min(grey.shape) > SIDE else cv2.INTER_LINEAR
    grey = cv2.resize(grey, (SIDE, SIDE), interpolation=method)
    if mirror:
        grey = np.ascontiguousarray(grey[:, ::-1])
    found: tuple[Any, Any] = cv2.SIFT.create(nfeatures=FEATURES).detectAndCompute(grey, None)
    keypoints, descriptors = found
    if descriptors is None:
        return Features(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    points = np.array([keypoint.pt for keypoint in keypoints[:FEATURES]], np.float32)
    return Features(points, np.asarray(descriptors[:FEATURES], np.float32))


class Evidence(NamedTuple):
    """What ties two images.

    Attributes:
        inliers: of a homography.
        places: that these lie in, in the picture with fewer of them. RANSAC also confirms homographies that send
            everything to a handful of points: many inliers in few places.
        similar: inliers of a similarity.
        scale: by which that similarity enlarges the first picture, 0 without one. RANSAC also confirms similarities
            that send everything to one point, since each is "within 5 pixels" there.
    """

    inliers: int
    places: int
    similar: int
    scale: float


def exhaustive(plain: list[Features], other: list[Features], workers: int) -> list[tuple[int, int, Evidence]]:
    """Pairs i < j for which plain[i] matches other[j] by either movement. `other` is `plain` or mirrored."""
    with ProcessPoolExecutor(workers, initializer=_prepare, initargs=(plain, other)) as pool:
        rows = pool.map(_partners, range(len(plain)))
        return [row for found in tqdm(rows, total=len(plain), desc="exhaustive", unit="image") for row in found]


_worker: dict[str, Any] = {}


def _prepare(plain: list[Features], other: list[Features]) -> None:
    """In each worker, once."""
    threadpool_limits(1)
    _worker.update(plain=plain, other=other, train=_train(other))


def _train(every: list[Features]) -> Floats:
    """(N, FEATURES, 129) rows whose product with (query, 1) is the squared distance, less the query's own square."""
    train = np.zeros((len(every), FEATURES, 129), np.float32)
    train[:, :, 128] = _FAR
    for place, one in enumerate(every):
        train[place, : len(one.points), :128] = -2 * one.descriptors
        train[place, : len(one.points), 128] = (one.descriptors**2).sum(axis=1)
    return train


def _partners(i: int) -> list[tuple[int, int, Evidence]]:
    """The pairs of image i with those that follow it."""
    plain, other, train = _worker["plain"], _worker["other"], _worker["train"]
    query, confirmed = plain[i], []
    if len(query.points) < INLIERS:
        return []
    columns = np.hstack([query.descriptors, np.ones((len(query.points), 1), np.float32)]).T
    own = (query.descriptors**2).sum(axis=1)
    for start in range(i + 1, len(plain), _BLOCK):
        block = train[start : start + _BLOCK]
        distances = (block.reshape(-1, 129) @ columns).reshape(len(block), FEATURES, -1)
        least, second = _two_least(distances)
        good = least + own < RATIO**2 * (second + own)
        for place in np.flatnonzero(good.sum(axis=1) >= INLIERS).tolist():
            rows = np.flatnonzero(good[place])
            nearest = distances[place][:, rows].argmin(axis=0)
            if len(np.unique(nearest)) < INLIERS:  # no one-to-one movement can have so many inliers
                continue
            evidence = _evidence(query.points[rows], other[start + place].points[nearest])
            if max(evidence.inliers, evidence.similar) >= INLIERS:
                confirmed.append((i, start + place, evidence))
    return confirmed


def _two_least(values: Floats) -> tuple[Any, Any]:
    """The least and second least along axis 1, by a tournament: halving is several times faster than partitioning."""
    half = values.shape[1] // 2
    least, second = np.minimum(values[:, :half], values[:, half:]), np.maximum(values[:, :half], values[:, half:])
    while least.shape[1] > 1:
        half = (least.shape[1] + 1) // 2
        top, bottom = least[:, :half], least[:, half:]
        rest = np.minimum(second[:, :half][:, : bottom.shape[1]], second[:, half:])
        loser = np.minimum(np.maximum(top[:, : bottom.shape[1]], bottom), rest)
        winner = np.minimum(top[:, : bottom.shape[1]], bottom)
        if bottom.shape[1] < half:  # the odd one out goes on as it is
            winner = np.concatenate([winner, top[:, -1:]], axis=1)
            loser = np.concatenate([loser, second[:, half - 1 : half]], axis=1)
        least, second = winner, loser
    return least[:, 0], second[:, 0]


def _evidence(here: Floats, there: Floats) -> Evidence:
    homography: tuple[Any, Any] = cv2.findHomography(here, there, cv2.RANSAC, REACH)
    similarity: tuple[Any, Any] = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=REACH)
    kept, similar = (
        np.zeros(len(here), bool) if found is None else inside.ravel().astype(bool)
        for found, inside in (homography, similarity)
    )
    places = min(len(np.unique(points[kept].round(), axis=0)) for points in (here, there))
    moved = similarity[0]
    scale = 0.0 if moved is None else round(float(np.hypot(moved[0, 0], moved[1, 0])), 4)
    return Evidence(int(kept.sum()), places, int(similar.sum()), scale)
