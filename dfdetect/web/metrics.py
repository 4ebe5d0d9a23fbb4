"""What the server counts of itself, in the text format of Prometheus (version 0.0.4)."""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from dfdetect import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends in seconds; a photo takes some hundredths."""
_STATM = Path("/proc/self/statm")


class Histogram:
    """Counts of seconds by bucket; not locked by itself."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str) -> Iterable[str]:
        """Cumulative counts, as the format wants them."""
        so_far = 0
        for end, count in zip((*map(str, BUCKETS), "+Inf"), self.counts, strict=True):
            so_far += count
            yield f'{name}_bucket{{le="{end}"}} {so_far}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {so_far}"


class Metrics:
    """Counters and histograms; any number of threads may count at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._detect, self._work = Histogram(), Histogram()
        self._start = time.time()

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request; the time counts for `detect` alone, since a page's streams stay open."""
        with self._lock:
            self._requests[route, status] += 1
            if route == "detect":
                self._detect.add(seconds)

    def verdict(self, model: str, verdict: str) -> None:
        """Count what a model said of a file."""
        with self._lock:
            self._verdicts[model, verdict] += 1

    def judged(self, seconds: float) -> None:
        """Count a file that was judged, without the time that it waited."""
        with self._lock:
            self._work.add(seconds)

    def failure(self, kind: str) -> None:
        """Count a file that could not be judged."""
        with self._lock:
            self._failures[kind] += 1

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All of it; `gauges` are names with their help and value at this moment."""
        with self._lock:
            requests = [((("route", route), ("status", str(status))), n) for (route, status), n in self._pairs()]
            verdicts = [((("model", m), ("verdict", v)), n) for (m, v), n in sorted(self._verdicts.items())]
            failures = [((("type", kind),), n) for kind, n in sorted(self._failures.items())]
            lines = [
                *_counter("dfdetect_requests_total", "Answered requests by route and HTTP status.", requests),
                *_counter("dfdetect_verdicts_total", "Verdicts by model.", verdicts),
                *_counter("dfdetect_failed_files_total", "Files that were not judged, by error type.", failures),
                *_head("dfdetect_request_seconds", "From a detect request's headers to its answer.", "histogram"),
                *self._detect.lines("dfdetect_request_seconds"),
                *_head("dfdetect_judge_seconds", "Work on one judged file, without waiting.", "histogram"),
                *self._work.lines("dfdetect_judge_seconds"),
            ]
        lines += [
            *_head("dfdetect_info", "The version that runs.", "gauge"),
            f'dfdetect_info{{version="{_escaped(__version__)}"}} 1',
        ]
        own = {
            "process_start_time_seconds": ("Start of the server, in seconds since 1970.", self._start),
            "process_resident_memory_bytes": ("Memory that the server holds.", resident_bytes()),
        }
        for name, (meaning, value) in {**gauges, **own}.items():
            lines += [*_head(name, meaning, "gauge"), f"{name} {value:.15g}"]
        return "\n".join(lines) + "\n"

    def _pairs(self) -> list[tuple[tuple[str, int], int]]:
        return sorted(self._requests.items())


def resident_bytes() -> float:
    """Memory of this process; NaN where the system does not tell it so."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return float("nan")
    import resource

    return float(pages * resource.getpagesize())


def _counter(name: str, meaning: str, rows: Iterable[tuple[tuple[tuple[str, str], ...], int]]) -> Iterable[str]:
    yield from _head(name, meaning, "counter")
    for labels, count in rows:
        named = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
        yield f"{name}{{{named}}} {count}"


def _head(name: str, meaning: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
