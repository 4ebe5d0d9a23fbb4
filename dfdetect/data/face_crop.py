"""The square around a face: cut out of a picture, in training by `data.crop: face` and by whoever judges photos."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dfdetect.data.identity import Identity, file_identity
from dfdetect.data.yunet import Face, search
from dfdetect.files import sha256_of

Pixels = npt.NDArray[np.uint8]

DEFAULT_MARGIN = 0.17
"""Share of a face's side: what CIPLAB (n = 217) and FFHQ (n = 125) leave around a face, at the median."""
MOST_MARGIN = 10
"""Room around a face's box, in shares of its side: a face of a twentieth of the picture's side."""


@dataclass(frozen=True)
class Cut:
    """What was cut out of a picture: (h, w, 3) pixels and their place; of a face (side, side, 3)."""

    pixels: Pixels
    left: int
    top: int


def cut_square(image: Pixels, face: Face, margin: float) -> Cut:
    """Cut the square around a face out of a picture.

    Its side is the longer one of the face's box and `margin` times that on each side. At the picture's border it is
    moved inside; a picture that is too small for it gives the largest square it has. So no pixel is made up, and the
    face keeps its proportions.

    Args:
        image: (H, W, 3) RGB uint8.
        face: found in it.
        margin: share of the face's side, 0 or more.
    """
    height, width = image.shape[:2]
    side = max(1, min(round(face.side * (1 + 2 * margin)), height, width))
    left = min(max(round(face.left + face.width / 2 - side / 2), 0), width - side)
    top = min(max(round(face.top + face.height / 2 - side / 2), 0), height - side)
    return Cut(np.ascontiguousarray(image[top : top + side, left : left + side]), left, top)


def largest_face(image: Pixels, model: str) -> Face | None:
    """The largest face of (H, W, 3) RGB uint8 pixels, found by the YuNet file `model`; None where there is none."""
    faces = search(image, model)
    return faces[0] if faces else None


@dataclass(frozen=True)
class FaceCutter:
    """`data.crop: face`: cuts the largest face out of a picture; one without a face stays whole.

    Attributes:
        model: file of the YuNet model that finds it.
        margin: of `cut_square`.
        known: faces that were found before, by file, with the file's identity then; None for a picture without.
    """

    model: str
    margin: float
    known: Mapping[str, tuple[Identity, Face | None]] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, image: Pixels, file: str | None = None) -> Cut:
        """Cut (H, W, 3) RGB uint8 pixels, those of `file` as they were decoded where one is named."""
        face = self._face(image, file)
        return Cut(image, 0, 0) if face is None else cut_square(image, face, self.margin)

    def recipe(self) -> str:
        """What it does to a picture, as part of a folder name."""
        return f"-margin{self.margin!r}-{sha256_of(self.model)[:12]}"

    def _face(self, image: Pixels, file: str | None) -> Face | None:
        if file is not None and file in self.known:
            identity, face = self.known[file]
            if identity == file_identity(file):
                return face
        return largest_face(image, self.model)
