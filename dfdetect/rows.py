"""Rows of tables that people write: which line each stands on, and which name stands there twice."""

import csv
from collections.abc import Iterable, Iterator, Sequence


def numbered_rows(stream: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV, each with the line of the file that it begins on; the first line is 1, and the header's.

    A row may span lines, where a quoted field holds a line break, and an empty line is an empty row; so rows that are
    counted are not lines, and an editor goes to a line.
    """
    reader = csv.reader(stream)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def first_repeated(names: Sequence[str]) -> tuple[int, int] | None:
    """Places of the first name that stands there again: where it stood before, and where it does again."""
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if (before := first.setdefault(name, place)) != place:
            return before, place
    return None
