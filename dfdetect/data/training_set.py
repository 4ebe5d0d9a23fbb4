"""What a fit trains on: the training part itself, or pairs made of its real photos; parts of faces may be erased."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch.utilities import rank_zero_info

from dfdetect.data.blending.blend import SelfBlender
from dfdetect.data.blending.faces import check_masks, is_whole, landmarks_of, real_photos
from dfdetect.data.blending.masks import MaskName
from dfdetect.data.cache import CacheMode, Decoder, PixelStore, open_store, pixel_folder
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.erasing import PartEraser
from dfdetect.data.forged import COLUMN, WORDS, ForgedParts, forged_parts, masks_needed
from dfdetect.data.pairs import PairDataset
from dfdetect.data.samples import FAKE, Samples
from dfdetect.data.transforms import Augmentation
from dfdetect.errors import UsageError


@dataclass(frozen=True)
class TrainingSet:
    """Makes the training data set; settings as of `DeepfakeDataModule`.

    Attributes:
        decoder: of pixels as augmentation gets them.
        augmentation: of every picture; None for none.
        size: side of the network's input in pixels.
        seed: the run's.
        cache, cache_dir: where pixels are kept, and landmarks beside those on disk.
        blending, landmarks, erase_parts, own_fakes: see there.
        localises: the network learns where fakes were forged, too.
    """

    decoder: Decoder
    augmentation: Augmentation | None
    size: int
    seed: int
    cache: CacheMode
    cache_dir: Path | None
    blending: list[MaskName] | None
    landmarks: str | None
    erase_parts: float = 0.0
    own_fakes: float = 0.0
    localises: bool = False

    def build(self, part: Samples, name: str) -> DeepfakeDataset:
        """Of a part of that name; raises what `real_photos`, `landmarks_of` and `forged_parts` do."""
        if self.localises and self.erase_parts:
            raise UsageError("model.localisation and data.erase_parts: what is erased shows no forgery; leave one out")
        if self.blending:
            return self._pairs(part, name, self.blending)
        store = open_store(self.cache, self.decoder, len(part), self.cache_dir)
        forged = self._forged(part, alone=True) if self.localises else None
        how = self._eraser(part), self.decoder.crop, forged
        return DeepfakeDataset(part, store, self.size, self.augmentation, self.seed, *how)

    def _pairs(self, part: Samples, name: str, masks: list[MaskName]) -> PairDataset:
        searched, kept = self._searched(part), self._kept()
        photos = real_photos(part, name, masks, self.landmarks, self.decoder, searched, kept)
        shown = len(photos.fakes) if self.own_fakes else 0
        if self.own_fakes and not shown:
            raise UsageError(f"data.own_fakes: the {name} part holds no fakes")
        store = open_store(self.cache, self.decoder, len(photos.samples) + shown, self.cache_dir)
        eraser = PartEraser(self.erase_parts, photos.landmarks) if self.erase_parts else None
        how = store, self.size, self.augmentation, self.seed, eraser, self.decoder.crop
        shown_fakes = photos.fakes if self.own_fakes else photos.fakes.select(np.arange(0))
        forged = self._forged(shown_fakes, alone=False) if self.localises else None
        return PairDataset(photos, SelfBlender(masks), *how, self.own_fakes, forged)

    def _forged(self, part: Samples, alone: bool) -> ForgedParts:
        """Where the fakes of a part were forged; faces are searched in those alone that say it.

        Raises:
            UsageError: none of them does, and nothing else is learned from: they stand `alone`.
        """
        parts, fakes = forged_parts(part), int((part.labels == FAKE).sum())
        told = [index for index, own in enumerate(parts) if own]
        if alone and not told:
            raise UsageError(
                f"model.localisation: where the {fakes} fakes of the train part were forged is not told. It reads "
                f"names of files such as CIPLAB's, or a manifest's column {COLUMN} with words of {', '.join(WORDS)}; "
                "or it learns from data.blending"
            )
        some = part.select(np.array(told, np.intp))
        found = landmarks_of(some, self.landmarks, self.decoder, self._searched(some), self._kept()) if told else []
        check_masks(found, masks_needed(parts), "model.localisation")
        forged = ForgedParts(parts, dict(zip(told, found, strict=True)), self.decoder.size)
        if fakes:
            rank_zero_info(f"Where they were forged is known of {forged.known()} of {fakes} training fakes")
        return forged

    def _eraser(self, part: Samples) -> PartEraser | None:
        if not self.erase_parts:
            return None
        landmarks = landmarks_of(part, self.landmarks, self.decoder, self._searched(part), self._kept())
        check_masks(landmarks, ["eyes", "nose", "mouth"], "data.erase_parts")
        whole = sum(one is not None and is_whole(one, self.decoder.size) for one in landmarks)
        rank_zero_info(f"Erasing parts of faces: {whole} of {len(part)} training images show a whole face")
        return PartEraser(self.erase_parts, landmarks)

    def _searched(self, part: Samples) -> PixelStore:
        """Pixels to search for faces: kept on disk only, since all of them at once might not fit into memory."""
        return open_store(self.cache if self.cache == "disk" else "off", self.decoder, len(part), self.cache_dir)

    def _kept(self) -> Path | None:
        return pixel_folder(self.cache_dir) if self.cache == "disk" else None
