"""All files below a folder, whatever links lead where."""

import os
from collections.abc import Iterator
from pathlib import Path

from dfdetect.data.decode import IMAGE_SUFFIXES
from dfdetect.errors import DataLayoutError


def walk(root: Path, below: str) -> Iterator[tuple[str, bool]]:
    """Files under root/below at any depth, hidden ones left out: (POSIX path relative to root, is it an image).

    Links are followed.

    Raises:
        DataLayoutError: a folder may not be read, or links lead round in a circle.
    """
    pending: list[tuple[str, tuple[str, ...]]] = [(below, ())]
    try:
        while pending:
            folder, passed = pending.pop()
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir():
                        pending.append((path, through(entry, passed) if entry.is_symlink() else passed))
                    else:
                        yield path, os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
    except OSError as error:  # no permission, or links that the system itself gives up on
        raise DataLayoutError(f"{root}: cannot be listed ({error})") from error


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
        raise OSError(f"the link {link.path} leads round in a circle")
    return here
