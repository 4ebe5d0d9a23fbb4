"""Words of libraries written in C, which go past Python straight to the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2


@contextmanager
def quiet_native() -> Iterator[None]:
    """Keep what C libraries say of damaged files off standard error; Python's own words still go there.

    libtiff and libjpeg write a line for every oddity they meet; a scan says of each file what came of it.
    """
    try:
        is_plain = sys.stderr.fileno() == _STANDARD_ERROR
    except (AttributeError, OSError, ValueError):
        is_plain = False
    if not is_plain:
        yield
        return
    plain, kept = sys.stderr, os.dup(_STANDARD_ERROR)
    plain.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STANDARD_ERROR)
    os.close(nowhere)
    try:
        with open(os.dup(kept), "w", encoding=plain.encoding, errors="backslashreplace", buffering=1) as sys.stderr:
            yield
    finally:
        sys.stderr = plain
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)
