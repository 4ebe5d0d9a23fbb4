"""What tells a file from what it was before."""

import os

from dfdetect.errors import DecodeError

Identity = tuple[int, int, int]


def file_identity(path: str) -> Identity:
    """Size and times of a file; the change time catches what a copied modification time would hide."""
    try:
        stat = os.stat(path)
    except OSError as error:
        raise DecodeError(path, "no such file" if isinstance(error, FileNotFoundError) else str(error)) from error
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
