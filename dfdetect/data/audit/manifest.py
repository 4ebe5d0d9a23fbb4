"""`manifest.csv` of an audit: every readable image with its group and what was measured, as `fit` takes it."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.data.audit.examine import Examination
from dfdetect.data.listed import KNOWN_COLUMNS, plain_path
from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import UsageError
from dfdetect.evaluation.tables import write_rows

PREFIX = "audit_"
"""Begins the name of every measured column, so that no column of the user's is overwritten."""


def refuse_foreign(path: Path) -> None:
    """Refuse to overwrite a manifest that no audit wrote; raises `UsageError`."""
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            header = next(csv.reader(stream), [])
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, UnicodeDecodeError, csv.Error):
        header = []
    if not any(name.startswith(PREFIX) for name in header):
        raise UsageError(f"{path} is there and no audit wrote it; name another folder: --out DIR")


def can_be_listed(path: str) -> bool:
    """Whether a manifest gives this path back as it is: one with a backslash or a space at its end it does not."""
    return plain_path(path.strip()) == path


def write_manifest(path: Path, found: Examination) -> None:
    """Write path,label,group,split,source, the user's own columns, and what was measured, one row an image.

    Paths are relative to the manifest's folder, so that both can be moved together.
    """
    samples = found.samples
    own = {n: v for n, v in samples.columns.items() if n not in KNOWN_COLUMNS and not n.startswith(PREFIX)}
    known = {"group": found.groups, "split": samples.column("split"), "source": samples.column("source")}
    columns: dict[str, Any] = known | own | {PREFIX + name: values for name, values in _measured(found).items()}
    rows = (
        [listed, CLASS_NAMES[int(samples.labels[i])], *(values[i] for values in columns.values())]
        for i in range(len(samples))
        if can_be_listed(listed := _relative(samples.file(i), path.parent))
    )
    write_rows(path, ["path", "label", *columns], rows)


def _relative(file: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(os.path.abspath(file), os.path.realpath(folder))).as_posix()
    except ValueError:  # Windows: two drives
        return Path(os.path.abspath(file)).as_posix()


def _measured(found: Examination) -> dict[str, list[Any]]:
    """Columns of what was measured; numbers with six digits."""
    paths = found.samples.paths
    original, partner = [""] * len(paths), [""] * len(paths)
    for group in found.duplicates:
        for index in group[1:]:
            original[index] = paths[group[0]]
    for twin in sorted(found.twins, key=lambda twin: twin.inliers):  # the surest last, so that it stays
        partner[twin.first], partner[twin.second] = paths[twin.second], paths[twin.first]
    facts = {name: column.tolist() for name, column in found.facts.items()}
    statistics = {name: [f"{value:.6g}" for value in column.tolist()] for name, column in found.statistics.items()}
    faces = {} if (found.faces < 0).all() else {"faces": np.asarray(found.faces).tolist()}
    return {"duplicate_of": original, "twin": partner, **faces, **facts, **statistics}
