"""Hiding one part of a face, so that no network leans on the eyes, the nose or the mouth alone."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.blend import blend
from dfdetect.data.blending.faces import Landmarks, is_whole
from dfdetect.data.blending.masks import outlines, soft_mask
from dfdetect.data.transforms import sample_seed

_STREAM = 7411
"""Sets these random numbers apart from those of the augmentation, which come from (seed, epoch, index) too."""
_BLUR = 0.06
"""Standard deviation, as a share of the picture's side: nothing finer than an eye is left."""


class PartEraser:
    """Blurs an eye or both, the nose or the mouth beyond recognition, of real and fake faces alike.

    Source: the idea of Zhong and others, *Random Erasing Data Augmentation*, AAAI 2020, aimed at the parts of a face,
    and with a soft edge, which looks like no forgery's.

    Args:
        share: of the pictures that lose a part, 0 to 1.
        landmarks: of each sample, (L, 2) in pixels; a picture without a whole face, or without parts, stays as it is.
    """

    def __init__(self, share: float, landmarks: Sequence[Landmarks | None]) -> None:
        self.share, self.landmarks = share, landmarks

    def __call__(self, image: npt.NDArray[np.uint8], seed: int, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """Hide a part of sample `index`, (H, W, 3) RGB uint8, or not, as (seed, epoch, index) has it."""
        rng = np.random.default_rng(sample_seed(seed, epoch, index, _STREAM))
        landmarks = self.landmarks[index]
        if rng.random() >= self.share or landmarks is None or not is_whole(landmarks, image.shape[0]):
            return image
        parts = [polygons for name, polygons in outlines(landmarks).items() if name != "face"]
        if not parts:
            return image
        polygons = parts[rng.integers(len(parts))]
        which = rng.integers(len(polygons) + 1)  # of the eyes one, the other, or both
        mask = soft_mask(polygons if which == len(polygons) else [polygons[which]], image.shape[:2], rng)
        blurred = cv2.GaussianBlur(image, (0, 0), _BLUR * image.shape[0])
        return blend(image, np.ascontiguousarray(blurred[mask.box]), mask, 1.0)
