"""Training augmentation: an Albumentations pipeline whose randomness is a function of (seed, epoch, sample) alone.

Neither the number of workers or ranks nor a restart changes what a sample gets, so two runs of one seed see the same
pixels, and a resumed run continues as if it had never stopped.
"""

import os
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask a server for its newest version on import

import albumentations as A

from dfdetect.data.resize import Frame, cut_out, resize
from dfdetect.errors import UsageError

_CUTS = 5039
"""Sets the random numbers of `random_cut` apart from those of the augmentation, which come from the same ones."""
_TRIALS = 16
"""So many seeds find a transform that fails and is applied to half of the images."""


def default_augmentation() -> list[A.BasicTransform]:
    """The published recipe: horizontal flip, rotation up to 15 degrees, zoom in up to 1.2 times.

    Cubic interpolation, because linear would blur training images more than the test images, which are not
    interpolated twice, and a detector of fakes lives on fine detail.
    """
    return [
        A.HorizontalFlip(p=0.5),
        A.Affine(
            rotate=(-15.0, 15.0),
            scale=(1.0, 1.2),
            interpolation=cv2.INTER_CUBIC,
            border_mode=cv2.BORDER_REFLECT_101,
            p=1.0,
        ),
    ]


class Augmentation:
    """Albumentations transforms, applied in order.

    Args:
        transforms: the pipeline; empty for none.
    """

    def __init__(self, transforms: Sequence[A.BasicTransform]) -> None:
        self.compose = A.Compose(list(transforms))

    def __call__(self, image: npt.NDArray[np.uint8], seed: int, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """Augment one image.

        Args:
            image: (H, W, 3) uint8.
            seed: the run's seed.
            epoch: epoch, from 0.
            index: the sample's place in its data set.

        Returns:
            (H', W', 3) uint8.
        """
        self.compose.set_random_seed(sample_seed(seed, epoch, index))
        return np.asarray(self.compose(image=image)["image"])

    def of_all(
        self, pictures: list[npt.NDArray[np.uint8]], seed: int, epoch: int, index: int
    ) -> list[npt.NDArray[np.uint8]]:
        """Augment an image, the first of `pictures`, as a call does, and move masks (H, W) uint8 along with it."""
        image, *masks = pictures
        if not masks:
            return [self(image, seed, epoch, index)]
        self.compose.set_random_seed(sample_seed(seed, epoch, index))
        moved = self.compose(image=image, masks=masks)
        return [np.asarray(one) for one in (moved["image"], *moved["masks"])]

    def check(self, size: int, masks: bool = False) -> None:
        """Try the pipeline on a grey image of (size, size, 3), with `masks` a mask too, before a training begins.

        Raises:
            UsageError: it fails there, or returns no RGB uint8 image.
        """
        grey, nothing = np.full((size, size, 3), 127, np.uint8), np.zeros((size, size), np.uint8)
        for seed in range(_TRIALS):
            try:
                result, *moved = self.of_all([grey, nothing] if masks else [grey], seed, 0, 0)
            except Exception as error:  # whatever a transform may raise
                raise UsageError(f"data.augment fails on an image of {size} x {size} pixels: {error}") from error
            if result.dtype != np.uint8 or result.ndim != 3 or result.shape[2] != 3:
                raise UsageError(
                    f"data.augment must return RGB uint8 (H, W, 3), but returns {result.dtype} {result.shape}; the "
                    "detector normalises inside, so no Normalize or ToTensor belongs here"
                )
            if any(mask.shape != result.shape[:2] for mask in moved):
                raise UsageError("data.augment moves no masks along with images, as model.localisation needs it")


def random_cut(image: npt.NDArray[np.uint8], size: int, seed: int, epoch: int, index: int) -> npt.NDArray[np.uint8]:
    """A square of `size` pixels out of an image, every place equally likely, as (seed, epoch, index) has it.

    Args:
        image: (H, W, 3) uint8; where a side is shorter than `size`, its centred square is enlarged.
        size: side of the result in pixels.
        seed: the run's seed.
        epoch: epoch, from 0.
        index: the sample's place in its data set.

    Returns:
        (size, size, 3) uint8; the image itself where it has that size.
    """
    height, width = image.shape[:2]
    if min(height, width) < size or (height, width) == (size, size):
        return resize(image, size, "native")
    rng = np.random.default_rng(sample_seed(seed, epoch, index, _CUTS))
    top, left = (int(rng.integers(n - size + 1)) for n in (height, width))
    return cut_out(image, Frame(left, top, size, size))


def sample_seed(*numbers: int) -> int:
    """A 32-bit seed mixed from whole numbers >= 0, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
