"""Results as text for a terminal and as files for programs."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dfdetect.errors import ResultsError
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.metrics import HALF, UNCALIBRATED
from dfdetect.evaluation.plain_words import cut
from dfdetect.files import replacing

METRICS, PREDICTIONS = "metrics.json", "predictions.csv"
"""The files with the result of `evaluate` and with what it judged, in a run's folder."""
REPORT = "report.html"
_SHOWN = ("accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer")
_ALSO = {
    "tpr_at_fpr_1": "TPR at 1% FPR",
    "tpr_at_fpr_5": "TPR at 5% FPR",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "aurc": "AURC",
}
_WIDEST = 40
_RATES = ("tpr_at_fpr_1", "tpr_at_fpr_5", "aurc")
_PROBABILITIES = ("log_loss", "brier", "ece")


def metrics_table(result: dict[str, Any], title: str) -> str:
    """The result of `evaluate` as a table: all images with their 95% interval, each source, then the notes."""
    names = "".join(f"{name.replace('average_precision', 'avg prec'):>11}" for name in _SHOWN)
    rows = [("all", result), *result["per_source"].items()]
    for column, slices in result["per_column"].items():
        rows += [(f"{column}={value}", values) for value, values in slices.items()]
    width = column_width([name for name, _ in rows], 16)
    lines = [title, f"{'':<{width}}{'n':>7}{'real':>7}{'fake':>7}{names}", _row("all", result, width)]
    for place, name in enumerate(("  95% from", "  to")):
        bounds = (_cell(interval and interval[place]) for interval in map(result["intervals"].get, _SHOWN))
        lines.append(f"{name:<{width + 21}}" + "".join(f"{bound:>11}" for bound in bounds))
    if result["threshold"] != 0.5:
        lines.append(
            f"{'  at 0.5':<{width + 21}}" + "".join(f"{_cell(result.get(name + HALF)):>11}" for name in _SHOWN)
        )
    lines += [_row(name, values, width) for name, values in rows[1:]]
    if rows[1:]:
        lines.append(
            "Where all images of a row are of one class, its AUROC ranks them against all of the other class; "
            "precision and F1 are undefined."
        )
    (tn, fp), (fn, tp) = result["confusion_matrix"]
    matrix = f"{tn} real as real, {fp} real as fake, {fn} fake as real, {tp} fake as fake"
    lines.append(f"At threshold {cut(result['threshold'])}: {matrix}")
    lines.append(", ".join(_with_interval(name, result) for name in _RATES))
    lines.append(", ".join(_with_interval(name, result) + _uncalibrated(name, result) for name in _PROBABILITIES))
    if worst := result["worst_group"]:
        lines.append(
            f"Worst: {worst['column']} {worst['value']}, accuracy {_cell(worst['accuracy'])}"
            f"{_interval(worst['interval'])}, n {worst['n']}"
        )
    return "\n".join(lines + [f"Note: {note}" for note in result["notes"]])


def _with_interval(metric: str, result: dict[str, Any]) -> str:
    return f"{_ALSO[metric]} {_cell(result[metric])}{_interval(result['intervals'].get(metric))}"


def _uncalibrated(metric: str, result: dict[str, Any]) -> str:
    return "" if result["temperature"] == 1 else f", uncalibrated {_cell(result[metric + UNCALIBRATED])}"


def _interval(interval: list[float] | None) -> str:
    return f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else ""


def column_width(names: Sequence[str], least: int) -> int:
    """Of a column that holds these names whole, but for those so long that `in_column` gives them their own line."""
    return max([least, *(len(name) + 1 for name in names if len(name) < _WIDEST)])


def in_column(name: str, width: int) -> str:
    """The beginning of a row: a name is never cut, or two that differ late would look the same."""
    return f"{name:<{width}}" if len(name) < width else f"{name}\n{'':<{width}}"


def _row(name: str, values: dict[str, Any], width: int) -> str:
    cells = "".join(f"{_cell(values.get(metric)):>11}" for metric in _SHOWN)
    return f"{in_column(name, width)}{values['n']:>7}{values['n_real']:>7}{values['n_fake']:>7}{cells}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON in one atomic step; NaN is refused, undefined values are null."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_page(file: Path, html: str) -> Path:
    """Write a report in one atomic step; raises `ResultsError` where it cannot be."""
    try:
        with replacing(file) as temporary:
            temporary.write_text(html, encoding="utf-8", errors="replace")
    except OSError as error:
        raise ResultsError(f"{file}: cannot be written ({error.strerror}); name another with --out FILE") from error
    return file


def write_predictions(path: Path, predictions: Predictions, names: tuple[str, str] = ("real", "fake")) -> None:
    """Write path,label,p_fake,group,source and the further columns, one row an image, in one atomic step."""
    labels = [names[label] for label in predictions.label.tolist()]
    scores = [repr(score) for score in predictions.p_fake.tolist()]  # all digits: they keep the ranking of close ones
    columns = [predictions.path, labels, scores, predictions.group, predictions.source, *predictions.columns.values()]
    header = ["path", "label", "p_fake", "group", "source", *predictions.columns]
    write_rows(path, header, [list(row) for row in zip(*columns, strict=True)])


def write_rows(path: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """Write a CSV in one atomic step."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
