"""Files to samples: a plain Dataset, and the function that stacks its samples into a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dfdetect.data.cache import PixelStore
from dfdetect.data.erasing import PartEraser
from dfdetect.data.forged import ForgedParts, Mask
from dfdetect.data.resize import Crop, resize
from dfdetect.data.samples import Samples
from dfdetect.data.transforms import Augmentation, random_cut
from dfdetect.errors import DecodeError


class Sample(TypedDict):
    """One image: `image` (3, S, S) uint8 RGB, `label` 0 real or 1 fake, `index` its place in the data set.

    Where it is trained on what was forged: `forged` (S, S) uint8, 255 where it was, and whether that is `located`.
    """

    image: Tensor
    label: int
    index: int
    forged: NotRequired[Tensor]
    located: NotRequired[bool]


Pictures = list[npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Unreadable:
    """Stands in a batch's list for a file that could not be decoded."""

    path: str
    cause: str


class Batch(TypedDict):
    """B images: `image` (B, 3, S, S) uint8, `label` (B,) int64, `index` (B,) int64, and the files left out.

    B is the number of readable files, down to 0. `forged` (B, S, S) uint8 and `located` (B,) bool as of `Sample`.
    """

    image: Tensor
    label: Tensor
    index: Tensor
    skipped: list[tuple[str, str]]
    forged: NotRequired[Tensor]
    located: NotRequired[Tensor]


class DeepfakeDataset(Dataset[Sample | Unreadable]):
    """Labelled face photos.

    An item is asked for by its index, or by (epoch, index): the epoch seeds the augmentation, and it travels with the
    index because persistent workers would never hear of it otherwise.

    Args:
        samples: the table of N images.
        store: where decoded pixels come from.
        size: side of the network's input in pixels.
        augmentation: for training; None leaves the pixels as they are.
        seed: the run's seed.
        eraser: hides a part of a face before augmentation.
        crop: how what is larger than `size` comes to it: `native` cuts it, at a random place where there is an
            augmentation; every other one resizes it.
        forged: knows where each sample was forged, in the store's pixels; None where nothing learns it.

    Attributes:
        together: so many samples in a row stand in one batch and get the same augmentation.
    """

    together = 1

    def __init__(
        self,
        samples: Samples,
        store: PixelStore,
        size: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        eraser: PartEraser | None = None,
        crop: Crop = "resize",
        forged: ForgedParts | None = None,
    ) -> None:
        self.samples = samples
        self.store = store
        self.size = size
        self.augmentation = augmentation
        self.seed = seed
        self.eraser = eraser
        self.crop: Crop = "native" if crop == "native" else "resize"
        self.forged = forged

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample | Unreadable:
        """One sample, or `Unreadable` where its file is broken."""
        epoch, index = key if isinstance(key, tuple) else (0, key)
        try:
            pixels = self.stored(epoch, index)
        except DecodeError as error:
            return Unreadable(self.named(epoch, index), error.cause)
        chance = self.seed, epoch, index // self.together
        if self.eraser is not None:
            pixels = self.eraser(pixels, *chance)
        label = int(self.samples.labels[index])
        if self.forged is None:
            (pixels,) = self._augmented([pixels], *chance)
            return {"image": _as_tensor(pixels), "label": label, "index": index}
        mask = self.forged_mask(epoch, index, self.forged)
        nothing = np.zeros(pixels.shape[:2], np.uint8)
        pixels, moved = self._augmented([pixels, nothing if mask is None else mask], *chance)
        where = torch.from_numpy(moved)
        return {
            "image": _as_tensor(pixels),
            "label": label,
            "index": index,
            "forged": where,
            "located": mask is not None,
        }

    def _augmented(self, pictures: Pictures, seed: int, epoch: int, index: int) -> Pictures:
        """An image and masks that move along with it, in the network's size."""
        if self.augmentation is not None:
            pictures = self.augmentation.of_all(pictures, seed, epoch, index)
            if self.crop == "native":
                pictures = [random_cut(one, self.size, seed, epoch, index) for one in pictures]
        return [resize(one, self.size, self.crop) for one in pictures]

    def forged_mask(self, epoch: int, index: int, forged: ForgedParts) -> Mask | None:
        """Where one image was forged before augmentation; None where that is not known."""
        return forged.mask(index)

    def stored(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 of one image before augmentation; raises `DecodeError`."""
        return self.store.load(index, self.samples.file(index))

    def named(self, epoch: int, index: int) -> str:
        """Path of the image that `stored` gives."""
        return self.samples.paths[index]

    def pixels(self, index: int) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 of one readable image, as the network sees it without augmentation."""
        return resize(self.stored(0, index), self.size, self.crop)


def _as_tensor(pixels: npt.NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def collate(items: Sequence[Sample | Unreadable]) -> Batch:
    """Stack the readable samples; name the others in `skipped`."""
    good = [item for item in items if not isinstance(item, Unreadable)]
    bad = [(item.path, item.cause) for item in items if isinstance(item, Unreadable)]
    images = torch.stack([item["image"] for item in good]) if good else torch.empty((0, 3, 1, 1), dtype=torch.uint8)
    batch: Batch = {
        "image": images,
        "label": torch.tensor([item["label"] for item in good], dtype=torch.int64),
        "index": torch.tensor([item["index"] for item in good], dtype=torch.int64),
        "skipped": bad,
    }
    if good and "forged" in good[0]:
        batch["forged"] = torch.stack([item["forged"] for item in good])
        batch["located"] = torch.tensor([item["located"] for item in good])
    return batch


def quiet_worker(_: int) -> None:
    """One thread a loader worker: more would fight the training step for the cores."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
