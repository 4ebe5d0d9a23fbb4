"""Pairs of a real photo and a fake, for training: its self-blended one, or one of the data's own."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.blend import SelfBlender
from dfdetect.data.blending.faces import Photos
from dfdetect.data.cache import PixelStore
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.erasing import PartEraser
from dfdetect.data.forged import ForgedParts, Mask
from dfdetect.data.resize import Crop
from dfdetect.data.samples import FAKE, REAL
from dfdetect.data.transforms import Augmentation, sample_seed
from dfdetect.errors import DecodeError

_STREAM = 8087
"""Sets these random numbers apart from those of blending and augmentation, which come from (seed, epoch, index) too."""


class PairDataset(DeepfakeDataset):
    """N real photos, each followed by a fake: sample 2i is real, 2i + 1 the fake made of it, or an own one.

    Another fake in every epoch, the same for the same (seed, epoch, i). Both get the same augmentation.

    Args:
        photos: N real photos, with landmarks in the store's pixels.
        blender: makes the fakes.
        store: where decoded pixels come from, by the photo's number; those of the data's own fakes follow.
        size: side of the network's input in pixels.
        augmentation: of both.
        seed: the run's seed.
        eraser: hides a part of the face in both.
        crop: as of `DeepfakeDataset`; both are cut at the same place.
        own_fakes: share of the pairs whose fake is one of `photos.fakes`, each as likely.
        forged: knows where each of `photos.fakes` was forged; None where nothing learns it.
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
        own_fakes: float = 0.0,
        forged: ForgedParts | None = None,
    ) -> None:
        count = len(photos.samples)
        twice = photos.samples.select(np.repeat(np.arange(count), 2))
        labels = np.tile(np.array([REAL, FAKE], np.int8), count)
        super().__init__(replace(twice, labels=labels), store, size, augmentation, seed, eraser, crop, forged)
        self.photos = photos
        self.blender = blender
        self.own_fakes = own_fakes

    def stored(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 of a photo or its fake before augmentation; raises `DecodeError`."""
        number, is_fake = divmod(index, 2)
        own = self._own_fake(epoch, index)
        if own is not None:
            return self.store.load(len(self.photos.samples) + own, self.photos.fakes.file(own))
        path = self.samples.file(index)
        photo, landmarks = self.store.load(number, path), self.photos.landmarks[number]
        if landmarks is None:
            raise DecodeError(path, "could not be read when faces were searched")
        return self.blender(photo, landmarks, self.seed, epoch, number) if is_fake else photo

    def named(self, epoch: int, index: int) -> str:
        """Path of a photo, of which a blended fake is made too, or of an own fake."""
        own = self._own_fake(epoch, index)
        return self.samples.paths[index] if own is None else self.photos.fakes.paths[own]

    def forged_mask(self, epoch: int, index: int, forged: ForgedParts) -> Mask | None:
        """Where one image was forged before augmentation: nowhere in a photo, in its fake where it was blended."""
        number, is_fake = divmod(index, 2)
        own = self._own_fake(epoch, index)
        if own is not None:
            return forged.mask(own)
        shape, landmarks = (forged.side, forged.side), self.photos.landmarks[number]
        if not is_fake or landmarks is None:  # of a file without landmarks there are no pixels either
            return np.zeros(shape, np.uint8)
        return self.blender.mask(shape, landmarks, self.seed, epoch, number)

    def _own_fake(self, epoch: int, index: int) -> int | None:
        """Which one stands in the place of a blended one in this epoch."""
        number, is_fake = divmod(index, 2)
        if not is_fake or not self.own_fakes:
            return None
        rng = np.random.default_rng(sample_seed(self.seed, epoch, number, _STREAM))
        return int(rng.integers(len(self.photos.fakes))) if rng.random() < self.own_fakes else None
