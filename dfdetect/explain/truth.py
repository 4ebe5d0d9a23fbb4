"""Where a fake was forged: exact masks of generated faces, parts of the face by CIPLAB's file names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.ciplab import PARTS, edited_parts
from dfdetect.data.resize import Frame, cut_out
from dfdetect.data.synthetic import KINDS, draw_face, is_generated
from dfdetect.data.yunet import Face
from dfdetect.errors import DataLayoutError
from dfdetect.explain.regions import Mask, regions

Pixels = npt.NDArray[np.uint8]

SEED = 0
"""Of the collections that a fit draws."""
_MOST_APART = 12.0
"""Mean difference in grey levels between a drawing and its JPEG file; those of two persons are 25 apart or more."""
_DRAWN = re.compile(r"(\d{5,})\.jpg")


@dataclass(frozen=True)
class Truth:
    """What was forged in a fake.

    Attributes:
        mask: (H, W) bool, all that was forged, over the part of the picture that is judged.
        parts: (H, W) bool masks of the parts of the face that may have been forged; empty where masks are exact.
        edited: which of them were.
    """

    mask: Mask
    parts: Mapping[str, Mask] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()

    @property
    def partly(self) -> bool:
        """Whether parts of the face were left as they were, so that a map can tell edited ones from others."""
        return not self.parts or len(self.edited) < len(self.parts)


def truth_of_parts(path: str, face: Face, frame: Frame, side: int) -> Truth | None:
    """The parts of a face that a file name of CIPLAB calls replaced.

    Args:
        path: of the fake.
        face: in it.
        frame: what is judged of it.
        side: of the masks.

    Returns:
        None where the name does not say it, or says that nothing was, or where what was lies outside of the frame.
    """
    edited = edited_parts(path)
    if not edited:
        return None
    masks = regions(face, frame, (side, side))
    parts = {name: masks[name] for name in PARTS}
    mask = np.logical_or.reduce([parts[name] for name in edited])
    return Truth(mask, parts, edited) if mask.any() else None


def generated_folder(file: str) -> Path | None:
    """The collection of generated faces that a file lies in; None for other files."""
    return next((folder for folder in Path(file).resolve().parents[:3] if is_generated(folder)), None)


def truth_of_drawing(file: str, image: Pixels, frame: Frame, side: int) -> Truth:
    """The exact mask of a generated fake, `fake/KIND/NUMBER.jpg`, by drawing it again.

    Args:
        file: of the fake.
        image: (H, W, 3) RGB uint8, what it shows.
        frame: what is judged of it.
        side: of the mask.

    Raises:
        DataLayoutError: the file does not show what is drawn for its name.
    """
    kind = Path(file).parent.name
    numbered = _DRAWN.fullmatch(Path(file).name)
    drawn = numbered and kind in KINDS and draw_face(SEED, int(numbered[1]), kind, len(image))
    if not drawn or drawn.image.shape != image.shape or _apart(drawn.image, image) > _MOST_APART:
        raise DataLayoutError(
            f"{file}: not the face that this version draws for this name, so where it was forged is not known. Draw "
            "the faces anew: remove their folder, then dfdetect fit --config demo"
        )
    inside = cut_out(drawn.mask, frame)
    at = (np.arange(side) + 0.5) / side
    rows, columns = ((at * n).astype(np.intp) for n in inside.shape)
    return Truth(inside[np.ix_(rows, columns)])


def _apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
