"""What is kept of an image to find its twins: local features and a thumbnail, computed once from the decoded pixels.

Source: Lowe, *Distinctive Image Features from Scale-Invariant Keypoints* (2004); its descriptors are compared by
Hellinger distance (Arandjelovic and Zisserman, *Three things everyone should know to improve object retrieval*, 2012).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 400
"""Pictures are brought to this many pixels squared, their proportions kept, before features are searched."""
MAX_FEATURES = 300
THUMBNAIL = 64
_LEAST_CONTRAST = 0.01
"""A quarter of OpenCV's default, which finds 45 features in a smooth, small face crop; this finds 209. Where there are
more than MAX_FEATURES, the strongest are the same."""
_LEAST_SIDE = 16  # thinner strips hold no features, and SIFT's pyramid refuses them
_LEVELS = 512  # descriptors have length 1 and no entry above 1/2: this fills a byte

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """The local features of one image, about 44 kB.

    Attributes:
        points: (n, 2) float32, x and y in the normalised picture, n <= MAX_FEATURES.
        sizes: (n,) float32, diameter in the normalised picture.
        angles: (n,) uint8, direction, 256 steps to the full turn.
        descriptors: (n, 128) uint8, square roots of SIFT's histograms.
        thumbnail: (THUMBNAIL, THUMBNAIL) uint8, the picture in grey, squeezed into a square.
        shape: height and width of the normalised picture.
    """

    points: Floats
    sizes: Floats
    angles: npt.NDArray[np.uint8]
    descriptors: npt.NDArray[np.uint8]
    thumbnail: npt.NDArray[np.uint8]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.points)

    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.points, self.sizes, self.angles, self.descriptors, self.thumbnail)
        return sum(array.nbytes for array in arrays)


def describe(image: npt.NDArray[np.uint8]) -> Description:
    """Find the strongest local features of a picture.

    Args:
        image: (H, W, 3) RGB uint8, of any size.

    Returns:
        The same description on every call; one without features where the picture is flat or a thin strip.
    """
    grey = _normalised(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8))
    thumbnail = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    keypoints: Sequence[cv2.KeyPoint] = ()
    histograms = None
    if min(grey.shape) >= _LEAST_SIDE:
        keypoints, histograms = _sift().detectAndCompute(grey, None)
    if histograms is None:
        histograms = np.empty((0, 128), np.float32)
    strength = np.array([keypoint.response for keypoint in keypoints], np.float32)
    strongest = np.argsort(-strength, kind="stable")[:MAX_FEATURES]  # OpenCV keeps more where strengths tie
    chosen = [keypoints[i] for i in strongest]
    return Description(
        points=np.array([keypoint.pt for keypoint in chosen], np.float32).reshape(-1, 2),
        sizes=np.array([keypoint.size for keypoint in chosen], np.float32),
        angles=np.array([round(keypoint.angle * 256 / 360) % 256 for keypoint in chosen], np.uint8),
        descriptors=_square_roots(histograms[strongest]),
        thumbnail=np.asarray(thumbnail, np.uint8),
        shape=(grey.shape[0], grey.shape[1]),
    )


def unit_descriptors(description: Description) -> Floats:
    """(n, 128) float32 descriptors of length 1: the dot product of two is their similarity, 0 to 1."""
    descriptors = description.descriptors.astype(np.float32)
    return np.asarray(descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True).clip(1e-6), np.float32)


def mirrored(description: Description) -> Description:
    """The description that the mirrored picture would have, without searching it again."""
    points = description.points.copy()
    points[:, 0] = description.shape[1] - 1 - points[:, 0]
    return Description(
        points=points,
        sizes=description.sizes,
        angles=(128 - description.angles.astype(np.int16)).astype(np.uint8),
        descriptors=np.ascontiguousarray(description.descriptors[:, MIRROR]),
        thumbnail=np.ascontiguousarray(description.thumbnail[:, ::-1]),
        shape=description.shape,
    )


def _mirror_order() -> npt.NDArray[np.intp]:
    """Where each of the 128 entries comes from when the picture is mirrored.

    A descriptor is laid out as 4 rows, 4 columns and 8 directions in a frame that is turned with the feature. In that
    frame mirroring swaps rows and reverses the sense in which directions are counted.
    """
    places = np.arange(128).reshape(4, 4, 8)
    return np.asarray(places[::-1][:, :, -np.arange(8) % 8].ravel(), np.intp)


MIRROR = _mirror_order()


def _sift() -> cv2.SIFT:
    return cv2.SIFT.create(nfeatures=MAX_FEATURES, contrastThreshold=_LEAST_CONTRAST)


def _normalised(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Bring a grey picture to about SIDE x SIDE pixels, so that features mean the same in pictures of all sizes."""
    height, width = grey.shape
    factor = SIDE / math.sqrt(height * width)
    size = (max(1, min(round(width * factor), SIDE**2)), max(1, min(round(height * factor), SIDE**2)))
    if size == (width, height):
        return grey
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=method), np.uint8)


def _square_roots(histograms: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    shares = histograms / histograms.sum(axis=1, keepdims=True).clip(1e-6)
    return np.asarray(np.sqrt(shares) * _LEVELS + 0.5).clip(0, 255).astype(np.uint8)
