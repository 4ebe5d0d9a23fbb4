"""Out-of-fold results of a cross-validation: folds' means with intervals, and what separates two of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.errors import ResultsError
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.evaluate import Predictions, caveats
from dfdetect.evaluation.figures import roc_overlay_figure
from dfdetect.evaluation.intervals import percentile_interval, resample_average
from dfdetect.evaluation.metrics import Array, Labels, ScoreTable
from dfdetect.evaluation.stored import read_metrics, read_predictions
from dfdetect.evaluation.tables import METRICS, PREDICTIONS, write_json, write_predictions

SHOWN = ("auroc", "average_precision", "accuracy", "precision", "recall", "f1", "eer", "log_loss", "ece")
_MOST_CURVES = 10


@dataclass(frozen=True)
class _Folds:
    """All folds of all repetitions, their images' groups numbered alike."""

    tables: list[ScoreTable]
    members: list[Labels]
    groups: int

    def means(self, resamples: int) -> tuple[dict[str, float | None], dict[str, Array]]:
        """Each metric's mean over the folds that define it, and its means in resamples of the groups."""
        plain = [table.measure() for table in self.tables]
        means: dict[str, float | None] = {}
        for name in SHOWN:
            defined = [float(values[name][0]) for values in plain if np.isfinite(values[name][0])]
            means[name] = float(np.mean(defined)) if defined else None
        return means, resample_average(list(zip(self.tables, self.members, strict=True)), self.groups, resamples)


def report(repeats: Sequence[Sequence[Path]], out: Path, resamples: int = 1000) -> tuple[dict[str, Any], str]:
    """Collect a cross-validation's folds; write predictions.csv, metrics.json and roc.png.

    A metric is measured in each fold, at the threshold that the fold's own validation chose, and averaged: scores of
    different detectors are not ranked against each other. Its interval spans the means in resamples of all groups.
    predictions.csv holds each image's p_fake of the detector that has not seen it, the mean over repetitions.

    Args:
        repeats: for each repetition the run folders of its folds.
        out: folder to write into.
        resamples: for the intervals.

    Returns:
        The report, and its table in words.

    Raises:
        ResultsError: a fold's results are missing or damaged, or the folds are not those of one data set.
    """
    folds = [[(read_predictions(run / PREDICTIONS), read_metrics(run / METRICS)) for run in runs] for runs in repeats]
    _refuse_other_images(folds)
    flat = [fold for repeat in folds for fold in repeat]
    found = _number(flat)
    means, drawn = found.means(resamples)
    rows = [
        {"repeat": r, "fold": f, "n": len(predictions.path), "threshold": metrics["threshold"]}
        | {name: metrics[name] for name in SHOWN}
        for r, repeat in enumerate(folds)
        for f, (predictions, metrics) in enumerate(repeat)
    ]
    pooled = _pool([[predictions for predictions, _ in repeat] for repeat in folds])
    result = {
        "n": len(pooled.path),
        "n_groups": found.groups,
        "folds": len(folds[0]),
        "repeats": len(folds),
        "threshold": 0.5,
        **means,
        "intervals": {name: _interval(drawn[name], found.groups) for name in SHOWN},
        "spread": {name: _spread([row[name] for row in rows]) for name in SHOWN},
        "per_fold": rows,
        "notes": _notes(pooled, [metrics for _, metrics in flat]),
    }
    write_predictions(out / PREDICTIONS, pooled)
    curves = [
        (f"repeat {row['repeat']} fold {row['fold']}", predictions.label, predictions.p_fake)
        for row, (predictions, _) in zip(rows, flat, strict=True)
    ]
    save_figure(roc_overlay_figure(curves[:_MOST_CURVES], "Out-of-fold ROC"), out / "roc.png")
    write_json(out / METRICS, result)
    return result, _table(result)


def difference(out: Path, other: Path, resamples: int = 1000) -> tuple[dict[str, Any], str]:
    """Mean over the folds of one cross-validation minus that of another of the same images, with paired intervals.

    Both are measured in the same resamples of the groups that `out` knows.

    Raises:
        ResultsError: results are missing, or the images differ.
    """
    mine, theirs = (_read_folds(folder) for folder in (out, other))
    group = {
        path: name for predictions, _ in mine for path, name in zip(predictions.path, predictions.group, strict=True)
    }
    if set(group) != {path for predictions, _ in theirs for path in predictions.path}:
        raise ResultsError(f"{out} and {other} were not cross-validated on the same images")
    alike = [(replace(p, group=[group[path] for path in p.path]), metrics) for p, metrics in theirs]
    (mean, drawn), (other_mean, other_drawn) = (_number(folds).means(resamples) for folds in (mine, alike))
    groups = len(set(group.values()))
    lines = [f"minus {other}", f"{'mean over the folds':<24}{'difference':>12}{'95% from':>12}{'to':>12}"]
    result: dict[str, Any] = {"folder": str(other)}
    for name in SHOWN:
        one, two = mean[name], other_mean[name]
        value = None if one is None or two is None else one - two
        interval = _interval(drawn[name] - other_drawn[name], groups)
        result[name] = {"difference": value, "interval": interval}
        lines.append(f"{name:<24}" + "".join(f"{_cell(v, '+.4f'):>12}" for v in (value, *(interval or (None, None)))))
    return result, "\n".join(lines)


def _read_folds(folder: Path) -> list[tuple[Predictions, dict[str, Any]]]:
    """All finished folds of a cross-validation's folder."""
    runs = sorted(file.parent for file in folder.glob(f"repeat*-fold*/{METRICS}"))
    if not runs:
        raise ResultsError(f"{folder} holds no finished fold. Run it: dfdetect crossval --out {folder}")
    return [(read_predictions(run / PREDICTIONS), read_metrics(run / METRICS)) for run in runs]


def _number(folds: Sequence[tuple[Predictions, dict[str, Any]]]) -> _Folds:
    numbers = {name: i for i, name in enumerate(sorted({name for fold, _ in folds for name in fold.group}))}
    members = [np.array([numbers[name] for name in fold.group], np.int64) for fold, _ in folds]
    tables = [ScoreTable(fold.label, fold.p_fake, float(metrics["threshold"])) for fold, metrics in folds]
    return _Folds(tables, members, len(numbers))


def _refuse_other_images(folds: Sequence[Sequence[tuple[Predictions, dict[str, Any]]]]) -> None:
    """Each repetition tests each image once, and all repetitions test the same images."""
    tested = [[path for predictions, _ in repeat for path in predictions.path] for repeat in folds]
    for number, paths in enumerate(tested):
        if len(set(paths)) < len(paths) or set(paths) != set(tested[0]):
            raise ResultsError(
                f"Repetition {number} does not test each image of the data once: files were added or removed between "
                "folds. Start again in another folder: --out DIR"
            )


def _pool(repeats: Sequence[Sequence[Predictions]]) -> Predictions:
    """Each image once, with its mean p_fake over the repetitions."""
    scores: dict[str, list[float]] = {}
    facts: dict[str, tuple[int, str, str]] = {}
    for fold in (fold for repeat in repeats for fold in repeat):
        for i, path in enumerate(fold.path):
            scores.setdefault(path, []).append(float(fold.p_fake[i]))
            facts[path] = (int(fold.label[i]), fold.group[i], fold.source[i])
    paths = sorted(scores)
    return Predictions(
        path=paths,
        label=np.array([facts[path][0] for path in paths], np.int64),
        p_fake=np.array([np.mean(scores[path]) for path in paths]),
        group=[facts[path][1] for path in paths],
        source=[facts[path][2] for path in paths],
    )


def _notes(pooled: Predictions, folds: Sequence[dict[str, Any]]) -> list[str]:
    """What a reader must know: of all images together, and what every fold's test said of more than its own size."""
    n_fake = int(pooled.label.sum())
    sources = {s for s, y in zip(pooled.source, pooled.label.tolist(), strict=True) if s and y == 1}
    said = {note for metrics in folds for note in metrics.get("notes", ())}
    kept = [note for note in sorted(said) if note.startswith(("Leak", "These are generated", "Threshold and"))]
    return caveats(len(pooled.label) - n_fake, n_fake, len(sources)) + kept


def _interval(values: Array, groups: int) -> list[float] | None:
    found = percentile_interval(values, groups)
    return None if found is None else list(found)


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    return {"sd": float(np.std(defined, ddof=1)) if len(defined) > 1 else 0.0, "min": min(defined), "max": max(defined)}


def _cell(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else format(value, form)


def _table(result: dict[str, Any]) -> str:
    times = f", {result['repeats']} times" if result["repeats"] > 1 else ""
    lines = [
        f"{result['folds']}-fold cross-validation{times}: {result['n']} images in {result['n_groups']} groups",
        f"{'mean over the folds':<24}{'':>10}{'95% from':>10}{'to':>10}{'lowest':>10}{'highest':>10}",
    ]
    for name in SHOWN:
        spread = result["spread"][name] or {"min": None, "max": None}
        cells = (result[name], *(result["intervals"][name] or (None, None)), spread["min"], spread["max"])
        lines.append(f"{name:<24}" + "".join(f"{_cell(cell):>10}" for cell in cells))
    return "\n".join(lines + [f"Note: {note}" for note in result["notes"]])
