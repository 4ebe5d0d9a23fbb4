"""A video file's frames with their times, read by OpenCV's FFmpeg; and an annotated copy of them."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.errors import CopyError, DecodeError

Pixels = npt.NDArray[np.uint8]

MOST_PIXELS = 36_000_000
"""Of one frame: 8K is 33 million."""
_TIMEOUT_MS = 10_000
_CONTAINERS = "protocol_whitelist;file|format_whitelist;mov,matroska,avi,mpeg,mpegts,flv,ogg,asf,h264,hevc"
"""No playlist is among them: it would have other files or addresses opened."""
_FALLBACK_RATE, _MOST_RATE = 25.0, 1000.0
_naming = threading.Lock()


class Film:
    """An open video.

    Attributes:
        path: of the file.
        size: width and height as the file says.
        rate: frames in a second as the file says, or 25 where that makes no sense.
        count: frames as the file says; 0 where unknown.
        read: frames read so far.
    """

    def __init__(self, path: str, capture: cv2.VideoCapture) -> None:
        self.path, self._capture = path, capture
        self.size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if self.size[0] * self.size[1] > MOST_PIXELS:
            raise DecodeError(path, f"too large: frames of {self.size[0]} x {self.size[1]} pixels")
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= _MOST_RATE else _FALLBACK_RATE
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if 0 < count < 1e9 else 0
        self.read = 0

    @property
    def seconds(self) -> float:
        """Length as the file says; 0 where unknown."""
        return self.count / self.rate

    def frames(self, wanted: Callable[[float], bool]) -> Iterator[tuple[float, Pixels | None]]:
        """(seconds, pixels) of all frames: (H, W, 3) RGB uint8, or None for one that is not wanted, which is cheaper.

        Times are the file's own, so a rate that varies is no matter; where they stand still or run backwards, frames
        are counted instead.
        """
        last = -1.0
        while self._grab():
            seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if not last < seconds < last + 3600:
                seconds = last + 1 / self.rate if self.read else 0.0
            last = seconds
            self.read += 1
            if not wanted(seconds):
                yield seconds, None
                continue
            yield seconds, self._retrieve()

    def _grab(self) -> bool:
        with _damaged(self.path):
            return bool(self._capture.grab())

    def _retrieve(self) -> Pixels | None:
        with _damaged(self.path):
            good, frame = self._capture.retrieve()
            return as_rgb(np.asarray(frame, np.uint8)) if good else None


@contextmanager
def open_film(path: str) -> Iterator[Film]:
    """Open a video.

    Raises:
        DecodeError: not a regular file, unreadable, no video stream in it, or too large.
    """
    if not os.path.isfile(path):
        raise DecodeError(path, "not a regular file" if os.path.exists(path) else "no such file")
    if not os.access(path, os.R_OK):
        raise DecodeError(path, "may not be read (permission denied)")
    tame_codecs()
    with _plain_name(path) as name:
        capture = cv2.VideoCapture()
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT_MS]
        try:
            with _damaged(path):
                if not capture.open(name, cv2.CAP_FFMPEG, timeouts):
                    raise DecodeError(path, "empty file" if os.path.getsize(path) == 0 else "no video, or damaged")
                film = Film(path, capture)
            yield film
        finally:
            capture.release()


@contextmanager
def _damaged(path: str) -> Iterator[None]:
    """Tell what OpenCV and the system say of a file that is being read as what is wrong with it."""
    try:
        yield
    except (cv2.error, OSError) as error:
        raise DecodeError(path, f"damaged or unsupported ({' '.join(str(error).split())})") from error


@contextmanager
def annotated_copy(path: Path, size: tuple[int, int], rate: float) -> Iterator[Callable[[Pixels], None]]:
    """Write frames, (H, W, 3) RGB uint8 each, into a video at a constant rate (MPEG-4 in an .mp4 file).

    Whatever ends the block, what was written so far is a whole video under its name; without a frame there is none.

    Raises:
        CopyError: it cannot be written there, or not all of it could, as on a full disk; then there is none.
    """
    with (
        _told_as_copy(path, claimed=path),
        tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as folder,
    ):
        file = Path(folder) / "video.mp4"
        writer = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not writer.isOpened():
            raise CopyError(f"{path}: OpenCV cannot write a video of {size[0]} x {size[1]} pixels there")
        written = 0

        def write(frame: Pixels) -> None:
            nonlocal written
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            written += 1

        try:
            yield write
        finally:
            writer.release()
            if written and _frames_in(file) == written:
                os.replace(file, path)
            else:
                path.unlink(missing_ok=True)
        if written and not path.exists():
            raise CopyError(f"{path}: its {written:,} frames could not all be written: is the disk full?")


@contextmanager
def _told_as_copy(path: Path, claimed: Path | None = None) -> Iterator[None]:
    """Tell what the system refuses of a copy as such; the file that was claimed for it goes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if claimed is not None:
            with suppress(OSError):
                claimed.unlink(missing_ok=True)
        raise CopyError(f"{path}: cannot be written ({error.strerror or error})") from error


def _frames_in(file: Path) -> int:
    """As a video says of itself; 0 for what is none."""
    capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)  # it does not say when writing fails
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()


def free_name(folder: Path, of: str) -> Path:
    """NAME.mp4 in a folder for an annotated copy, numbered where that is taken; two threads never get one name.

    Raises:
        CopyError: no file can be made there.
    """
    stem = Path(of).stem
    with _naming, _told_as_copy(folder / stem):
        for number in range(1, 1_000_000):
            path = folder / (f"{stem}.mp4" if number == 1 else f"{stem}-{number}.mp4")
            with suppress(FileExistsError):
                path.touch(exist_ok=False)
                return path
    raise CopyError(f"{folder}: no free name for {stem}")


def tame_codecs() -> None:
    """Have FFmpeg read nothing but containers that hold their own frames, and keep quiet about damaged ones.

    It takes effect before the first video is opened; what the user's environment says goes before it.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _CONTAINERS)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextmanager
def _plain_name(path: str) -> Iterator[str]:
    """A name that OpenCV can take and FFmpeg takes for a file: absolute, and a link where it is no valid text."""
    absolute = os.path.abspath(path)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="dfdetect-") as folder:
            link = os.path.join(folder, "video")
            os.symlink(absolute, link)
            yield link
        return
    yield absolute


def as_rgb(frame: npt.NDArray[np.uint8]) -> Pixels:
    """OpenCV's picture, blue first or grey, as (H, W, 3) RGB uint8."""
    if frame.ndim == 2 or frame.shape[2] == 1:
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
