"""Where the fakes of a training part were forged, as far as it is known: what `model.localisation` learns besides."""

import re

import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.faces import Landmarks, is_whole
from dfdetect.data.blending.masks import outlines
from dfdetect.data.ciplab import PARTS, edited_parts
from dfdetect.data.face_parts import Points, filled
from dfdetect.data.samples import FAKE, Samples
from dfdetect.errors import DataLayoutError, UsageError

Mask = npt.NDArray[np.uint8]
"""(H, W), 255 where a picture was forged, 0 where it was not."""

COLUMN = "forged_parts"
WORDS = (*PARTS, "face")
FORGED = 255


class ForgedParts:
    """The parts of a face that were forged in each of N pictures.

    A fake's are those that the column `forged_parts` names, else those that its file's name tells as CIPLAB's do.

    Args:
        samples: N pictures, photos or fakes.
        landmarks: of each, (5, 2) or (68, 2) in pixels of a square picture; None where its file cannot be read.
        side: of that picture.

    Attributes:
        fakes: how many of them are fakes.
        known: of how many of these it is known what was forged.

    Raises:
        DataLayoutError: the column names something else than `WORDS`.
    """

    def __init__(self, samples: Samples, landmarks: list[Landmarks | None], side: int) -> None:
        self.side, self._landmarks = side, landmarks
        self._parts = [
            _named(column, path) if label == FAKE else frozenset()
            for column, path, label in zip(samples.column(COLUMN), samples.paths, samples.labels, strict=True)
        ]
        fakes = np.flatnonzero(samples.labels == FAKE).tolist()
        self.fakes, self.known = len(fakes), sum(self.mask(index) is not None for index in fakes)

    def mask(self, index: int) -> Mask | None:
        """What was forged in one picture, (side, side): nothing in a photo; None where it is not known in a fake."""
        parts, landmarks = self._parts[index], self._landmarks[index]
        if parts is not None and not parts:
            return np.zeros((self.side, self.side), np.uint8)
        if parts is None or landmarks is None or not is_whole(landmarks, self.side):
            return None
        drawn = _polygons(landmarks)
        mask = np.zeros((self.side, self.side), np.uint8)
        for part in parts:
            mask[filled(drawn[part], mask.shape) > 0] = FORGED
        return mask

    def refuse_unknown(self, origin: str) -> None:
        """Raises `UsageError` where nothing is known of any fake; `origin` is what lists them."""
        if self.fakes and not self.known:
            raise UsageError(
                f"model.localisation: where the {self.fakes} fakes of {origin} were forged is not known. It reads file "
                f"names such as CIPLAB's, or a manifest's column {COLUMN} with words of {', '.join(WORDS)}, and needs "
                "faces with landmarks; or it learns from data.blending"
            )


def _named(column: str, path: str) -> frozenset[str] | None:
    """Parts of a fake; None where neither the column nor the file's name tells them, or that there were any."""
    words = frozenset(re.split(r"[\s,;|]+", column.strip())) - {""}
    if unknown := sorted(words - set(WORDS)):
        raise DataLayoutError(f"{path}: {COLUMN} has {', '.join(unknown)}; it takes words of {', '.join(WORDS)}")
    return words or edited_parts(path) or None


def _polygons(landmarks: Landmarks) -> dict[str, Points]:
    """Outlines of `WORDS`."""
    drawn = outlines(landmarks)
    right_eye, left_eye = drawn["eyes"]
    single = {name: drawn[name][0] for name in ("nose", "mouth", "face")}
    return {"right_eye": right_eye, "left_eye": left_eye, **single}
