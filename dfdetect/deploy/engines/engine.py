"""What an engine is, and which one runs a file. None of them is imported before a file asks for it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import MissingExtraError, ModelFileError, UsageError

Batch = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
Resource = TypeVar("Resource")

_ENGINES = {
    ".onnx": ("dfdetect.deploy.engines.onnx", "OnnxEngine"),
    ".xml": ("dfdetect.deploy.engines.openvino", "OpenVinoEngine"),
    ".tflite": ("dfdetect.deploy.engines.litert", "LiteRTEngine"),
    ".ckpt": ("dfdetect.deploy.engines.checkpoint", "CheckpointEngine"),
}


class Engine(Protocol):
    """Runs one model file; any number of threads may call it at once.

    Attributes:
        facts: what the file says of itself.
        name: the engine with its version.
        provider: what computes, as the engine calls it.
        threads: number of its threads.
    """

    facts: ModelFacts
    name: str
    provider: str
    threads: int

    def __call__(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """(N, S, S, 3) RGB uint8, N >= 1, to p_fake (N,) and heatmaps (N, h, w), None for a model without."""
        ...


def open_engine(path: str | os.PathLike[str], threads: int | None, provider: str | None) -> Engine:
    """The engine for a file, by its ending.

    Args:
        path: model.onnx, model.xml (with model.bin beside it), model.tflite, or a checkpoint.
        threads: None for one a usable core.
        provider: as the engine calls it; None for the best that is there.

    Raises:
        UsageError: another ending, or threads that are no whole number of at least 1.
        ModelFileError: no such file, or one that is foreign or damaged.
        MissingExtraError: the engine is not installed.
    """
    file = Path(path)
    if file.suffix.lower() not in _ENGINES:
        raise UsageError(f"{file}: a model's name ends in {', '.join(_ENGINES)}. Make one: dfdetect export --help")
    if not file.is_file():
        raise ModelFileError(f"{file}: no such model. Make one: dfdetect export --help")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise UsageError(f"threads is a whole number of at least 1, not {threads!r}")
    module, name = _ENGINES[file.suffix.lower()]
    engine: Callable[[Path, int, str | None], Engine] = getattr(import_module(module), name)
    return engine(file, threads or usable_cores(), provider)


def usable_cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def require(library: str, extra: str, needed_for: str) -> Any:
    """Import an optional library; raises `MissingExtraError`, which names the extra, where it is not installed."""
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if error.name is None or not library.startswith(error.name):
            raise
        raise MissingExtraError(extra, needed_for, library.split(".")[0]) from None


def reading(file: Path) -> bytes:
    """A file's content; raises `ModelFileError` where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{file}: cannot be read ({error.strerror})") from error


def refuse_provider(provider: str, known: list[str]) -> UsageError:
    """The error for a provider that is not there."""
    return UsageError(f"There is no provider {provider!r} here; there are: {', '.join(known)}")


class Pool(Generic[Resource]):
    """Things that only one thread at a time may use, made when all others are in use.

    Args:
        make: makes one.
    """

    def __init__(self, make: Callable[[], Resource]) -> None:
        self._make, self._free, self._lock = make, list[Resource](), Lock()
        self._free.append(make())

    @contextmanager
    def borrow(self) -> Iterator[Resource]:
        """One for this thread, until the block ends."""
        with self._lock:
            resource = self._free.pop() if self._free else None
        resource = self._make() if resource is None else resource
        try:
            yield resource
        finally:
            with self._lock:
                self._free.append(resource)
