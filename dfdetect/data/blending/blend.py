"""A real photo, and a changed copy of it blended into its face: a fake with a seam and nothing else."""

from collections.abc import Sequence

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.masks import MaskName, SoftMask, outlines, soft_mask
from dfdetect.data.face_parts import Points
from dfdetect.data.transforms import Augmentation, sample_seed

Pixels = npt.NDArray[np.uint8]

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
"""Strengths of the copy, each as likely, as the paper has them."""
_STREAM = 6021
"""Sets these random numbers apart from those of the augmentation, which come from (seed, epoch, index) too."""
_SCALE, _SHIFT, _MOST_SHIFT = 0.08, 0.10, 0.02
"""Of the size; of the outline's extent; and of the picture's side, which bounds the shift of whole faces."""


def copy_changes() -> list[A.BasicTransform]:
    """What tells the copy from the photo, beside its place: colour, then sharpness or resolution, then encoding."""
    return [
        A.RGBShift((-15, 15), (-15, 15), (-15, 15), p=0.4),
        A.HueSaturationValue((-6, 6), (-35, 35), (-12, 12), p=0.4),
        A.RandomBrightnessContrast((-0.10, 0.10), (-0.15, 0.15), p=0.4),
        A.OneOf(
            [
                A.Downscale((0.5, 0.85), {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}),
                A.GaussianBlur((3, 5), (0.4, 1.0)),
                A.Sharpen((0.2, 0.5), (0.6, 1.0)),
            ],
            p=0.8,
        ),
        A.ImageCompression(quality_range=(40, 95), p=0.5),
    ]


class SelfBlender:
    """Makes self-blended fakes of real photos.

    Source: Shiohara and Yamasaki, *Detecting Deepfakes with Self-Blended Images*, CVPR 2022. Unlike there, the mask may
    be one of the face's parts, and it is the copy alone that is changed: outside the mask the fake is the photo.

    Args:
        masks: what is blended, one of them drawn for each fake.
    """

    def __init__(self, masks: Sequence[MaskName]) -> None:
        self.masks = list(masks)
        self.changes = Augmentation(copy_changes())

    def __call__(self, image: Pixels, landmarks: npt.ArrayLike, seed: int, epoch: int, index: int) -> Pixels:
        """Blend one photo with itself.

        Args:
            image: (H, W, 3) RGB uint8, which stays as it is.
            landmarks: (L, 2) x and y in its pixels; see `dfdetect.data.blending.masks.outlines`.
            seed: the run's seed.
            epoch: epoch, from 0.
            index: the photo's place in its data set.

        Returns:
            (H, W, 3) RGB uint8.
        """
        mask, rng = self._mask(image.shape[:2], landmarks, seed, epoch, index)
        copy = self.changes(moved_copy(image, mask, rng), int(rng.integers(2**32)), epoch, index)
        return blend(image, copy, mask, float(rng.choice(RATIOS)))

    def mask(self, shape: tuple[int, int], landmarks: npt.ArrayLike, seed: int, epoch: int, index: int) -> Pixels:
        """Where a call with the same numbers blends, at whatever strength: (H, W) uint8, 255 where the mask is full."""
        mask, _ = self._mask(shape, landmarks, seed, epoch, index)
        whole = np.zeros(shape, np.uint8)
        whole[mask.box] = np.round(255 * mask.weights)
        return whole

    def _mask(
        self, shape: tuple[int, int], landmarks: npt.ArrayLike, seed: int, epoch: int, index: int
    ) -> tuple[SoftMask, np.random.Generator]:
        rng = np.random.default_rng(sample_seed(seed, epoch, index, _STREAM))
        return soft_mask(self._polygons(landmarks, rng), shape, rng), rng

    def _polygons(self, landmarks: npt.ArrayLike, rng: np.random.Generator) -> list[Points]:
        """The outline of one mask; of the eyes one, the other, or both."""
        polygons = outlines(landmarks)[self.masks[rng.integers(len(self.masks))]]
        which = rng.integers(len(polygons) + 1)
        return polygons if which == len(polygons) else [polygons[which]]


def moved_copy(image: Pixels, mask: SoftMask, rng: np.random.Generator) -> Pixels:
    """The picture within a mask's box, (h, w, 3), slightly larger or smaller and not quite in its place."""
    rows, columns = mask.box
    origin = np.array([columns.start, rows.start], np.float64)
    size = columns.stop - columns.start, rows.stop - rows.start
    middle = origin + np.array(size) / 2
    scale = 1 / (1 + rng.uniform(-_SCALE, _SCALE, 2))
    reach = min(_SHIFT * mask.extent, _MOST_SHIFT * max(image.shape[:2]))
    shift = rng.uniform(-reach, reach, 2)
    to_picture = np.column_stack([np.diag(scale), middle + (origin - middle) * scale + shift])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, to_picture, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def blend(image: Pixels, copy: Pixels, mask: SoftMask, ratio: float) -> Pixels:
    """Lay a copy over a picture.

    Args:
        image: (H, W, 3) uint8, which stays as it is.
        copy: (h, w, 3) uint8, of the mask's box.
        mask: the copy's weights.
        ratio: strength of the copy: 0 gives the picture, 1 the copy where the weight is 1.

    Returns:
        (H, W, 3) uint8.
    """
    blended = image.copy()
    part = blended[mask.box]
    weights = mask.weights * np.float32(ratio)
    part[:] = cv2.blendLinear(np.ascontiguousarray(part), copy, 1 - weights, weights)
    return blended
