"""Where the fakes of a training part were forged, as far as it is told: what `model.localisation` learns besides."""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.faces import Landmarks, is_whole
from dfdetect.data.blending.masks import MaskName, outlines
from dfdetect.data.ciplab import PARTS, edited_parts
from dfdetect.data.face_parts import Points, filled
from dfdetect.data.samples import FAKE, Samples
from dfdetect.errors import DataLayoutError

Mask = npt.NDArray[np.uint8]
"""(H, W), 255 where a picture was forged, 0 where it was not."""
Parts = frozenset[str]

COLUMN = "forged_parts"
WORDS = (*PARTS, "face")
FORGED = 255
_DRAWN: dict[str, MaskName] = {
    "right_eye": "eyes",
    "left_eye": "eyes",
    "nose": "nose",
    "mouth": "mouth",
    "face": "face",
}


def forged_parts(samples: Samples) -> list[Parts | None]:
    """Some of `WORDS` for each of N pictures: none for a photo; None for a fake of which nothing is told.

    A fake's are those that the column `forged_parts` names, else those that its file's name tells as CIPLAB's do.

    Raises:
        DataLayoutError: the column names something else, or parts of a photo.
    """
    rows = zip(samples.column(COLUMN), samples.paths, samples.labels.tolist(), strict=True)
    return [_parts(column, path, label == FAKE) for column, path, label in rows]


def _parts(column: str, path: str, is_fake: bool) -> Parts | None:
    words = frozenset(re.split(r"[\s,;|]+", column.strip())) - {""}
    if unknown := sorted(words - set(WORDS)):
        raise DataLayoutError(f"{path}: {COLUMN} has {', '.join(unknown)}; it takes words of {', '.join(WORDS)}")
    if words and not is_fake:
        raise DataLayoutError(f"{path}: is labelled real, and {COLUMN} has {', '.join(sorted(words))}")
    return (words or edited_parts(path) or None) if is_fake else words


def masks_needed(parts: list[Parts | None]) -> list[MaskName]:
    """What landmarks have to give, for these to be drawn."""
    return sorted({_DRAWN[word] for own in parts for word in own or ()})


class ForgedParts:
    """The parts of faces that were forged, as masks over pictures.

    Args:
        parts: of each picture, as of `forged_parts`.
        landmarks: of those with parts, by their number: (L, 2) in pixels of a square picture; None for a file that
            cannot be read.
        side: of that picture.
    """

    def __init__(self, parts: list[Parts | None], landmarks: Mapping[int, Landmarks | None], side: int) -> None:
        self.side, self._parts, self._landmarks = side, parts, landmarks

    def known(self) -> int:
        """Of how many fakes it can be drawn."""
        return sum(self._drawable(index) is not None for index in self._landmarks)

    def mask(self, index: int) -> Mask | None:
        """What was forged in one picture, (side, side): nothing in a photo; None where it is not known in a fake."""
        mask, parts = np.zeros((self.side, self.side), np.uint8), self._parts[index]
        if parts is None or not parts:
            return None if parts is None else mask
        landmarks = self._drawable(index)
        if landmarks is None:
            return None
        drawn = outlines(landmarks)
        for part in parts:
            mask[filled(_outline(drawn, part), mask.shape) > 0] = FORGED
        return mask

    def _drawable(self, index: int) -> Landmarks | None:
        landmarks = self._landmarks[index]
        return landmarks if landmarks is not None and is_whole(landmarks, self.side) else None


def _outline(drawn: Mapping[MaskName, list[Points]], part: str) -> Points:
    polygons = drawn[_DRAWN[part]]
    return polygons[-1] if part == "left_eye" else polygons[0]
