"""A scan on a terminal: one line a file, colours where they are wanted, a summary at the end."""

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TextIO

from dfdetect.deploy.sources import shown
from dfdetect.deploy.verdicts import Row

HEADER = f"{'verdict':<11}{'p_fake':>7}{'faces':>7}  file"
_INK = {"fake": "1;38;5;208", "real": "38;5;39", "uncertain": "33", "error": "31"}
_WORDS = {"error": "unreadable"}
_BLOCKS = "▁▂▃▄▅▆▇█"
_TIMELINE = 24
_EVERY_S = 0.5


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to write colours: on a terminal that knows them, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def line(row: Row, colour: bool, unicode: bool = True) -> str:
    """One file: verdict, p_fake of its most fake face, number of faces, name, timeline, reason."""
    word = f"{_WORDS.get(row.verdict, row.verdict):<11}"
    painted = f"\x1b[{_INK[row.verdict]}m{word}\x1b[0m" if colour else word
    p_fake = "-" if row.p_fake is None else f"{row.p_fake:.3f}"
    faces = "-" if row.failed else str(len(row.faces))
    rest = [shown(row.path)]
    if row.kind == "video" and unicode:
        rest.append(timeline(row))
    if row.reason:
        rest.append(f"\x1b[2m{shown(row.reason)}\x1b[0m" if colour else shown(row.reason))
    return f"{painted}{p_fake:>7}{faces:>7}  " + "  ".join(filter(None, rest))


def timeline(row: Row) -> str:
    """p_fake over a video's length as blocks, each the highest of its time; a dot where nothing was judged."""
    if not row.timeline:
        return ""
    start, end = row.timeline[0][0], row.timeline[-1][0]
    cells: list[float | None] = [None] * min(_TIMELINE, len(row.timeline))
    for seconds, p_fake in row.timeline:
        place = int((seconds - start) / max(end - start, 1e-9) * (len(cells) - 1) + 0.5)
        cells[place] = max(p_fake, cells[place] or 0.0)
    return "".join("·" if p is None else _BLOCKS[min(int(p * 8), 7)] for p in cells)


def verdicts(counts: Counter[str]) -> str:
    """How many of each, in words."""
    return ", ".join(f"{counts[name]:,} {_WORDS.get(name, name)}" for name in ("fake", "uncertain", "real", "error"))


def summary(counts: Counter[str], seconds: float, passed_over: Counter[str], hidden: int, earlier: int) -> str:
    """How many of each verdict, how fast, and what a folder held besides."""
    total = counts.total()
    lines = [f"{total:,} {'file' if total == 1 else 'files'}: {verdicts(counts)}"]
    new = total - earlier
    if earlier:
        lines[0] += f"; {earlier:,} of them judged before"
    lines[0] += f" ({seconds:.1f} s, {new / max(seconds, 1e-9):.1f} files/s)"
    if passed_over:
        kinds = ", ".join(f"{shown(ending) or 'no ending'} {n:,}" for ending, n in passed_over.most_common(5))
        lines.append(f"passed over, being neither image nor video by their names: {passed_over.total():,} ({kinds})")
    if hidden:
        lines.append(f"left out, being hidden by their names: {hidden:,}")
    return "\n".join(lines)


class Ticker:
    """A count on standard error, twice a second, where rows go elsewhere and a person is watching."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream, self._start, self._last, self._count = stream, time.monotonic(), 0.0, 0
        self._shown = stream.isatty()

    def tick(self) -> None:
        """Count a file."""
        self._count += 1
        now = time.monotonic()
        if self._shown and now - self._last >= _EVERY_S:
            self._last = now
            self._stream.write(f"\r{self._count:,} files, {self._count / max(now - self._start, 1e-9):.1f}/s ")
            self._stream.flush()

    def close(self) -> None:
        """Leave the line empty."""
        if self._shown and self._last:
            self._stream.write("\r" + " " * 40 + "\r")
            self._stream.flush()
