"""All files below a folder, whatever links lead where."""

import os
from collections.abc import Iterator
from pathlib import Path

from dfdetect.data.decode import IMAGE_SUFFIXES
from dfdetect.errors import DataLayoutError

NOT_UTF8 = "file name is not UTF-8"
Unlisted = list[tuple[str, str]]
"""(POSIX path relative to the root, cause) of files and folders that cannot be listed."""


def walk(root: Path, below: str, unlisted: Unlisted | None = None) -> Iterator[tuple[str, bool]]:
    """Files under root/below at any depth, hidden ones left out: (POSIX path relative to root, is it an image).

    Links are followed.

    Args:
        root: the folder that paths are relative to.
        below: where to begin.
        unlisted: takes what cannot be listed, and the walk goes on; without it the first of that is an error.

    Raises:
        DataLayoutError: a folder may not be read, links lead round in a circle, or an image's name is not UTF-8, so
            that no manifest, table or fingerprint could hold it.
    """
    pending: list[tuple[str, tuple[str, ...]]] = [(below, ())]
    while pending:
        folder, passed = pending.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    try:
                        if entry.is_dir():
                            pending.append((path, through(entry, passed) if entry.is_symlink() else passed))
                            continue
                    except OSError as error:
                        _set_aside(root, path, f"cannot be followed ({_cause(error)})", unlisted)
                        continue
                    is_image = os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
                    if is_image and printable(path) != path:
                        _set_aside(root, path, NOT_UTF8, unlisted)
                    else:
                        yield path, is_image
        except OSError as error:
            _set_aside(root, folder, f"folder cannot be listed ({_cause(error)})", unlisted)


def printable(path: str) -> str:
    """A path as it can be printed and stored: bytes that are not UTF-8 as backslash and number."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    return path


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


def _set_aside(root: Path, path: str, cause: str, unlisted: Unlisted | None) -> None:
    if unlisted is None:
        remedy = "rename it" if cause == NOT_UTF8 else "mend it, or take it out"
        raise DataLayoutError(f"{printable(os.path.join(root, path))}: {cause}; {remedy}")
    unlisted.append((printable(path), cause))


def through(link: "os.DirEntry[str]", passed: tuple[str, ...]) -> tuple[str, ...]:
    """Folders left through links on the way behind `link`; a link to a folder around one of them closes a circle.

    Args:
        link: a symbolic link to a folder.
        passed: what this function gave for the links passed before it.

    The system's own limit of 40 links comes too late: two links beside each other would be followed 2 ** 40 times.

    Raises:
        OSError: a circle.
    """
    here = (*passed, os.path.realpath(os.path.dirname(link.path)))
    target = os.path.realpath(link.path)
    if any(place == target or place.startswith(os.path.join(target, "")) for place in here):
        raise OSError("link leads round in a circle")
    return here
