"""A camera's pictures as they come: a webcam by its number, or a video file that is played in its place."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from types import TracebackType

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.deploy.film import as_rgb, open_film, tame_codecs
from dfdetect.deploy.scan_options import camera_number
from dfdetect.errors import CameraError, DFDetectError

Pixels = npt.NDArray[np.uint8]
Picture = tuple[float, Pixels]
"""Seconds since the first one, and (H, W, 3) RGB uint8."""

FIRST_PICTURE_S = 30.0
"""How long a camera may take to open; some take ten seconds."""
_IN_HAND, _BEHIND = 16, 2
_LOOK_S, _FAREWELL_S = 0.1, 2.0
_USUAL_RATE, _MOST_RATE = 25.0, 240.0


@dataclass(frozen=True)
class Camera:
    """An open one.

    Attributes:
        rate: pictures in a second as it says.
        ends: whether its pictures come to an end by themselves, as a file's do.
        pictures: as they come.
    """

    rate: float
    ends: bool
    pictures: Iterator[Picture]


def camera_name(named: str) -> str:
    """What a row calls it."""
    return f"camera:{named}"


@contextmanager
def open_camera(named: str) -> Iterator[Camera]:
    """Open a camera by its number, or play a video file in real time. No address is opened.

    Raises:
        CameraError: no such camera, or it cannot be had.
        DecodeError: no video.
    """
    number = camera_number(named)
    if number is None:
        with open_film(named) as film:
            yield Camera(film.rate, True, _played(film.frames(lambda seconds: True)))
        return
    tame_codecs()
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise CameraError(_why_closed(number))
        rate = capture.get(cv2.CAP_PROP_FPS)
        yield Camera(rate if 1 <= rate <= _MOST_RATE else _USUAL_RATE, False, _taken(capture))
    finally:
        capture.release()


class Feed:
    """A camera that a thread of its own reads, so that nothing done with a picture holds up the next one; a context.

    Args:
        named: as on the command line.
        keep_all: hand every picture on; otherwise what is late is left out, so that pictures stay live.
        silence_s: seconds without a picture after which a camera counts as gone.

    Attributes:
        rate: pictures in a second as the camera says.
        skipped: pictures left out.
    """

    def __init__(self, named: str, keep_all: bool, silence_s: float) -> None:
        self.rate, self.skipped = _USUAL_RATE, 0
        self._named, self._keep_all, self._silence_s = named, keep_all, silence_s
        self._queue: Queue[Picture | DFDetectError | None] = Queue(_IN_HAND)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(_FAREWELL_S)  # one that a driver holds on to is left to itself

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Pictures until `stop` is set or a file ends.

        Raises:
            CameraError: it cannot be opened, or gives no more pictures.
            DecodeError: no video.
        """
        patience = max(FIRST_PICTURE_S, self._silence_s)
        since = time.monotonic()
        while not stop.is_set():
            try:
                item = self._queue.get(timeout=_LOOK_S)
            except Empty:
                if time.monotonic() - since > patience:
                    raise CameraError(f"{self._name}: no picture for {patience:g} s. {_REMEDY}") from None
                continue
            since, patience = time.monotonic(), self._silence_s
            if item is None:
                return
            if isinstance(item, DFDetectError):
                raise item
            if self._keep_all or self._queue.qsize() <= _BEHIND:
                yield item
            else:
                self.skipped += 1

    @property
    def _name(self) -> str:
        return camera_name(self._named)

    def _read(self) -> None:
        """The thread: opens, reads and closes the camera, since some drivers want one thread to do all of it."""
        try:
            with open_camera(self._named) as camera:
                self.rate = camera.rate
                for picture in camera.pictures:
                    self._put(picture)
                    if self._closed.is_set():
                        return
                self._put(None if camera.ends else CameraError(f"{self._name}: gives no more pictures. {_REMEDY}"))
        except DFDetectError as error:
            self._put(error)
        except Exception as error:  # whatever a driver makes of it, the command ends with a cause
            self._put(CameraError(f"{self._name}: unexpected {type(error).__name__}: {error}"))

    def _put(self, item: Picture | DFDetectError | None) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._queue.put(item, timeout=_LOOK_S)
                return


_REMEDY = "Is it plugged in, and does no other program use it?"


def _taken(capture: cv2.VideoCapture) -> Iterator[Picture]:
    """A camera's pictures with the time that they came; its own clock is another one with each driver."""
    start: float | None = None
    while True:
        good, frame = capture.read()
        if not good:
            return
        now = time.monotonic()
        start = now if start is None else start
        yield now - start, as_rgb(np.asarray(frame, np.uint8))


def _played(frames: Iterator[tuple[float, Pixels | None]]) -> Iterator[Picture]:
    """A file's pictures, each when its time has come."""
    start = time.monotonic()
    for seconds, image in frames:
        time.sleep(max(0.0, start + seconds - time.monotonic()))
        if image is not None:
            yield seconds, image


def _why_closed(number: int, devices: str = "/dev") -> str:
    """Why a camera cannot be opened, as far as this system tells."""
    name = camera_name(str(number))
    if not sys.platform.startswith("linux"):
        return f"{name}: cannot be opened. {_REMEDY} May this terminal use cameras?"
    device = os.path.join(devices, f"video{number}")
    if not os.path.exists(device):
        there = sorted(int(one[5:]) for one in os.listdir(devices) if one.startswith("video") and one[5:].isdigit())
        known = f"There are: {', '.join(map(str, there))}" if there else "There is no camera at all"
        return f"{name}: no such camera ({device}). {known}"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"{name}: {device} may not be opened. Join its group, often `video`: sudo usermod -aG video $USER"
    return f"{name}: {device} cannot be opened. {_REMEDY}"
