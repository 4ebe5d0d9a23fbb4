"""What becomes of each picture of a camera: judged or followed, drawn on, posted for viewers, recorded."""

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.deploy.film import annotated_copy, free_name
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.photos import Settings
from dfdetect.deploy.verdicts import rounded
from dfdetect.deploy.video import Schedule, Watcher

Pixels = npt.NDArray[np.uint8]
Write = Callable[[Pixels, float], None]

_MOST_GONE = 8
"""Faces on the page that are no longer in view."""
_STATE_EVERY_S = 0.25
_RATE_OVER = 50
_SLACK = 3
"""Pictures that a recording may be behind the clock before one is repeated: cameras do not keep time exactly."""


class Session:
    """A camera's pictures, one after the other.

    Args:
        settings: how it judges; so many pictures a second, fewer where that took more than half of the time.
        board: what viewers look at.

    Attributes:
        watcher: what it knows of the faces.
        pictures: how many there were.
        seconds: when the last one came, after the first.
        size: width and height.
    """

    def __init__(self, settings: Settings, board: Board) -> None:
        self.watcher = Watcher(settings)
        self.pictures, self.seconds = 0, 0.0
        self.size = 0, 0
        self._board = board
        self._schedule = Schedule(settings.rate, sys.maxsize, 0.0)
        self._rested, self._state_due = 0.0, 0.0
        self._times: deque[float] = deque(maxlen=_RATE_OVER)

    def take(self, image: Pixels, seconds: float) -> None:
        """Judge and draw on a picture, (H, W, 3) RGB uint8, in place, and post it."""
        self.pictures, self.seconds = self.pictures + 1, seconds
        self.size = image.shape[1], image.shape[0]
        self._times.append(seconds)
        start = time.monotonic()
        judged = seconds >= self._rested and self._schedule(seconds)
        if judged:
            self.watcher.judge(image, seconds)
            self._rested = seconds + 2 * (time.monotonic() - start)  # the other half is for the rest
        self.watcher.follow(image, seconds, judged)
        self.watcher.overlay(image, seconds, numbered=True)
        state = None
        if judged or seconds >= self._state_due:
            state, self._state_due = self._state(), seconds + _STATE_EVERY_S
        self._board.post(image, state)

    def _state(self) -> bytes:
        """What the page says beside the picture, as JSON."""
        passed = self._times[-1] - self._times[0]
        faces = [
            {
                "number": number,
                "inView": here,
                "verdict": face.verdict,
                "pFake": rounded(face.p_fake),
                "reason": face.reason,
                "frames": face.frames,
            }
            for number, here, face in self.watcher.standing(self.seconds, _MOST_GONE)
        ]
        rate = (len(self._times) - 1) / passed if passed > 0 else None
        values = {"rate": rate, "seconds": self.seconds, "judged": self.watcher.judged, "faces": faces}
        return json.dumps(values).encode()


@contextmanager
def recording(folder: Path, named: str, size: tuple[int, int], rate: float) -> Iterator[tuple[Path, Write]]:
    """The file, and what writes pictures into it: each once, and again where the camera paused, so that time holds.

    Whatever ends the block, the video is whole.

    Raises:
        CopyError: it cannot be written.
    """
    path = free_name(folder, f"camera-{Path(named).stem}")
    with annotated_copy(path, size, rate) as write:
        yield path, _Clock(write, size, rate)


class _Clock:
    """Pictures that come when they come, into a video of a constant rate."""

    def __init__(self, write: Callable[[Pixels], None], size: tuple[int, int], rate: float) -> None:
        self._write, self._size, self._rate = write, size, rate
        self._written = 0
        self._last: Pixels | None = None

    def __call__(self, image: Pixels, seconds: float) -> None:
        if image.shape[1::-1] != self._size:
            image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        while self._last is not None and self._written + _SLACK < seconds * self._rate:
            self._put(self._last)
        self._put(image)
        self._last = image

    def _put(self, image: Pixels) -> None:
        self._write(image)
        self._written += 1
