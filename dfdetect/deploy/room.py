"""Room for pictures: of all threads together no more pixels are in hand than memory is meant to hold."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dfdetect.data.decode import MAX_PIXELS

_LOOK_S = 1.0
_FORGOTTEN_S = 60.0
"""A picture that is in hand for so long hangs, and the others do not wait for it."""


class Room:
    """Lets pictures in, first come, first served.

    Args:
        most: pixels in hand at once; a picture of more is let in alone.
    """

    def __init__(self, most: int = MAX_PIXELS) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._held: dict[object, tuple[int, float]] = {}

    @contextmanager
    def place(self, beat: Callable[[], None] = lambda: None) -> Iterator[Callable[[int], None]]:
        """Room for one picture, held until the block ends.

        Yields:
            What waits until so many pixels fit, calling `beat` every second; whatever that raises comes through.
        """
        ticket = object()
        try:
            yield lambda pixels: self._wait(ticket, pixels, beat)
        finally:
            with self._changed:
                self._held.pop(ticket, None)
                self._changed.notify_all()

    def _wait(self, ticket: object, pixels: int, beat: Callable[[], None]) -> None:
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or not self._fits(pixels):
                    self._changed.wait(_LOOK_S)
                    beat()
                self._held[ticket] = pixels, time.monotonic()
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _fits(self, pixels: int) -> bool:
        now = time.monotonic()
        held = sum(own for own, since in self._held.values() if now - since < _FORGOTTEN_S)
        return held == 0 or held + pixels <= self._most
