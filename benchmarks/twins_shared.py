"""What the parts of `audit_twins.py` share: the files of a data root, what a step costs, tables."""

import csv
import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dfdetect.data.samples import load_samples

Row = dict[str, str]


def files(root: Path) -> tuple[list[str], list[str]]:
    """Paths below the data root, and paths that can be opened."""
    samples = load_samples(root)
    return samples.paths, [samples.file(i) for i in range(len(samples))]


class Cost:
    """Seconds, processor seconds (which other programs on the machine disturb less) and peak memory."""

    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._mark()

    def _mark(self) -> None:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        self.cpu = sum(one.ru_utime + one.ru_stime for one in usage)
        self.clock = time.perf_counter()

    def of(self, step: str) -> None:
        """What was spent since the last step."""
        cpu, clock = self.cpu, self.clock
        self._mark()
        self.figures[f"{step}_s"] = round(self.clock - clock, 1)
        self.figures[f"{step}_cpu_s"] = round(self.cpu - cpu, 1)
        self.figures["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write_rows(path: Path, header: str, rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV."""
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Read a CSV."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))
