"""Landmarks of the photos that fakes are made of: found by YuNet once and kept beside the pixels, or given."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.masks import MASKS, MaskName, outlines
from dfdetect.data.cache import Decoder, PixelStore
from dfdetect.data.face_model import face_model
from dfdetect.data.largest_face import DAMAGED, arrays_of, find_largest_faces
from dfdetect.data.samples import REAL, Samples
from dfdetect.data.yunet import Face
from dfdetect.environment import named_face_model
from dfdetect.errors import DecodeError, UsageError

Landmarks = npt.NDArray[np.float32]
"""(L, 2) x and y in pixels; (0, 2) where there is no face."""

_LEAST_SPAN = 1 / 16
"""Of a picture's side, from landmark to landmark, which is half a face: a part of a smaller one is a few pixels."""
_WAYS_ON = "name landmarks: --data.landmarks FILE (docs/blending.md)"


@dataclass(frozen=True)
class Photos:
    """Real photos that fakes are made of.

    Attributes:
        samples: N of them.
        landmarks: of each, in the store's pixels; None for a file that could not be read.
        faceless: number of real photos that were left out, because no whole face was found in them.
        fakes: those that stand beside them in that part.
        part: its name.
    """

    samples: Samples
    landmarks: list[Landmarks | None]
    faceless: int
    fakes: Samples
    part: str

    def note(self, own_fakes: float = 0.0) -> str:
        """What these are, for a line; `own_fakes` is the share of pairs whose fake is one of the data's own."""
        left_out = f"; left out: {self.faceless} real photos without a whole face" if self.faceless else ""
        fakes = f"the {len(self.fakes)} fakes of the {self.part} part"
        beside = f"each beside one of {fakes} ({own_fakes:.0%}) or" if own_fakes else "each beside"
        unused = "" if own_fakes or not len(self.fakes) else f"; {fakes} are not used"
        return f"{len(self.samples)} real photos, {beside} its self-blended fake{left_out}{unused}"


def real_photos(
    part: Samples,
    name: str,
    masks: list[MaskName],
    given: str | None,
    decoder: Decoder,
    store: PixelStore,
    kept: Path | None,
) -> Photos:
    """The real photos of a part that show a whole face.

    Args:
        part: real photos and fakes.
        name: of the part.
        masks: what will be blended.
        given: file of landmarks; None to find them.
        decoder: what makes the pixels that `store` holds.
        store: pixels of photos, by their paths.
        kept: folder in which found landmarks are kept; None to keep none.

    Raises:
        UsageError: no photo is left; bad landmarks, or such as give not all `masks`; no such face model.
        DownloadError: the face model had to be fetched and could not be.
    """
    reals = part.select(np.flatnonzero(part.labels == REAL))
    landmarks = landmarks_of(reals, given, decoder, store, kept)
    check_masks(landmarks, masks)
    whole = [index for index, one in enumerate(landmarks) if is_whole(one, decoder.size)]
    if not whole:
        raise UsageError(f"data.blending: none of the {len(reals)} real photos of the {name} part shows a whole face")
    chosen = [landmarks[index] for index in whole]
    fakes = part.select(np.flatnonzero(part.labels != REAL))
    return Photos(reals.select(np.array(whole)), chosen, len(reals) - len(whole), fakes, name)


def landmarks_of(
    photos: Samples, given: str | None, decoder: Decoder, store: PixelStore, kept: Path | None
) -> list[Landmarks | None]:
    """Landmarks of each photo: those that the file `given` holds, else found; see the two functions below."""
    return given_landmarks(photos, given, decoder.size) if given else find_landmarks(photos, store, decoder, kept)


def find_landmarks(photos: Samples, store: PixelStore, decoder: Decoder, folder: Path | None) -> list[Landmarks | None]:
    """Landmarks of the largest face of each photo, in pixels as `store` gives them.

    Args:
        photos: N images.
        store: their pixels.
        decoder: what made them.
        folder: cache folder in which landmarks are kept; None to keep none.

    Returns:
        N times (5, 2), or (0, 2) without a face; None for a file that cannot be read.

    Raises:
        UsageError: `$DFDETECT_FACE_MODEL` is not there, or no YuNet model.
        DownloadError: the face model had to be fetched and could not be.
    """
    model = face_model(named_face_model(), _WAYS_ON)
    return [_landmarks(one) for one in find_largest_faces(photos, store.load, model, folder, decoder.recipe())]


def given_landmarks(photos: Samples, file: str, size: int) -> list[Landmarks | None]:
    """Landmarks of each photo out of an npz file, in pixels of pictures of `size` by `size`.

    The file holds an array (L, 2) under the path of each photo, as the manifest or the folder lists it: x and y in
    shares of the picture's width and height. A photo that it lacks has no face: (0, 2).

    Raises:
        UsageError: no such file, or what it holds is no landmarks.
    """
    try:
        held = arrays_of(file)
    except DAMAGED as error:
        raise UsageError(f"data.landmarks {file}: {error}") from error
    points = [held.get(path, np.empty((0, 2))) for path in photos.paths]
    for path, one in zip(photos.paths, points, strict=True):
        if one.ndim != 2 or one.shape[1] != 2 or one.dtype.kind not in "fiu" or len(one) in (1, 2):
            raise UsageError(f"data.landmarks {file}: {path} has {one.dtype} {one.shape}, not (L, 2) with 3 or more")
    return [np.asarray(one * size, np.float32) for one in points]


def check_masks(landmarks: list[Landmarks | None], masks: list[MaskName], setting: str = "data.blending") -> None:
    """Refuse masks that landmarks do not give; `setting` asks for them.

    Raises:
        UsageError: parts of a face are asked for, of landmarks that give its hull alone.
    """
    for count in {len(one) for one in landmarks if one is not None and len(one)}:
        lacking = set(masks) - set(outlines(np.eye(count, 2)))
        if lacking:
            raise UsageError(
                f"{setting}: {count} landmarks give no {', '.join(sorted(lacking, key=MASKS.index))}; 5 or 68 do"
                + (". Use data.blending: [face]" if setting == "data.blending" else "")
            )


def is_whole(landmarks: Landmarks | None, size: int) -> bool:
    """Whether a face was found that lies in its picture of `size` by `size` pixels and is more than a speck in it.

    A broken file may yet hold one.
    """
    if landmarks is None:
        return True
    inside = len(landmarks) > 0 and bool(((landmarks >= 0) & (landmarks < size)).all())
    return inside and float(np.ptp(landmarks, axis=0).max()) >= _LEAST_SPAN * size


def _landmarks(found: Face | DecodeError | None) -> Landmarks | None:
    if isinstance(found, DecodeError):
        return None
    return np.empty((0, 2), np.float32) if found is None else found.landmarks
