"""Faces for the network: whether they can be judged at all, and how much room pictures leave around them."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.yunet import Face, search

Pixels = npt.NDArray[np.uint8]

LEAST_SIDE = 40
"""Pixels of a face's longer side; a smaller one is not judged: enlarged to the network's input it shows nothing."""
LEAST_SHARPNESS = 0.09
"""Of `sharpness`. Faces of CIPLAB, DFDC and FFHQ have 0.117 or more, and half of them 0.07 or less after a Gaussian
blur of a fiftieth of the face's side (n = 299; benchmarks/sharpness.py)."""
MOST_FACES = 64
"""Faces of one picture that are judged, the largest first."""
_SHARPNESS_SIDE, _FLAT = 96, 4.0


@dataclass(frozen=True)
class Margin:
    """Room around the faces of a collection's pictures, in shares of the face's side.

    Attributes:
        median, low, high: over the pictures with a face, and the quartiles; at least 0; None without any.
        n: pictures with a face.
        count: pictures.
    """

    median: float | None
    low: float | None
    high: float | None
    n: int
    count: int


def fault(image: Pixels, face: Face) -> str | None:
    """Why a face cannot be judged, in words; None where it can."""
    if face.side < LEAST_SIDE:
        return f"face too small ({face.side:.0f} px, of {LEAST_SIDE})"
    box = _inside(image, face)
    if min(box.shape[:2]) < LEAST_SIDE // 4:
        return "face outside the picture"
    height, width = image.shape[:2]
    if not all(0 <= x <= width and 0 <= y <= height for x, y in face.landmarks):
        return "face cut off by the picture's edge"
    if (value := sharpness(box)) < LEAST_SHARPNESS:
        return f"face blurred (sharpness {value:.2f}, of {LEAST_SHARPNESS})"
    return None


def sharpness(face: Pixels) -> float:
    """Standard deviation of a face's Laplacian beside that of its luma, at 96 x 96 pixels.

    The share makes it independent of contrast. Source of the measure: Pech-Pacheco et al., *Diatom Autofocusing in
    Brightfield Microscopy*, ICPR (2000).
    """
    method = cv2.INTER_AREA if min(face.shape[:2]) > _SHARPNESS_SIDE else cv2.INTER_LINEAR
    grey = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (_SHARPNESS_SIDE,) * 2, interpolation=method)
    luma = np.asarray(grey, np.float32)
    return float(cv2.Laplacian(luma, cv2.CV_32F).std() / (luma.std() + _FLAT))


def measure_margin(images: Iterable[Pixels], model: str) -> Margin:
    """How much room around their face a collection's pictures leave: what a detector trained on them is to be given.

    Of each picture, the margin is the one with which `dfdetect.data.face_crop.cut_square` would give as much of it as
    it can around the largest face; less than 0 where the face reaches beyond the picture.

    Args:
        images: (H, W, 3) RGB uint8 each.
        model: file of the YuNet model.
    """
    count, margins = 0, []
    for image in images:
        count += 1
        if faces := search(image, model):
            margins.append((min(image.shape[:2]) / faces[0].side - 1) / 2)
    low, median, high = np.maximum(np.percentile(margins, (25, 50, 75)), 0).tolist() if margins else (None,) * 3
    return Margin(median, low, high, len(margins), count)


def _inside(image: Pixels, face: Face) -> Pixels:
    """The face's box, as far as it lies in the picture."""
    left, top = max(0, int(face.left)), max(0, int(face.top))
    right, bottom = max(left, int(face.left + face.width)), max(top, int(face.top + face.height))
    return image[top:bottom, left:right]
