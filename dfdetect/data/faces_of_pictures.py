"""`data.crop: face` of a whole collection: each picture's face is found once, and pictures without one are counted."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dfdetect.data.decode import decode
from dfdetect.data.face_crop import FaceCutter
from dfdetect.data.face_model import face_model
from dfdetect.data.identity import Identity, file_identity
from dfdetect.data.largest_face import find_largest_faces, usable_threads
from dfdetect.data.samples import Samples
from dfdetect.data.yunet import Face
from dfdetect.environment import named_face_model
from dfdetect.errors import DecodeError

_MADE = "originals"
_WITHOUT = "cut no faces out: --data.crop center"
_PARTS = {"train": "training", "val": "validation", "test": "test", "predict": "unlabelled"}


@dataclass(frozen=True)
class FoundFaces:
    """The faces of N pictures.

    Attributes:
        cutter: that knows them.
        count: pictures that could be read.
        faceless: of these, those without a face.
    """

    cutter: FaceCutter
    count: int
    faceless: int

    def note(self, part: str) -> str:
        """In how many pictures of a part no face was found, and what is taken of them."""
        pictures = f"{self.count:,} {_PARTS.get(part, part)} pictures"
        if not self.faceless:
            return f"Faces are cut out of all {pictures}"
        return f"No face in {self.faceless:,} of {pictures}: of those the largest centred square is taken"


def face_cutter(margin: float, model: str | None = None) -> FaceCutter:
    """What cuts faces out, with this face model, that of `$DFDETECT_FACE_MODEL`, or the one that is downloaded once.

    Raises:
        UsageError: it is not there, or no YuNet model.
        DownloadError: it had to be fetched and could not be.
    """
    return FaceCutter(face_model(named_face_model(model), _WITHOUT), margin)


def find_faces(cutter: FaceCutter, samples: Samples, folder: Path | None) -> FoundFaces:
    """Find the largest face of each picture, in its own pixels; those that are kept in the cache `folder` are known."""
    before = [_identity(samples.file(place)) for place in range(len(samples))]
    found = find_largest_faces(samples, lambda _, file: decode(file), cutter.model, folder, _MADE, usable_threads())
    known: dict[str, tuple[Identity, Face | None]] = {
        samples.file(place): (identity, face)
        for place, (identity, face) in enumerate(zip(before, found, strict=True))
        if identity is not None and not isinstance(face, DecodeError)
    }
    faceless = sum(face is None for _, face in known.values())
    return FoundFaces(replace(cutter, known=known), len(known), faceless)


def _identity(file: str) -> Identity | None:
    """None for a file that is not there."""
    with suppress(DecodeError):
        return file_identity(file)
    return None
