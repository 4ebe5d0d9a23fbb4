"""The process that one model is measured in: `python -m dfdetect.deploy.benchmark.worker FILE THREADS PROVIDER ...`.

A process of its own keeps the engines' thread pools, allocators and imports apart, and its start is a cold start. It
reads one JSON command a line from standard input, and answers each with one JSON line on standard output; the first
line comes unasked, after the first verdict.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from dfdetect.deploy.runtime import Detector

_LIBRARIES = {
    ".onnx": "onnxruntime",
    ".xml": "openvino",
    ".tflite": "ai_edge_litert.interpreter",
    ".ckpt": "dfdetect.deploy.engines.checkpoint",
}
"""What an engine imports when it loads its first file: imported before, so that import and load are told apart."""


def main(arguments: list[str]) -> int:
    """Start, judge one photo, then obey.

    Args:
        arguments: model file, number of threads, provider (empty for the engine's best), cores to stay on (numbers
            with commas; empty for any), photo to judge first.
    """
    from dfdetect.errors import DFDetectError

    answers = _private_output()
    try:
        detector, first = _start(*arguments)
        _say(answers, first)
        for line in sys.stdin:
            _say(answers, _obey(detector, json.loads(line)))
    except DFDetectError as error:
        _say(answers, {"error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    return 0


def _private_output() -> TextIO:
    """Standard output for answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _start(file: str, threads: str, provider: str, cores: str, photo: str) -> tuple["Detector", dict[str, Any]]:
    """Load a detector and let it judge a photo; returns it and how long each step took."""
    if cores:
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})  # before any library counts cores
    began = time.perf_counter()
    from dfdetect.process import prepare_process

    prepare_process()  # as every command of dfdetect does
    from dfdetect.deploy.runtime import Detector

    with contextlib.suppress(ModuleNotFoundError):  # loading says what to install
        importlib.import_module(_LIBRARIES.get(Path(file).suffix.lower(), "dfdetect.deploy.runtime"))
    imported = time.perf_counter()
    detector = Detector.load(file, int(threads), provider or None)
    loaded = time.perf_counter()
    (prediction,) = detector.predict([photo])
    judged = time.perf_counter()
    return detector, {
        "seconds": {"import": imported - began, "load": loaded - imported, "verdict": judged - loaded},
        "p_fake": prediction.p_fake,
        "peak_bytes": peak_bytes(),
        "engine": detector.engine.name,
        "provider": detector.engine.provider,
        "facts": detector.facts.to_strings(),
    }


def _obey(detector: "Detector", command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "judge":
        rows = detector.predict(command["paths"])
        return {"p_fake": [row.p_fake for row in rows], "errors": [row.error for row in rows]}
    return {"seconds": time_calls(detector, command["batch"], command["seconds"], command["least"])}


def time_calls(detector: "Detector", batch: int, seconds: float, least: int) -> list[float]:
    """Seconds of each call of `Detector.judge` on `batch` pictures, prepared before: for as many seconds as asked.

    At least `least` calls are made, unless that takes ten times as long, and one in any case.
    """
    import numpy as np

    size = detector.facts.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    taken: list[float] = []
    gc.collect()
    gc.disable()
    try:
        began = now = time.perf_counter()
        while not taken or now - began < (seconds if len(taken) >= least else 10 * seconds):
            detector.judge(pixels)
            before, now = now, time.perf_counter()
            taken.append(now - before)
    finally:
        gc.enable()
    return taken


def peak_bytes() -> int | None:
    """The most memory this process has held, in bytes; None where the system does not tell."""
    with contextlib.suppress(OSError):  # Linux: getrusage would tell the parent's too, from before the exec
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
