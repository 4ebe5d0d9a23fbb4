"""Figures of each source in a cross-validation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.evaluate import COUNTED, Predictions, evaluate, worst_group
from dfdetect.evaluation.exact import evidence_of
from dfdetect.evaluation.intervals import percentile_interval, resample_average
from dfdetect.evaluation.metrics import Labels
from dfdetect.evaluation.out_of_fold import Fold, verdicts


def by_source(
    folds: Sequence[Fold], pooled: Predictions, members: Sequence[Labels], groups: int, resamples: int
) -> Results:
    """Verdicts of all folds counted together, of all images and of each source, and each source's AUROC.

    A verdict is one by the threshold of its own fold, so those of several folds may be counted together, which the few
    images that a fold has of a source need. Scores may not: the AUROC is the mean over the folds.

    Args:
        folds: the finished ones.
        pooled: each image once.
        members: for each fold the numbers of its images' groups.
        groups: how many groups there are.
        resamples: for the intervals.

    Returns:
        verdicts [[real as real, real as fake], [fake as real, fake as fake]] over all folds and repetitions,
        per_source and worst_group as `evaluate` has them; a source's n counts its images once.
    """
    counted = evaluate(verdicts(folds), 0.5, resamples)
    per_source: dict[str, dict[str, Any]] = {}
    for source, measured in counted["per_source"].items():
        label = pooled.label[np.asarray(pooled.source) == source]
        auroc, interval = _auroc(folds, source, members, groups, resamples)
        n_fake = int(label.sum())
        kept = {name: measured[name] for name in (*COUNTED, "auroc_against")}
        counts = {"n": len(label), "n_real": len(label) - n_fake, "n_fake": n_fake}
        intervals = measured["intervals"] | {"auroc": interval}
        per_source[source] = counts | kept | {"auroc": auroc, "intervals": intervals}
    return {
        "verdicts": counted["confusion_matrix"],
        "per_source": per_source,
        "worst_group": worst_group({"source": per_source}),
    }


def _auroc(
    folds: Sequence[Fold], source: str, members: Sequence[Labels], groups: int, resamples: int
) -> tuple[float | None, list[float] | None]:
    """Mean over the folds; a source of one class is ranked against all of the other class in the same fold."""
    own = [np.asarray(fold.predictions.source) == source for fold in folds]
    classes = {label for fold, at in zip(folds, own, strict=True) for label in fold.predictions.label[at].tolist()}
    parts, values = [], []
    for fold, at, member in zip(folds, own, members, strict=True):
        label = fold.predictions.label
        kept = np.flatnonzero(at | ~np.isin(label, list(classes)))
        if len(set(label[kept].tolist())) == 2:
            table = fold.table(kept, only=("auroc",))
            parts.append((table, member[kept]))
            values.append(float(table.measure()["auroc"][0]))
    if not parts:
        return None, None
    if not resamples:
        return float(np.mean(values)), None
    drawn = resample_average(parts, groups, resamples)["auroc"]
    interval = percentile_interval(drawn, groups, evidence=evidence_of(parts)["auroc"])
    return float(np.mean(values)), None if interval is None else list(interval)
