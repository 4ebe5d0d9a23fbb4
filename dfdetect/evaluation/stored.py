"""Results that a test left in a folder, read back: predictions.csv and metrics.json."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.errors import ResultsError
from dfdetect.evaluation.evaluate import Predictions

_LABELS = {"real": 0, "fake": 1, "0": 0, "1": 1}


def read_predictions(file: Path) -> Predictions:
    """Read a predictions.csv: path, label (real or fake), p_fake, and group and source where there are such columns.

    Raises:
        ResultsError: no such file, a missing column, or a row without a usable label and score.
    """
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = {"path", "label", "p_fake"} - set(reader.fieldnames or ())
            if missing:
                raise ResultsError(f"{file}: no column {', '.join(sorted(missing))}; is it what dfdetect test wrote?")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(
            f"{file}: cannot be read ({error}). Write it again: dfdetect test --ckpt_path FILE"
        ) from error
    if not rows:
        raise ResultsError(f"{file}: no prediction in it. Write it again: dfdetect test --ckpt_path FILE")
    _refuse_repeated(file, [row["path"] for row in rows])
    scored = [_label_and_score(file, number, row) for number, row in enumerate(rows, start=2)]
    return Predictions(
        path=[row["path"] for row in rows],
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


def _label_and_score(file: Path, number: int, row: dict[str, Any]) -> tuple[int, float]:
    label = _LABELS.get(str(row["label"]).strip().lower())
    if label is None:
        raise ResultsError(f"{file}, line {number}: label {row['label']!r} is neither real nor fake")
    try:
        score = float(row["p_fake"])
    except (TypeError, ValueError):
        score = math.nan
    if not 0 <= score <= 1:
        raise ResultsError(f"{file}, line {number}: p_fake {row['p_fake']!r} is no number from 0 to 1")
    return label, score


def _refuse_repeated(file: Path, paths: list[str]) -> None:
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ResultsError(f"{file}: {twice} stands there twice; one image has one prediction")
