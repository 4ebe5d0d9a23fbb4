"""Results that a test left in a folder, read back: predictions.csv and metrics.json."""

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.errors import ResultsError
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.rows import first_repeated, numbered_rows

_LABELS = {"real": 0, "fake": 1, "0": 0, "1": 1}


def read_predictions(file: Path) -> Predictions:
    """Read a predictions.csv: path, label (real or fake), p_fake, and group and source where there are such columns.

    Raises:
        ResultsError: no such file, a missing column, or a row without a usable label and score.
    """
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            numbered = numbered_rows(stream)
            header = next(numbered, (1, []))[1]
            missing = {"path", "label", "p_fake"} - set(header)
            if missing:
                raise ResultsError(f"{file}: no column {', '.join(sorted(missing))}; is it what dfdetect test wrote?")
            lines, rows = _named(file, header, numbered)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(
            f"{file}: cannot be read ({error}). Write it again: dfdetect test --ckpt_path FILE"
        ) from error
    if not rows:
        raise ResultsError(f"{file}: no prediction in it. Write it again: dfdetect test --ckpt_path FILE")
    paths = [row["path"] for row in rows]
    _refuse_repeated(file, lines, paths)
    scored = [_label_and_score(file, line, row) for line, row in zip(lines, rows, strict=True)]
    return Predictions(
        path=paths,
        label=np.array([label for label, _ in scored], np.int64),
        p_fake=np.array([score for _, score in scored], np.float64),
        group=[row.get("group") or row["path"] for row in rows],
        source=[row.get("source") or "" for row in rows],
    )


def read_metrics(file: Path) -> dict[str, Any]:
    """Read a metrics.json; raises `ResultsError` where it is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{file}: cannot be read ({error}). Write it again: dfdetect test --ckpt_path FILE"
        ) from error
    if not isinstance(content, dict):
        raise ResultsError(f"{file}: holds no metrics. Write it again: dfdetect test --ckpt_path FILE")
    return content


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object; raises `ResultsError` where it is damaged or something else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{file}: cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise ResultsError(f"{file}: holds no results")
    return content


def checked_metrics(file: Path) -> dict[str, Any]:
    """`read_metrics`, of a test whose counts and confusion matrix are whole; raises `ResultsError` otherwise."""
    content = read_metrics(file)
    matrix = content.get("confusion_matrix")
    try:
        counts = [int(content[name]) for name in ("n", "n_real", "n_fake")]
        cells = [int(cell) for row in matrix for cell in row] if matrix else []
        float(content["threshold"])
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{file}: not what dfdetect test writes ({error!r})") from error
    if len(cells) != 4 or sum(cells) != counts[0]:
        raise ResultsError(f"{file}: its confusion matrix does not count its {counts[0]} images")
    return content


def name_of_run(folder: Path) -> str:
    """`NAME/version_N`: what lies below lightning_logs, or the last two folders."""
    parts = folder.resolve().parts
    start = parts.index("lightning_logs") + 1 if "lightning_logs" in parts else len(parts) - 2
    return "/".join(parts[max(start, 0) :])


def tested_checkpoint(folder: Path, metrics: dict[str, Any]) -> Path | None:
    """What was tested: the file that metrics.json names, or else the best of the run that the results lie in."""
    named = str(metrics.get("checkpoint") or "")
    above = [parent / "checkpoints" / Path(named or "best.ckpt").name for parent in (folder, *folder.parents[:2])]
    return next((file for file in ([Path(named)] if named else []) + above if file.is_file()), None)


def _named(
    file: Path, header: list[str], numbered: Iterable[tuple[int, list[str]]]
) -> tuple[list[int], list[dict[str, str]]]:
    """The line each row begins on, and its fields by their column; raises `ResultsError` for a row cut short."""
    lines, rows = [], []
    for line, row in numbered:
        if not row:
            continue
        if len(row) != len(header):
            raise ResultsError(f"{file}, line {line}: {len(row)} fields, {len(header)} expected")
        lines.append(line)
        rows.append(dict(zip(header, row, strict=True)))
    return lines, rows


def _label_and_score(file: Path, line: int, row: dict[str, str]) -> tuple[int, float]:
    label = _LABELS.get(row["label"].strip().lower())
    if label is None:
        raise ResultsError(f"{file}, line {line}: label {row['label']!r} is neither real nor fake")
    try:
        score = float(row["p_fake"])
    except ValueError:
        score = math.nan
    if not 0 <= score <= 1:
        raise ResultsError(f"{file}, line {line}: p_fake {row['p_fake']!r} is no number from 0 to 1")
    return label, score


def _refuse_repeated(file: Path, lines: list[int], paths: list[str]) -> None:
    if repeated := first_repeated(paths):
        before, again = repeated
        where = f"{file}, line {lines[again]}: {paths[again]} stands there twice, first in line {lines[before]}"
        raise ResultsError(f"{where}; one image has one prediction")
