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
