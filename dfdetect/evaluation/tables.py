"""Results as text for a terminal and as files for programs."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dfdetect.evaluation.evaluate import Predictions
from dfdetect.files import replacing

_SHOWN = ("accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer")
_ALSO = {
    "tpr_at_fpr_1": "TPR at 1% FPR",
    "tpr_at_fpr_5": "TPR at 5% FPR",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "aurc": "AURC",
}


def metrics_table(result: dict[str, Any], title: str) -> str:
    """The result of `evaluate` as a table: all images with their 95% interval, each source, then the notes."""
    names = "".join(f"{name.replace('average_precision', 'avg prec'):>11}" for name in _SHOWN)
    lines = [title, f"{'':<16}{'n':>7}{'real':>7}{'fake':>7}{names}", _row("all", result)]
    for place, name in enumerate(("  95% from", "  to")):
        bounds = (_cell(interval and interval[place]) for interval in map(result["intervals"].get, _SHOWN))
        lines.append(f"{name:<37}" + "".join(f"{bound:>11}" for bound in bounds))
    lines += [_row(source, values) for source, values in result["per_source"].items()]
    if result["per_source"]:
        lines.append("A source of one class is ranked (AUROC) against all images of the other class.")
    (tn, fp), (fn, tp) = result["confusion_matrix"]
    matrix = f"{tn} real as real, {fp} real as fake, {fn} fake as real, {tp} fake as fake"
    lines.append(f"At threshold {result['threshold']:g}: {matrix}")
    lines.append(", ".join(_also(name, shown, result) for name, shown in _ALSO.items()))
    return "\n".join(lines + [f"Note: {note}" for note in result["notes"]])


def _also(metric: str, shown: str, result: dict[str, Any]) -> str:
    interval = result["intervals"].get(metric)
    return f"{shown} {_cell(result[metric])}" + (f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else "")


def _row(name: str, values: dict[str, Any]) -> str:
    cells = "".join(f"{_cell(values.get(metric)):>11}" for metric in _SHOWN)
    return f"{name:<16.16}{values['n']:>7}{values['n_real']:>7}{values['n_fake']:>7}{cells}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON in one atomic step; NaN is refused, undefined values are null."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_predictions(path: Path, predictions: Predictions, names: tuple[str, str] = ("real", "fake")) -> None:
    """Write path,label,p_fake,group,source, one row an image, in one atomic step."""
    rows = zip(
        predictions.path, predictions.label, predictions.p_fake, predictions.group, predictions.source, strict=True
    )
    write_rows(
        path,
        ["path", "label", "p_fake", "group", "source"],
        [[p, names[int(y)], f"{s:.9g}", g, o] for p, y, s, g, o in rows],
    )


def write_rows(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """Write a CSV in one atomic step."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
