"""The one evaluation: predictions in, figures out.

`test`, tables, reports and comparisons all call `evaluate`. It is plain numpy, so the deploy side can use it without
torch or scikit-learn; both judge it in the tests. fake (1) is the positive class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """What a detector said of N images.

    Attributes:
        path: N paths.
        label: (N,) 0 real, 1 fake.
        p_fake: (N,) in [0, 1].
        group: N group names; an image without one is its own.
        source: N source names, empty where unknown.
    """

    path: Sequence[str]
    label: Labels
    p_fake: Floats
    group: Sequence[str]
    source: Sequence[str]


def evaluate(predictions: Predictions, threshold: float = 0.5) -> dict[str, Any]:
    """All metrics of a set of predictions.

    Args:
        predictions: N >= 1 predictions.
        threshold: p_fake from which an image is called fake.

    Returns:
        n, n_real, n_fake, n_groups, threshold; accuracy, precision, recall, f1 at the threshold; auroc,
        average_precision, eer over all thresholds; confusion_matrix [[real as real, real as fake], [fake as real, fake
        as fake]]; per_source; notes in plain words. What is undefined is None: precision without a fake verdict,
        recall without fakes, ranking metrics with one class.
    """
    label, p_fake = predictions.label, predictions.p_fake
    result = _counts(label, p_fake, threshold) | _ranking(label, p_fake)
    result["n_groups"] = len(set(predictions.group))
    result["per_source"] = _per_source(predictions, threshold)
    fake_sources = {s for s, y in zip(predictions.source, label.tolist(), strict=True) if s and y == 1}
    result["notes"] = caveats(result["n_real"], result["n_fake"], len(fake_sources))
    return result


def auroc(label: Labels, p_fake: Floats) -> float:
    """Area under the ROC curve, in [0, 1]: the chance that a random fake scores above a random real, ties half.

    NaN with one class. Source: Mann-Whitney U by mid-ranks, as in Hanley and McNeil, Radiology 143 (1982).
    """
    n_fake = int(label.sum())
    n_real = len(label) - n_fake
    if n_fake == 0 or n_real == 0:
        return float("nan")
    _, inverse, counts = np.unique(p_fake, return_inverse=True, return_counts=True)
    mid_ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((mid_ranks[label == 1].sum() - n_fake * (n_fake + 1) / 2) / (n_fake * n_real))


def operating_points(label: Labels, p_fake: Floats) -> tuple[Labels, Labels]:
    """Reals and fakes called fake, (K + 1,) each, at every threshold from the highest score down, none called first."""
    order = np.argsort(-p_fake, kind="stable")
    ordered = label[order].astype(np.int64)
    last_of_ties = np.append(np.flatnonzero(np.diff(p_fake[order])), len(label) - 1)
    true_positives = np.append(0, np.cumsum(ordered)[last_of_ties])
    false_positives = np.append(0, np.cumsum(1 - ordered)[last_of_ties])
    return false_positives, true_positives


def average_precision(label: Labels, p_fake: Floats) -> float:
    """Precision averaged over recall steps, in [0, 1], without interpolation; NaN with one class."""
    if label.min() == label.max():
        return float("nan")
    false_positives, true_positives = operating_points(label, p_fake)
    precision = true_positives[1:] / (true_positives[1:] + false_positives[1:])
    return float((np.diff(true_positives) / true_positives[-1] * precision).sum())


def equal_error_rate(label: Labels, p_fake: Floats) -> float:
    """Mean of both error rates at the threshold where they differ least, in [0, 1]; NaN with one class.

    Of two thresholds where they differ equally, the higher one counts; whole numbers are compared, so that no rounding
    decides.
    """
    if len(label) == 0 or label.min() == label.max():
        return float("nan")
    false_positives, true_positives = operating_points(label, p_fake)
    n_real, n_fake = int(false_positives[-1]), int(true_positives[-1])
    misses = n_fake - true_positives
    nearest = int(np.argmin(np.abs(false_positives * n_fake - misses * n_real)))
    return float(false_positives[nearest] / n_real + misses[nearest] / n_fake) / 2


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


def _counts(label: Labels, p_fake: Floats, threshold: float) -> dict[str, Any]:
    called_fake = p_fake >= threshold
    true_positive, false_positive = int((called_fake & (label == 1)).sum()), int((called_fake & (label == 0)).sum())
    n_fake, n = int(label.sum()), len(label)
    n_real = n - n_fake
    return {
        "n": n,
        "n_real": n_real,
        "n_fake": n_fake,
        "threshold": threshold,
        "accuracy": _share(true_positive + n_real - false_positive, n),
        "precision": _share(true_positive, true_positive + false_positive),
        "recall": _share(true_positive, n_fake),
        "f1": _share(2 * true_positive, true_positive + false_positive + n_fake),
        "confusion_matrix": [[n_real - false_positive, false_positive], [n_fake - true_positive, true_positive]],
    }


def _ranking(label: Labels, p_fake: Floats) -> dict[str, float | None]:
    metrics = {"auroc": auroc, "average_precision": average_precision, "eer": equal_error_rate}
    values = {name: metric(label, p_fake) for name, metric in metrics.items()}
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _per_source(predictions: Predictions, threshold: float) -> dict[str, dict[str, Any]]:
    """Each source's own counts; a source of one class is ranked against all images of the other class."""
    label, p_fake = predictions.label, predictions.p_fake
    sources = np.asarray(predictions.source)
    result = {}
    for source in sorted(set(predictions.source) - {""}):
        own = sources == source
        one_class = label[own].min() == label[own].max()
        ranked = own | (label != label[own][0]) if one_class else own
        values = _counts(label[own], p_fake[own], threshold)
        values["auroc"] = _ranking(label[ranked], p_fake[ranked])["auroc"]
        values["auroc_against"] = "all of the other class" if one_class else "its own"
        result[source] = values
    return result


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
