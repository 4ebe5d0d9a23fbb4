"""Rows of text that list images, as a manifest has them: their columns, and errors that name the row."""

import os
import posixpath
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dfdetect.data.layouts import label_of, split_of
from dfdetect.errors import DataLayoutError
from dfdetect.rows import first_repeated

KNOWN_COLUMNS = ("group", "split", "source")
_MARKS = (("semicolons", ";"), ("tabs", "\t"))


@dataclass(frozen=True)
class Listed:
    """N rows.

    Attributes:
        origin: what they were read from, for errors.
        unit: what a row is called there: `line`, `row`.
        columns: N strings each, by name, `path` and `label` among them.
        lines: number of each row.
    """

    origin: str
    unit: str
    columns: dict[str, list[str]]
    lines: "array[int]"

    def refuse_repeated(self, root: Path) -> None:
        """Raises `DataLayoutError` where a path stands twice, be it once from `root` on and once as a whole."""
        paths = self.columns["path"]
        names, base = paths, os.path.abspath(root)
        if len(set(map(os.path.isabs, paths))) > 1:
            names = [plain_path(os.path.join(base, path)) for path in paths]
        if repeated := first_repeated(names):
            before, again = repeated
            where = f"{self._at(self.lines[again])}: {paths[again]} stands twice, first in {self.unit}"
            other = "" if paths[before] == paths[again] else f" as {paths[before]}"
            raise DataLayoutError(f"{where} {self.lines[before]}{other}; one image is one row")

    def labels(self) -> Iterator[int]:
        """0 real, 1 fake; raises `DataLayoutError` for a text that means neither."""
        for line, text in zip(self.lines, self.columns["label"], strict=True):
            label = label_of(text)
            if label is None:
                raise DataLayoutError(f"{self._at(line)}: label {text!r} is neither real (0) nor fake (1)")
            yield label

    def known_columns(self) -> dict[str, list[str]]:
        """The columns beside path and label, splits as `train`, `val` or `test`; raises `DataLayoutError`."""
        columns = {name: values for name, values in self.columns.items() if name not in ("path", "label")}
        for name in KNOWN_COLUMNS:
            if name in columns and not any(columns[name]):  # as `dfdetect audit` writes it where nothing is known
                del columns[name]
        if "split" in columns:
            columns["split"] = [self._split(*pair) for pair in zip(self.lines, columns["split"], strict=True)]
        return columns

    def _split(self, line: int, text: str) -> str:
        split = split_of(text)
        if split is None:
            raise DataLayoutError(f"{self._at(line)}: split {text!r} is none of train, val, test")
        return split

    def _at(self, line: int) -> str:
        return f"{self.origin}, {self.unit} {line}"


def read_rows(origin: str, unit: str, header: list[str], rows: Iterable[tuple[int, list[str]]]) -> Listed:
    """Sort rows, each with its number, into columns; an empty row is passed over.

    Args:
        origin: as `Listed` has it.
        unit: the same.
        header: names of the fields.
        rows: number and fields of each.

    Raises:
        DataLayoutError: no path or label among the names, or a name twice; a row with too many or too few fields, or
            without a path; or no row at all.
    """
    missing = {"path", "label"} - set(header)
    if missing:
        marks = [name for name, mark in _MARKS if mark in "".join(header)]
        apart = f" Its fields are parted by {marks[0]}, not by commas." if marks else ""
        raise DataLayoutError(
            f"{origin}: no column {' or '.join(sorted(missing))}; found {', '.join(header) or 'nothing'}.{apart} "
            "A manifest has path,label and optionally group,split,source and columns of your own"
        )
    columns: dict[str, list[str]] = {name: [] for name in header}
    if len(columns) != len(header):
        raise DataLayoutError(f"{origin}: a column name stands twice in {', '.join(header)}")
    lists = [columns[name] for name in header]
    lines, path_at = array("L"), header.index("path")
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise DataLayoutError(f"{origin}, {unit} {line}: {len(row)} fields, {len(header)} expected")
        lines.append(line)
        for position, (values, text) in enumerate(zip(lists, row, strict=True)):
            values.append(plain_path(text.strip()) if position == path_at else sys.intern(text.strip()))
        if not lists[path_at][-1]:
            raise DataLayoutError(f"{origin}, {unit} {line}: no path")
    if not lists[0]:
        raise DataLayoutError(f"{origin}: no row below the header")
    return Listed(origin, unit, columns, lines)


def plain_path(text: str) -> str:
    """A path as it is compared: with slashes, without detours, so that one file has one name."""
    path = text.replace("\\", "/")
    return posixpath.normpath(path) if "./" in path or "//" in path else path
