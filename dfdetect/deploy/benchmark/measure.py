"""Models measured in turns, round after round, so that a machine that slows down does so for all of them alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.deploy.benchmark.process import Worker
from dfdetect.deploy.metadata import ModelFacts

Seconds = list[float]
_LEAST_CALLS = 100
"""Of a turn at batch 1, or its 99th percentile would be its slowest call."""
_WARM_UP_SECONDS = 0.5


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        threads: numbers of threads to try; the start is measured with the first.
        batches: sizes of batches to try, 1 among them.
        rounds: how often each model has its turn.
        seconds: of one turn; at batch 1 it is prolonged to 100 calls, to ten times as long at most.
        provider: what computes, as the engine calls it; empty for its best.
        photo: a picture for the first verdict.
    """

    threads: tuple[int, ...]
    batches: tuple[int, ...]
    rounds: int
    seconds: float
    provider: str
    photo: Path


@dataclass(frozen=True)
class Model:
    """A model that loads, and what it said at its first start.

    Attributes:
        file: the model.
        facts: that it remembers.
        engine: with its version.
        provider: what computes.
    """

    file: Path
    facts: ModelFacts
    engine: str
    provider: str


Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]
"""Passes items on and shows how many of so many are done, under a title."""


def first_start(file: Path, settings: Settings) -> Model:
    """Start a model once: it either loads or says why not, and lies in the system's file cache afterwards.

    Raises:
        BenchmarkError: it cannot be loaded.
    """
    with Worker(file, settings.threads[0], settings.provider, settings.photo) as worker:
        facts = ModelFacts.from_strings(worker.first["facts"], str(file))
        return Model(file, facts, worker.first["engine"], worker.first["provider"])


def size_of(file: Path) -> int:
    """Bytes of a model, OpenVINO's weights beside the .xml included."""
    files = [file, file.with_suffix(".bin")] if file.suffix.lower() == ".xml" else [file]
    return sum(one.stat().st_size for one in files)


def describe(model: Model) -> dict[str, Any]:
    """What is known of a model without measuring it; `size_mb` counts 10^6 bytes."""
    names = ("format", "precision", "backbone", "input_size", "threshold", "calibrated", "data_title")
    return {
        "name": model.file.name,
        "file": str(model.file),
        "engine": model.engine,
        "provider": model.provider,
        **{name: getattr(model.facts, name) for name in names},
        "size_mb": size_of(model.file) / 1e6,
    }


def measure_start(files: Sequence[Path], settings: Settings, progress: Progress) -> list[dict[str, Any]]:
    """Start each model in fresh processes, in turns.

    Returns:
        Of each: `cold_start_s`, medians of its steps and of the whole, and `peak_mb` (10^6 bytes) after the first
        verdict, None where the system does not tell.
    """
    starts: list[list[dict[str, Any]]] = [[] for _ in files]
    turns = [(number, file) for _ in range(settings.rounds) for number, file in enumerate(files)]
    for number, file in progress(turns, len(turns), "starts"):
        with Worker(file, settings.threads[0], settings.provider, settings.photo) as worker:
            parts = worker.first["seconds"]
            steps = {"python": worker.seconds - sum(parts.values()), **parts, "total": worker.seconds}
            starts[number].append({"steps": steps, "peak": worker.first["peak_bytes"]})
    return [_summarise_starts(own) for own in starts]


def _summarise_starts(starts: list[dict[str, Any]]) -> dict[str, Any]:
    peaks = [start["peak"] for start in starts if start["peak"] is not None]
    return {
        "cold_start_s": {step: median([start["steps"][step] for start in starts]) for step in starts[0]["steps"]},
        "peak_mb": median(peaks) / 1e6 if peaks else None,
    }


def measure_speed(files: Sequence[Path], settings: Settings, progress: Progress) -> list[list[dict[str, Any]]]:
    """Let each model have its turns.

    Returns:
        Of each: one row for each number of threads and size of batch, in that order: `threads`, `batch`, `p50_ms`,
        `p90_ms`, `p99_ms` of a call, `images_s`, all medians over the rounds, and `calls`, the number of all.
    """
    rows: list[list[dict[str, Any]]] = [[] for _ in files]
    total = len(settings.threads) * (settings.rounds + 1) * len(files)
    for number, threads, turns in progress(_all_turns(files, settings), total, "turns"):
        if turns is not None:
            rows[number] += [_summarise_turns(threads, batch, own) for batch, own in turns.items()]
    return rows


def _all_turns(files: Sequence[Path], settings: Settings) -> Iterator[tuple[int, int, dict[int, list[Seconds]] | None]]:
    """(model, threads, its turns by batch); the turns come with a model's last round, None with those before."""
    for threads in settings.threads:
        with ExitStack() as stack:
            workers = []
            for number, file in enumerate(files):
                workers.append(stack.enter_context(Worker(file, threads, settings.provider, settings.photo)))
                for batch in settings.batches:
                    _turn(workers[-1], batch, min(settings.seconds, _WARM_UP_SECONDS), 1)
                yield number, threads, None
            taken: list[dict[int, list[Seconds]]] = [{batch: [] for batch in settings.batches} for _ in files]
            for place in range(settings.rounds):
                for number, worker in enumerate(workers):
                    for batch in settings.batches:
                        least = _LEAST_CALLS if batch == 1 else 1
                        taken[number][batch].append(_turn(worker, batch, settings.seconds, least))
                    yield number, threads, taken[number] if place == settings.rounds - 1 else None


def _turn(worker: Worker, batch: int, seconds: float, least: int) -> Seconds:
    answer: Seconds = worker.ask(do="time", batch=batch, seconds=seconds, least=least)["seconds"]
    return answer


def _summarise_turns(threads: int, batch: int, turns: list[Seconds]) -> dict[str, Any]:
    percentiles = {
        f"p{share}_ms": 1000 * median([float(np.percentile(turn, share)) for turn in turns]) for share in (50, 90, 99)
    }
    speed = median([batch * len(turn) / sum(turn) for turn in turns])
    calls = sum(map(len, turns))
    return {"threads": threads, "batch": batch, **percentiles, "images_s": speed, "calls": calls}


def median(values: Sequence[float]) -> float:
    """The median as a plain number."""
    return float(np.median(values))


def add_ratios(models: list[dict[str, Any]], first_is_baseline: bool) -> None:
    """Add what each model is to the first: `speedup` and `throughput_ratio` of each row, `ratios` of what has no row.

    A speedup is the first model's median time of a call over this one's, a throughput ratio this one's images a second
    over the first one's; the ratios of size, memory and start are the first one's figure over this one's, so that more
    is better everywhere. None where there is no first row to compare with.
    """
    base = models[0]
    for model in models:
        for row, other in zip(model["speed"], base["speed"], strict=True):
            row["speedup"] = other["p50_ms"] / row["p50_ms"] if first_is_baseline else None
            row["throughput_ratio"] = row["images_s"] / other["images_s"] if first_is_baseline else None
        pairs = {
            "size": (base["size_mb"], model["size_mb"]),
            "peak_memory": (base["peak_mb"], model["peak_mb"]),
            "cold_start": (base["cold_start_s"]["total"], model["cold_start_s"]["total"]),
        }
        known = {name: None if None in pair else pair[0] / pair[1] for name, pair in pairs.items()}
        model["ratios"] = known if first_is_baseline else None
