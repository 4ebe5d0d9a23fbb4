"""Where a camera's newest picture hangs: posting costs nothing, whoever looks has it encoded, once for all viewers."""

import threading

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.deploy.drawing import as_jpeg

Pixels = npt.NDArray[np.uint8]
LONGEST = 1280
"""Pixels of a picture's longer side as viewers get it."""


class Board:
    """The newest picture and what is said beside it, for any number of threads. A picture nobody asked for is gone."""

    def __init__(self) -> None:
        self._changed, self._encoding = threading.Condition(), threading.Lock()
        self._number, self._state, self._closed = 0, b"{}", False
        self._image: Pixels | None = None
        self._encoded = 0, b""

    def post(self, image: Pixels, state: bytes | None = None) -> None:
        """Hang up a picture, (H, W, 3) RGB uint8, which nobody writes into any more; None leaves the state as it is."""
        with self._changed:
            self._number, self._image = self._number + 1, image
            self._state = self._state if state is None else state
            self._changed.notify_all()

    def close(self) -> None:
        """No more pictures come; who waits for one is let go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def state(self) -> bytes:
        """What is said beside the picture, as JSON."""
        with self._changed:
            return self._state

    def picture(self, after: int, patience_s: float) -> tuple[int, bytes] | None:
        """The newest picture's number and JPEG, as soon as it is later than number `after`; None where none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self._closed, patience_s)
            number, image = self._number, self._image
        if number <= after or image is None:
            return None
        with self._encoding:
            if self._encoded[0] < number:
                self._encoded = number, as_jpeg(_bounded(image))
            return self._encoded


def _bounded(image: Pixels) -> Pixels:
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
