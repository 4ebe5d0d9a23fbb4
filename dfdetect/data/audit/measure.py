"""One pass over a data set: each file is read and decoded once, and everything is measured on the same pixels."""

import contextlib
import multiprocessing
import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from dfdetect.data.audit.duplicates import pixel_hash
from dfdetect.data.audit.faces import count_faces
from dfdetect.data.audit.facts import FileFacts, read_facts
from dfdetect.data.audit.statistics import LAYOUT_SIDE, STATISTICS, measure_layout, measure_pixels
from dfdetect.data.audit.twins import Description, describe
from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.samples import Samples
from dfdetect.errors import DecodeError, DFDetectError

MAX_FILE_BYTES = 1 << 30
"""Larger files are refused unread."""
_CHUNK, _AHEAD = 8, 3
"""Files a task, tasks a worker that wait: what is under way is bounded, whatever the size of the data set."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured of each file.

    Attributes:
        face_model: file of the YuNet face detector; empty for no faces.
        normalise_encoding: JPEG quality to re-encode with before pixel statistics are taken; None for none.
    """

    face_model: str = ""
    normalise_encoding: int | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one readable file gave.

    Attributes:
        facts: what the file says about itself.
        statistics: (len(STATISTICS),) float32.
        layout: (LAYOUT_SIDE, LAYOUT_SIDE) int8.
        pixels: hash of the decoded pixels.
        description: its local features.
        faces: number of faces found; -1 where none were looked for.
    """

    facts: FileFacts
    statistics: npt.NDArray[np.float32]
    layout: npt.NDArray[np.int8]
    pixels: str
    description: Description
    faces: int


@dataclass
class LayoutSums:
    """Sums of the layouts of one class, for its mean and variance at each place."""

    count: int = 0
    total: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((LAYOUT_SIDE, LAYOUT_SIDE)))
    squares: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((LAYOUT_SIDE, LAYOUT_SIDE)))

    def add(self, layout: npt.NDArray[np.int8]) -> None:
        """Count one picture in."""
        values = layout.astype(np.float64)
        self.count += 1
        self.total += values
        self.squares += values**2


@dataclass
class Measured:
    """What a data set gave: N readable of M listed images.

    Attributes:
        kept: (N,) indices of the readable images.
        broken: (index, cause) of the others.
        facts: N facts.
        statistics: (N, len(STATISTICS)) float32.
        pixels: N pixel hashes.
        descriptions: N descriptions.
        faces: (N,) faces found, -1 where none were looked for.
        layouts: sums of each class.
    """

    kept: npt.NDArray[np.intp]
    broken: list[tuple[int, str]]
    facts: list[FileFacts]
    statistics: npt.NDArray[np.float32]
    pixels: list[str]
    descriptions: list[Description]
    faces: npt.NDArray[np.int64]
    layouts: tuple[LayoutSums, LayoutSums]


def measure_file(path: str, settings: Settings) -> Measurement | str:
    """Measure one file; the cause, in a few words, where it cannot be read."""
    try:
        content = _read(path)
        image = decode(content, path)
        facts = read_facts(content, path)
        seen = image if settings.normalise_encoding is None else reencode(image, settings.normalise_encoding, path)
        return Measurement(
            facts=facts,
            statistics=measure_pixels(seen),
            layout=measure_layout(image),
            pixels=pixel_hash(image),
            description=describe(image),
            faces=count_faces(image, settings.face_model) if settings.face_model else -1,
        )
    except DecodeError as error:
        return error.cause
    except MemoryError:
        return "too large for this machine's memory"


def measure(samples: Samples, settings: Settings, workers: int = 1, progress: bool = False) -> Measured:
    """Measure all images, in their order.

    Args:
        samples: M images.
        settings: what is measured.
        workers: processes; with 1 everything happens in this one.
        progress: show a progress bar on a terminal.

    Raises:
        DFDetectError: worker processes cannot be started here, or one died, usually for want of memory.
    """
    kept: list[int] = []
    rows: list[npt.NDArray[np.float32]] = []
    found = Measured(np.empty(0, np.intp), [], [], np.empty((0, 0)), [], [], np.empty(0), (LayoutSums(), LayoutSums()))  # type: ignore[arg-type]
    faces: list[int] = []
    paths = (samples.file(index) for index in range(len(samples)))
    answers = _in_processes(paths, settings, workers) if workers > 1 else (measure_file(p, settings) for p in paths)
    bar = tqdm(answers, "measuring", len(samples), unit="file", disable=None if progress else True)
    for index, answer in enumerate(bar):
        if isinstance(answer, str):
            found.broken.append((index, answer))
            continue
        kept.append(index)
        rows.append(answer.statistics)
        faces.append(answer.faces)
        found.facts.append(answer.facts)
        found.pixels.append(answer.pixels)
        found.descriptions.append(answer.description)
        found.layouts[int(samples.labels[index])].add(answer.layout)
    found.kept, found.faces = np.array(kept, np.intp), np.array(faces, np.int64)
    found.statistics = np.array(rows, np.float32).reshape(len(rows), len(STATISTICS))
    return found


def _read(path: str) -> bytes:
    """All bytes of a regular file; a pipe or device of an image's name would be waited for without end."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError(path, "not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise DecodeError(path, f"too large: {status.st_size:,} bytes")
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise DecodeError(path, "no such file") from None
    except ValueError:
        raise DecodeError(path, "no name of a file") from None  # a manifest may hold a null byte
    except OSError as error:
        raise DecodeError(path, f"cannot be opened ({error.strerror or error})") from None


def _in_processes(paths: Iterator[str], settings: Settings, workers: int) -> Iterator[Measurement | str]:
    """Answers in order."""
    chunks = iter(lambda: list(islice(paths, _CHUNK)), [])
    with _start_processes(workers) as pool:
        waiting: deque[Future[list[Measurement | str]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(_submit(pool, chunk, settings))
                if len(waiting) >= workers * _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise DFDetectError(
                "A measuring process died, most likely for want of memory: say --workers 1 or free some memory"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _start_processes(workers: int) -> ProcessPoolExecutor:
    """Processes of which one has answered. They are spawned: a fork would copy threads that OpenCV or torch may hold.

    Raises:
        DFDetectError: they cannot be started: the system refuses, or the script that called this is no module that
            can be imported again.
    """
    try:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_quiet_worker)
    except (OSError, NotImplementedError, ImportError) as error:
        raise _not_started(error) from error
    try:
        pool.submit(os.getpid).result()
    except (OSError, RuntimeError) as error:  # a BrokenProcessPool among them
        pool.shutdown()  # else its thread may end beside the interpreter, which then prints a traceback
        raise _not_started(error) from error
    return pool


def _submit(pool: ProcessPoolExecutor, chunk: list[str], settings: Settings) -> "Future[list[Measurement | str]]":
    try:
        return pool.submit(_measure_chunk, chunk, settings)
    except OSError as error:  # a pool starts further processes when work comes
        raise _not_started(error) from error


def _not_started(error: Exception) -> DFDetectError:
    return DFDetectError(f"Measuring processes cannot be started here ({error}): say --workers 1")


def _measure_chunk(paths: list[str], settings: Settings) -> list[Measurement | str]:
    return [measure_file(path, settings) for path in paths]


def _quiet_worker() -> None:
    """One thread a process, and Ctrl-C is the parent's to handle."""
    import signal

    cv2.setNumThreads(0)
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
