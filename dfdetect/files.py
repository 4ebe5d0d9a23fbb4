"""Files that are there in whole or not at all."""

import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dfdetect.errors import UsageError

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


def claim_folder(folder: Path, option: str) -> None:
    """Make a folder that will be written into and try it, before the work whose results it is to hold.

    Args:
        folder: it, which may be there.
        option: that named it, for the message.

    Raises:
        UsageError: it cannot be made or written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{option} {folder}: cannot be written into ({error.strerror or error})") from error


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, in hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder that no other process writes into."""
    for file in folder.glob(f".*{_UNFINISHED}"):
        file.unlink(missing_ok=True)
