"""Rows as JSON lines or CSV: written one by one, so that whatever ends a scan leaves whole rows, and read to resume."""

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from dfdetect.deploy.verdicts import Row, rounded
from dfdetect.errors import DFDetectError, ResultsError, UsageError

COLUMNS = ("path", "kind", "verdict", "p_fake", "threshold", "reason", "faces", "width", "height", "settings")
ENDINGS = (".jsonl", ".json", ".csv")
_END = "\r\n"
"""Of a CSV row (RFC 4180)."""
_FORMULA = ("=", "+", "-", "@")
"""A cell that begins so is a formula to spreadsheets, and what files are called strangers may have chosen."""
_CSV_START, _JSON_START = ",".join(COLUMNS) + _END, '{"path": "'


def json_line(row: Row, settings: str) -> str:
    """One row as a line of JSON in plain ASCII; a path's bytes that are no text stay as surrogate escapes."""
    return json.dumps(row.as_json() | {"settings": settings}) + "\n"


def csv_line(row: Row, settings: str) -> str:
    """One row of `COLUMNS` as CSV; a name with a newline is quoted, one that spreadsheets would run gets `./` first."""
    path = f"./{row.path}" if row.path.startswith(_FORMULA) else row.path
    p_fake, threshold = rounded(row.p_fake), rounded(row.threshold)
    width, height = row.size or ("", "")
    values = [path, row.kind, row.verdict, p_fake, threshold, row.reason, len(row.faces), width, height, settings]
    line = _Line()
    csv.writer(line, lineterminator=_END).writerow(values)
    return line.text


class _Line:
    """What csv.writer writes into."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text


@dataclass
class Earlier:
    """Rows that are there already.

    Attributes:
        verdicts: how many of each.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    _paths: set[bytes] = field(default_factory=set)

    def add(self, path: str, verdict: str) -> None:
        """Take a row."""
        self.verdicts[verdict] += 1
        self._paths.add(_digest(path))

    def __contains__(self, path: str) -> bool:
        return _digest(path) in self._paths

    def __len__(self) -> int:
        return self.verdicts.total()


def check_ending(path: Path) -> None:
    """Raise `UsageError` for a file of rows whose name says nothing of how they are written."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out {path}: its name ends in {', '.join(ENDINGS)}")


class RowFile:
    """The file of `--out`; each row is in the system's hands before the next one is made.

    Args:
        path: ends in .jsonl, .json (both JSON lines) or .csv.
        settings: digest of the model and of how it judges; a row of another one is not gone on from.
        resume: keep the rows that are there, but for a half-written last one.

    Raises:
        UsageError: another ending, or rows are there and `resume` was not asked for.
        ResultsError: the rows are of another model, or the file is none of ours.
        DFDetectError: it cannot be written.
    """

    def __init__(self, path: Path, settings: str, resume: bool) -> None:
        check_ending(path)
        if not resume and path.exists() and path.stat().st_size:
            raise UsageError(f"--out {path} holds rows. Go on with them: --resume; or name another file")
        self.earlier = Earlier()
        self._path, self._settings, self._is_csv = path, settings, path.suffix.lower() == ".csv"
        self._line: Callable[[Row, str], str] = csv_line if self._is_csv else json_line
        try:
            end = self._read(path) if path.exists() else 0
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream: TextIO = open(path, "a", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
            self._stream.truncate(end)
            if self._is_csv and not end:
                self._put(_CSV_START)
        except OSError as error:
            raise self._unwritten(error) from error

    def write(self, row: Row) -> None:
        """Append a row."""
        self._put(self._line(row, self._settings))

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # it holds what could not be written, which was said, and tries again
            self._stream.close()

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> DFDetectError:
        return DFDetectError(f"--out {self._path}: cannot be written ({error.strerror or error})")

    def _read(self, path: Path) -> int:
        """Take the rows that are there; the place behind the last whole one, in bytes."""
        _refuse_foreign(path, _CSV_START if self._is_csv else _JSON_START)
        end = 0
        rows = _csv_rows(path) if self._is_csv else _json_rows(path)
        for place, row in rows:
            if row.get("settings") != self._settings:
                raise ResultsError(
                    f"--out {path}: its rows were made by another model or with other settings. Name another file, or "
                    "repeat the command that made it"
                )
            if "path" in row:
                self.earlier.add(str(row["path"]), str(row.get("verdict")))
            end = place
        return end


def settings_digest(model: str, **how: Any) -> str:
    """Twelve hex digits that tell models and settings apart.

    Args:
        model: SHA-256 of its file.
        **how: whatever decides on a row.
    """
    return hashlib.sha256(json.dumps([model, how], sort_keys=True).encode()).hexdigest()[:12]


def _refuse_foreign(path: Path, start: str) -> None:
    """Keep a file of somebody else's from being cut where our rows would end; raises `ResultsError`."""
    with open(path, "rb") as stream:
        head = stream.read(len(start))
    if not start.encode().startswith(head):
        raise ResultsError(f"--out {path}: not rows of dfdetect scan. Name another file")


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    place = 0
    with open(path, "rb") as stream:
        for line in stream:
            place += len(line)
            if not line.endswith(b"\n"):
                return
            yield place, _object(path, line)


def _object(path: Path, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict) or "path" not in value:
        raise ResultsError(f"--out {path}: not rows of dfdetect scan. Name another file")
    return value


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Whole rows, the header left out, each with the place behind it."""
    place = 0

    def lines(stream: TextIO) -> Iterator[str]:
        nonlocal place
        for line in stream:
            place += len(line.encode("utf-8", "surrogateescape"))
            yield line

    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        passed = lines(stream)
        ended = _ends_whole(path)
        for number, values in enumerate(csv.reader(passed)):
            whole = len(values) == len(COLUMNS) and (ended or place < os.path.getsize(path))
            if number and whole:
                yield place, dict(zip(COLUMNS, values, strict=True))


def _ends_whole(path: Path) -> bool:
    with open(path, "rb") as stream:
        stream.seek(max(0, os.path.getsize(path) - len(_END)))
        return stream.read() == _END.encode()


def _digest(path: str) -> bytes:
    """Eight bytes a path: a million rows stay below 100 MB. One with ./ and without is the same."""
    path = path.removeprefix("./")
    return hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest()
