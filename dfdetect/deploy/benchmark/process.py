"""The parent's side of a worker: starting it on cores of its own, asking it, and ending it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dfdetect.errors import BenchmarkError

WORKER = "dfdetect.deploy.benchmark.worker"


class Worker:
    """A process that has loaded one model; use it in a `with` block.

    Attributes:
        first: what it said after its first verdict: seconds of import, load and verdict, peak_bytes, engine, provider
            and facts.
        seconds: from before its start until that was heard.

    Args:
        file: the model.
        threads: the engine's threads, and the number of cores that the process may use.
        provider: what computes; empty for the engine's best.
        photo: what the first verdict is on.

    Raises:
        BenchmarkError: the model could not be loaded; the message is the one that any command would show.
    """

    def __init__(self, file: Path, threads: int, provider: str, photo: Path) -> None:
        self._file, self._stderr = file, tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        cores = ",".join(map(str, cores_for(threads)))
        arguments = [sys.executable, "-m", WORKER, str(file), str(threads), provider, cores, str(photo)]
        settings = {"OMP_NUM_THREADS": str(threads), "PYTHONIOENCODING": "utf-8"}
        began = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            encoding="utf-8",
            env=os.environ | settings,
        )
        try:
            self.first = self._hear()
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - began

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Have a command done; see `worker`."""
        if self._process.stdin is None:
            raise RuntimeError("the worker was started without a standard input")
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said last is the reason
        return self._hear()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            self._process.wait()
            raise BenchmarkError(f"{self._file}: its process ended ({self._process.returncode}). {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchmarkError(answer["error"], answer["exit_code"])
        return answer

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "It said nothing"


def cores_for(count: int) -> list[int]:
    """Numbers of `count` cores that this process may use, each physical core once before any twice.

    Empty where the system does not let a process choose (macOS, Windows).
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    usable = sorted(os.sched_getaffinity(0))
    siblings = [_siblings(core) for core in usable]
    order = sorted(range(len(usable)), key=lambda place: (siblings[:place].count(siblings[place]), usable[place]))
    return [usable[place] for place in order[:count]]


def _siblings(core: int) -> str:
    """The hardware threads that share a physical core, as Linux writes them."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(core)
