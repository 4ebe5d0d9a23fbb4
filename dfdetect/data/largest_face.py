"""The largest face of each picture of a collection: found once, and kept beside the pixels."""

import os
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile
from tqdm import tqdm

from dfdetect.data.cache import entry_path
from dfdetect.data.face_crop import largest_face
from dfdetect.data.identity import file_identity
from dfdetect.data.samples import Samples
from dfdetect.data.yunet import Face
from dfdetect.errors import DecodeError
from dfdetect.files import replacing, sha256_of

Pixels = npt.NDArray[np.uint8]
Load = Callable[[int, str], Pixels]
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What `arrays_of` raises for what is no npz file."""


def find_largest_faces(
    photos: Samples, load: Load, model: str, folder: Path | None, made: str, threads: int = 1
) -> list[Face | DecodeError | None]:
    """The largest face of each of N photos.

    Args:
        photos: N images.
        load: pixels of one, by its place and file.
        model: file of the YuNet model.
        folder: cache folder in which faces are kept; None to keep none.
        made: what `load` makes of a file, as a folder name: faces of other pixels are kept apart.
        threads: so many photos at once; `load` must bear it.

    Returns:
        N times the face, in the pixels that `load` gives; None without one; the error for a file that cannot be read.
    """
    kept = None if folder is None else folder / f"{made}-faces-{sha256_of(model)[:12]}"

    def one(place: int) -> Face | DecodeError | None:
        try:
            return _kept_or_found(place, photos.file(place), load, kept, model)
        except DecodeError as error:
            return error

    shown = {"desc": "Finding faces", "unit": "photo", "delay": 2, "total": len(photos)}
    if threads == 1:
        return list(tqdm(map(one, range(len(photos))), **shown))
    with ThreadPoolExecutor(threads) as pool:
        return list(tqdm(pool.map(one, range(len(photos))), **shown))


def arrays_of(file: str | Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an npz file by their names; raises one of `DAMAGED`."""
    with open(file, "rb") as stream:  # by its name NumPy would leave a damaged one open
        held = np.load(stream, allow_pickle=False)
        if not isinstance(held, NpzFile):
            raise ValueError("a single array, no npz")
        return dict(held)


def usable_threads() -> int:
    """Of this process, 8 at most; on a machine that several share one each."""
    return max(1, min(8, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def _kept_or_found(place: int, path: str, load: Load, folder: Path | None, model: str) -> Face | None:
    if folder is None:
        return largest_face(load(place, path), model)
    entry, identity = Path(f"{entry_path(folder, path)}.npz"), file_identity(path)
    try:
        kept = arrays_of(entry)
        if tuple(kept["identity"].tolist()) == identity:
            return _face_of(kept["face"])
    except DAMAGED:
        pass
    face = largest_face(load(place, path), model)
    try:
        with replacing(entry) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, identity=np.array(identity), face=_numbers_of(face))
    except OSError as error:  # a full or read-only disk costs speed, never the run
        warnings.warn(f"Faces cannot be kept in {folder} ({error}); they are found again next time", stacklevel=2)
    return face


def _numbers_of(face: Face | None) -> npt.NDArray[np.float64]:
    """(15,) box, landmarks and score; (0,) for none."""
    if face is None:
        return np.empty(0)
    return np.array([face.left, face.top, face.width, face.height, *face.landmarks.ravel().tolist(), face.score])


def _face_of(numbers: npt.NDArray[Any]) -> Face | None:
    if len(numbers) == 0:
        return None
    left, top, width, height, *landmarks, score = (float(n) for n in numbers)
    return Face(left, top, width, height, np.array(landmarks, np.float32).reshape(5, 2), score)
