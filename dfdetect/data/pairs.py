"""Pairs of a real photo and its self-blended fake, for training."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.blend import SelfBlender
from dfdetect.data.blending.faces import Photos
from dfdetect.data.cache import PixelStore
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.erasing import PartEraser
from dfdetect.data.resize import Crop
from dfdetect.data.samples import FAKE, REAL
from dfdetect.data.transforms import Augmentation
from dfdetect.errors import DecodeError


class PairDataset(DeepfakeDataset):
    """N real photos, each followed by its self-blended fake: sample 2i is real, 2i + 1 the fake made of it.

    Another fake in every epoch, the same for the same (seed, epoch, i). Both get the same augmentation.

    Args:
        photos: N real photos, with landmarks in the store's pixels.
        blender: makes the fakes.
        store: where decoded pixels come from, by the photo's number.
        size: side of the network's input in pixels.
        augmentation: of both.
        seed: the run's seed.
        eraser: hides a part of the face in both.
        crop: as of `DeepfakeDataset`; both are cut at the same place.
    """

    together = 2

    def __init__(
        self,
        photos: Photos,
        blender: SelfBlender,
        store: PixelStore,
        size: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        eraser: PartEraser | None = None,
        crop: Crop = "resize",
    ) -> None:
        count = len(photos.samples)
        twice = photos.samples.select(np.repeat(np.arange(count), 2))
        labels = np.tile(np.array([REAL, FAKE], np.int8), count)
        super().__init__(replace(twice, labels=labels), store, size, augmentation, seed, eraser, crop)
        self.photos = photos
        self.blender = blender

    def stored(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 of a photo or its fake before augmentation; raises `DecodeError`."""
        number, is_fake = divmod(index, 2)
        path = self.samples.file(index)
        photo, landmarks = self.store.load(number, path), self.photos.landmarks[number]
        if landmarks is None:
            raise DecodeError(path, "could not be read when faces were searched")
        return self.blender(photo, landmarks, self.seed, epoch, number) if is_fake else photo
