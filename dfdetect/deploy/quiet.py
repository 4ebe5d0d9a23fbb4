"""Exporters and engines talk about themselves on every channel, also from C++; here they are made to be silent."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from threading import RLock

_LOCK = RLock()
"""Two threads that redirect a channel at once would never give it back."""


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep what is printed, logged and warned of inside the block off the terminal; errors come through."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with closed(1), closed(2), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def closed(descriptor: int) -> Iterator[None]:
    """Let nothing through that the process writes to channel 1 or 2, standard output or error, inside the block."""
    redirect = (contextlib.redirect_stdout, contextlib.redirect_stderr)[descriptor - 1]
    with _LOCK, open(os.devnull, "w") as nowhere:
        (sys.stdout, sys.stderr)[descriptor - 1].flush()
        kept = os.dup(descriptor)
        os.dup2(nowhere.fileno(), descriptor)
        try:
            with redirect(nowhere):
                yield
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
