"""The one evaluation: predictions in, figures with their intervals out.

`test`, tables, reports and comparisons all call `evaluate`. It is plain numpy, so the deploy side can use it without
torch or scikit-learn; both judge it in the tests. fake (1) is the positive class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.exact import evidence_of
from dfdetect.evaluation.intervals import Intervals, group_bootstrap
from dfdetect.evaluation.metrics import Floats, Labels, ScoreTable

COUNTED = ("accuracy", "precision", "recall", "f1")
"""Metrics of the verdicts at a threshold; each sample adds to them by itself."""
_LEAST_WORST = 10
"""A value of fewer images is not called the worst: one mistake would make it so."""


@dataclass(frozen=True)
class Predictions:
    """What a detector said of N images.

    Attributes:
        path: N paths.
        label: (N,) 0 real, 1 fake.
        p_fake: (N,) in [0, 1].
        group: N group names; a blank one becomes the image's path, so that it is a group of its own.
        source: N source names, empty where unknown.
        columns: further columns of N strings each, by name, whose values are to be judged one by one.
    """

    path: Sequence[str]
    label: Labels
    p_fake: Floats
    group: Sequence[str]
    source: Sequence[str]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Name the group of images without one, or all of them would count as a single group."""
        named = [str(group).strip() for group in self.group]
        own = [group or path for group, path in zip(named, self.path, strict=True)]
        object.__setattr__(self, "group", own)  # frozen


def evaluate(
    predictions: Predictions, threshold: float = 0.5, resamples: int = 1000, temperature: float = 1.0
) -> dict[str, Any]:
    """All metrics of a set of predictions, each with its 95% interval.

    Args:
        predictions: N >= 1 predictions.
        threshold: p_fake from which an image is called fake.
        resamples: bootstrap resamples for the intervals; 0 for none.
        temperature: what the logits were divided by to give `p_fake`.

    Returns:
        n, n_real, n_fake, n_groups, threshold, temperature; accuracy, precision, recall, specificity, f1 at the
        threshold, and with the ending `_at_half` at 0.5; auroc, average_precision, eer, tpr_at_fpr_1, tpr_at_fpr_5
        over all thresholds; log_loss, brier, ece of p_fake as a probability, and with the ending `_uncalibrated` of
        what it was at temperature 1; aurc, the mean error rate over all shares answered, surest first;
        confusion_matrix [[real as real, real as fake], [fake as real, fake as fake]]; intervals, [low, high] of each
        metric; per_source; per_column, the same of each further column; worst_group, of all these values the one with
        the lowest accuracy; notes in plain words. What is undefined is None.
    """
    group = _group_index(predictions.group)
    settings = _Settings(threshold, temperature, resamples)
    result = _measure(predictions.label, predictions.p_fake, group, settings)
    result["n_groups"] = int(group.max()) + 1
    result["per_source"] = _per_value(predictions, predictions.source, group, settings)
    result["per_column"] = {
        name: _per_value(predictions, values, group, settings) for name, values in predictions.columns.items()
    }
    result["worst_group"] = worst_group({"source": result["per_source"]} | result["per_column"])
    named = zip(predictions.source, predictions.label.tolist(), strict=True)
    result["notes"] = caveats(result["n_real"], result["n_fake"], len({s for s, y in named if s and y == 1}))
    return result


def caveats(n_real: int, n_fake: int, n_fake_sources: int) -> list[str]:
    """What a reader must know before trusting figures of so few images, in plain sentences with their n."""
    n = n_real + n_fake
    notes: list[str] = []
    if n_real == 0 or n_fake == 0:
        only = "fake" if n_real == 0 else "real"
        return [f"All {n} images are {only}: AUROC, average precision and EER are undefined."]
    if n < 1000:
        margin = 196 * np.sqrt(0.25 / n)
        notes.append(f"Only {n} images: chance alone moves an accuracy by up to +-{margin:.1f} points (95%).")
    rarer = min(n_real, n_fake)
    if rarer / n < 0.2:
        notes.append(f"One-sided: {n_real} real, {n_fake} fake. Accuracy says little here; read AUROC and recall.")
    if n_fake_sources == 1:
        notes.append(f"All {n_fake} fakes come from a single source: nothing is shown about other kinds.")
    return notes


@dataclass(frozen=True)
class _Settings:
    threshold: float
    temperature: float
    resamples: int


def _measure(
    label: Labels, p_fake: Floats, group: Labels, settings: _Settings, only: Sequence[str] | None = None
) -> dict[str, Any]:
    """Counts, metrics (all, or `only` some) and intervals of one set of samples."""
    table = ScoreTable(label, p_fake, settings.threshold, settings.temperature, only)
    n_fake = int(label.sum())
    false_positive, true_positive = table.called_fake()
    n_real = len(label) - n_fake
    evidence = evidence_of([(table, group)])
    intervals = group_bootstrap(table, group, settings.resamples, evidence=evidence) if settings.resamples else {}
    return {
        "n": len(label),
        "n_real": n_real,
        "n_fake": n_fake,
        "threshold": settings.threshold,
        "temperature": settings.temperature,
        **{name: _or_none(value) for name, value in table.measure().items()},
        "confusion_matrix": [[n_real - false_positive, false_positive], [n_fake - true_positive, true_positive]],
        "intervals": _as_lists(intervals),
    }


def _per_value(
    predictions: Predictions, values: Sequence[str], group: Labels, settings: _Settings
) -> dict[str, dict[str, Any]]:
    """Figures of each value's own images; where they are of one class, ranked against all images of the other.

    Precision and F1 are of both classes, and undefined there.
    """
    label, p_fake = predictions.label, predictions.p_fake
    column = np.asarray(values)
    result = {}
    for value in sorted(set(values) - {""}):
        own = column == value
        one_class = label[own].min() == label[own].max()
        measured = _measure(
            label[own], p_fake[own], group[own], settings, COUNTED if one_class else (*COUNTED, "auroc")
        )
        if one_class:  # of reals alone or of fakes alone, precision is 0 or 1 whatever the detector says
            measured |= {"precision": None, "f1": None}
            measured["intervals"] |= {"precision": None, "f1": None}
        kept = {name: measured[name] for name in ("n", "n_real", "n_fake", "threshold", *COUNTED, "confusion_matrix")}
        ranked = own | (label != label[own][0])
        ranking = measured
        if one_class:
            ranking = _measure(label[ranked], p_fake[ranked], group[ranked], settings, ("auroc",))
        intervals = {name: measured["intervals"].get(name) for name in COUNTED}
        intervals["auroc"] = ranking["intervals"].get("auroc")
        against = "all of the other class" if one_class else "its own"
        result[value] = kept | {"auroc": ranking["auroc"], "auroc_against": against, "intervals": intervals}
    return result


def worst_group(columns: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any] | None:
    """Column, value, n and accuracy where accuracy is lowest, of all values with more than a handful of images."""
    large = {name: [(v, m) for v, m in slices.items() if m["n"] >= _LEAST_WORST] for name, slices in columns.items()}
    found = [(name, value, measured) for name, slices in large.items() if len(slices) > 1 for value, measured in slices]
    if not found:
        return None
    name, value, measured = min(found, key=lambda one: float(one[2]["accuracy"]))
    interval = measured["intervals"].get("accuracy")
    kept = {"n": measured["n"], "accuracy": measured["accuracy"], "interval": interval}
    return {"column": name, "value": value, **kept}


def _group_index(groups: Sequence[str]) -> Labels:
    """(N,) the number of each sample's group, from 0."""
    return np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1].astype(np.int64)


def _or_none(value: npt.NDArray[np.floating[Any]]) -> float | None:
    number = float(value[0])
    return None if np.isnan(number) else number


def _as_lists(intervals: Intervals) -> dict[str, list[float] | None]:
    return {name: None if bounds is None else list(bounds) for name, bounds in intervals.items()}
