"""Which images a training saw, noted small enough for a checkpoint and an exported file, to know them again elsewhere.

A fingerprint tells whether two listings are the same. It says nothing of a folder that holds a part of what was trained
on, of a collection that has taken it up, or of a manifest that names the same files from another place.
"""

import base64
import hashlib
import os

import numpy as np
import numpy.typing as npt

from dfdetect.data.samples import Samples
from dfdetect.errors import CheckpointError

MOST_NOTED, MOST_READ = 512, 4096
"""Images that a note holds, drawn evenly; and files that are read to look for them, when so many bear such names."""
_ENTRY = np.dtype([("name", "<u4"), ("content", "<u8")])


def note_seen(samples: Samples, places: npt.NDArray[np.intp]) -> str:
    """Note up to `MOST_NOTED` of the images at these places: a digest of each name and content, as base64."""
    chosen = _evenly(places, MOST_NOTED)
    read = [(_name(samples, index), _content(samples.file(index))) for index in chosen]
    entries = [entry for entry in read if entry[1] is not None]
    return base64.b64encode(np.array(entries, _ENTRY).tobytes()).decode("ascii")


def read_note(note: str) -> set[tuple[int, int]]:
    """Digests of name and content of each image that a note holds; raises `ValueError` for what is no note."""
    return set(np.frombuffer(base64.b64decode(note, validate=True), _ENTRY).tolist())


def find_seen(samples: Samples, note: str) -> list[int]:
    """Places of images that a note holds, by their names and contents; where one was renamed it is not known again.

    Raises:
        ValueError: no note.
    """
    noted = read_note(note)
    names = {name for name, _ in noted}
    alike = [index for index in range(len(samples)) if _name(samples, index) in names]
    read = _evenly(np.array(alike, np.intp), MOST_READ)
    return [index for index in read if (_name(samples, index), _content(samples.file(index))) in noted]


def refusal(samples: Samples, note: str | None) -> str | None:
    """In words, that some of these images were trained on; None where that is known of none, or nothing was noted.

    Raises:
        CheckpointError: no note.
    """
    try:
        seen = [] if note is None else find_seen(samples, note)
    except ValueError as error:
        raise CheckpointError(f"The detector's note of the images that it was trained on is damaged: {error}") from None
    if not seen:
        return None
    one = f"{samples.paths[seen[0]]}{' and more' if len(seen) > 1 else ''}"
    return (
        f"the detector's training saw at least {len(seen):,} of its {len(samples):,} images ({one}). Name data that it "
        "was not trained on; or, for its test part, the data as the training did, by the same folder or manifest"
    )


def _evenly(places: npt.NDArray[np.intp], most: int) -> list[int]:
    """At most so many of the places, each as likely and always the same ones, in order."""
    if len(places) > most:
        places = np.sort(np.random.default_rng(0).choice(places, most, replace=False))
    return [int(place) for place in places]


def _name(samples: Samples, index: int) -> int:
    return _digest(os.fsencode(samples.paths[index].rpartition("/")[2]), 4)


def _content(file: str) -> int | None:
    """Digest of what a file holds; None where it cannot be read, or is none."""
    if not os.path.isfile(file):  # opening a pipe would wait for whoever writes into it
        return None
    try:
        with open(file, "rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).digest()
    except OSError:
        return None
    return int.from_bytes(digest, "little")


def _digest(content: bytes, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=size).digest(), "little")
