"""Files that are there in whole or not at all."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".part"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A file beside `path` to write, which takes its name in one step when the block ends well and is gone otherwise.

    A reader of `path` sees the old file or all of the new one, whatever happens to the writer. Folders are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}{_UNFINISHED}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, in hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder that no other process writes into."""
    for file in folder.glob(f".*{_UNFINISHED}"):
        file.unlink(missing_ok=True)
