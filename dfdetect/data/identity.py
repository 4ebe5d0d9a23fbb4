"""What tells a file from what it was before."""

import os
import stat
from pathlib import Path

from dfdetect.errors import DecodeError

Identity = tuple[int, int, int]


def file_identity(path: str) -> Identity:
    """Size and times of a file; the change time catches what a copied modification time would hide.

    Raises:
        DecodeError: as of `look_at`.
    """
    found = look_at(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def look_at(path: str | Path, name: str | None = None) -> os.stat_result:
    """What the file system knows of a file that may be opened.

    Args:
        path: the file.
        name: how errors call it; by default the path.

    Raises:
        DecodeError: there is none, it may not be looked at, or it is no file but a folder, a device or a pipe, of which
            opening the last would wait for whoever writes into it.
    """
    name = name or str(path)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise DecodeError(name, "no such file") from None
    except PermissionError:
        raise DecodeError(name, "may not be read (permission denied)") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise DecodeError(name, str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise DecodeError(name, "a folder" if stat.S_ISDIR(found.st_mode) else "no file but a pipe, socket or device")
    return found
