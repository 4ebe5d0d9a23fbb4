"""Corrupted images for the robustness curves: each file is decoded once for all its variants."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dfdetect.data.cache import Decoder
from dfdetect.data.decode import decode
from dfdetect.data.samples import Samples
from dfdetect.errors import DecodeError
from dfdetect.evaluation.corruptions import Variant, corrupt

CorruptedItem = tuple[int, Tensor]
"""Place of an image in its data set, and its K variants (K, 3, S, S) uint8 RGB; K is 0 where the file is unreadable."""


class CorruptedDataset(Dataset[CorruptedItem]):
    """Images under K corruptions, each applied at the file's own size, before all that a test does to an image.

    Args:
        samples: the table of images.
        indices: which of them.
        variants: K corruptions with their severities.
        decoder: what prepares the images without corruption, and these after it.
        seed: of the noise.
    """

    def __init__(
        self, samples: Samples, indices: Sequence[int], variants: Sequence[Variant], decoder: Decoder, seed: int
    ) -> None:
        self.samples = samples
        self.indices = list(indices)
        self.variants = list(variants)
        self.decoder, self.seed = decoder, seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> CorruptedItem:
        """The variants of one image."""
        index, size = self.indices[place], self.decoder.size
        path = self.samples.paths[index]
        try:
            pixels = decode(self.samples.file(index))
        except DecodeError:
            return index, torch.empty((0, 3, size, size), dtype=torch.uint8)
        images = np.empty((len(self.variants), 3, size, size), np.uint8)
        for image, variant in zip(images, self.variants, strict=True):
            changed = corrupt(pixels, variant, self.seed, path)
            image[:] = self.decoder.prepare(changed, path).transpose(2, 0, 1)
        return index, torch.from_numpy(images)
