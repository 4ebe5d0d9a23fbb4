"""Where a scan's rows go: standard output, a file, a page; whole whatever ends the scan."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from dfdetect.deploy import screen
from dfdetect.deploy.rows import COLUMNS, Earlier, RowFile, csv_line, json_line
from dfdetect.deploy.verdicts import Row
from dfdetect.words import counted

if TYPE_CHECKING:
    from dfdetect.deploy.scan_page import Page


class Output:
    """All outputs of one scan, as its options ask for them; a context that closes them.

    Attributes:
        counts: verdicts so far, those of a resumed scan's earlier rows among them.
        earlier: rows that a resumed scan goes on from.
        lost: annotated copies that could not be written.
    """

    def __init__(self, options: argparse.Namespace, introduction: Sequence[str], settings: str) -> None:
        self._options, self._settings = options, settings
        self._file = RowFile(options.out, settings, options.resume) if options.out else None
        self.earlier = self._file.earlier if self._file else Earlier()
        self.counts: Counter[str] = Counter(self.earlier.verdicts)
        self.lost = 0
        self._start = time.monotonic()
        self._page = self._open_page(introduction)
        self._table = not (options.json or options.csv)
        self._ticker = None if self._table and sys.stdout.isatty() else screen.Ticker(sys.stderr)
        self._colour = screen.wants_colour(sys.stdout)
        self._unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"

    def __enter__(self) -> "Output":
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure:  # names may hold what this terminal cannot show; as CSV they keep their bytes
            reconfigure(errors="surrogateescape" if self._options.csv else "backslashreplace")
        if self._table:
            sys.stdout.write(screen.HEADER + "\n")
        elif self._options.csv:
            sys.stdout.write(",".join(COLUMNS) + "\r\n")
        return self

    def add(self, row: Row) -> None:
        """Write a row everywhere, at once."""
        self.counts[row.verdict] += 1
        self.lost += row.saved == ""
        if self._file:
            self._file.write(row)
        if self._page:
            self._page.add(row)
        if self._ticker:
            self._ticker.tick()
        sys.stdout.write(self._text(row))
        sys.stdout.flush()

    def finish(self, passed_over: Counter[str], hidden: int) -> None:
        """Say what it all came to."""
        if self._ticker:
            self._ticker.close()
        seconds = time.monotonic() - self._start
        text = screen.summary(self.counts, seconds, passed_over, hidden, len(self.earlier))
        (sys.stdout if self._table else sys.stderr).write(f"{text}\n")
        if not self.counts.total():
            sys.stderr.write("Nothing was judged: there is no photo or video\n")
        if self.lost:
            sys.stderr.write(f"{self.lost:,} annotated copies could not be written into {self._options.save}\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
        if self._page:
            self._write_page(self._page, interrupted=kind is not None)
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self.counts:
            rest = f" Go on: the same command with --resume ({self._options.out})." if self._file else ""
            sys.stderr.write(f"Stopped after {self.counts.total():,} files; their rows are whole.{rest}\n")

    def _text(self, row: Row) -> str:
        if self._options.json:
            return json_line(row, self._settings)
        if self._options.csv:
            return csv_line(row, self._settings)
        return screen.line(row, self._colour, self._unicode) + "\n"

    def _open_page(self, introduction: Sequence[str]) -> "Page | None":
        if self._options.html is None:
            return None
        from dfdetect.deploy.scan_page import Page

        return Page(introduction)

    def _write_page(self, page: "Page", interrupted: bool) -> None:
        notes = ["The scan was stopped before its end."] if interrupted else []
        if self.earlier.verdicts:
            before = f"{counted(len(self.earlier), 'file')} ({screen.verdicts(self.earlier.verdicts)})"
            notes.append(f"Judged before this page was begun, and not on it: {before}.")
        page.write(self._options.html, notes)
        sys.stderr.write(f"Written to {self._options.html}\n")
