"""Files to samples: a plain Dataset, and the function that stacks its samples into a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dfdetect.data.cache import PixelStore
from dfdetect.data.erasing import PartEraser
from dfdetect.data.resize import Crop, resize
from dfdetect.data.samples import Samples
from dfdetect.data.transforms import Augmentation, random_cut
from dfdetect.errors import DecodeError


class Sample(TypedDict):
    """One image: `image` (3, S, S) uint8 RGB, `label` 0 real or 1 fake, `index` its place in the data set."""

    image: Tensor
    label: int
    index: int


@dataclass(frozen=True)
class Unreadable:
    """Stands in a batch's list for a file that could not be decoded."""

    path: str
    cause: str


class Batch(TypedDict):
    """B images: `image` (B, 3, S, S) uint8, `label` (B,) int64, `index` (B,) int64, and the files left out.

    B is the number of readable files, down to 0.
    """

    image: Tensor
    label: Tensor
    index: Tensor
    skipped: list[tuple[str, str]]


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
    ) -> None:
        self.samples = samples
        self.store = store
        self.size = size
        self.augmentation = augmentation
        self.seed = seed
        self.eraser = eraser
        self.crop: Crop = "native" if crop == "native" else "resize"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample | Unreadable:
        """One sample, or `Unreadable` where its file is broken."""
        epoch, index = key if isinstance(key, tuple) else (0, key)
        try:
            pixels = self.stored(epoch, index)
        except DecodeError as error:
            return Unreadable(self.named(epoch, index), error.cause)
        if self.eraser is not None:
            pixels = self.eraser(pixels, self.seed, epoch, index // self.together)
        if self.augmentation is not None:
            pixels = self.augmentation(pixels, self.seed, epoch, index // self.together)
            if self.crop == "native":
                pixels = random_cut(pixels, self.size, self.seed, epoch, index // self.together)
        pixels = resize(pixels, self.size, self.crop)
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return {"image": image, "label": int(self.samples.labels[index]), "index": index}

    def stored(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 of one image before augmentation; raises `DecodeError`."""
        return self.store.load(index, self.samples.file(index))

    def named(self, epoch: int, index: int) -> str:
        """Path of the image that `stored` gives."""
        return self.samples.paths[index]

    def pixels(self, index: int) -> npt.NDArray[np.uint8]:
        """(S, S, 3) uint8 of one readable image, as the network sees it without augmentation."""
        return resize(self.stored(0, index), self.size, self.crop)


def collate(items: Sequence[Sample | Unreadable]) -> Batch:
    """Stack the readable samples; name the others in `skipped`."""
    good = [item for item in items if not isinstance(item, Unreadable)]
    bad = [(item.path, item.cause) for item in items if isinstance(item, Unreadable)]
    images = torch.stack([item["image"] for item in good]) if good else torch.empty((0, 3, 1, 1), dtype=torch.uint8)
    return {
        "image": images,
        "label": torch.tensor([item["label"] for item in good], dtype=torch.int64),
        "index": torch.tensor([item["index"] for item in good], dtype=torch.int64),
        "skipped": bad,
    }


def quiet_worker(_: int) -> None:
    """One thread a loader worker: more would fight the training step for the cores."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
