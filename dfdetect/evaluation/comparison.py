"""Several detectors judged on the same images: metrics of each, and what separates it from the first."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dfdetect.evaluation.delong import delong, holm, paired_p
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.intervals import percentile_interval, resample
from dfdetect.evaluation.metrics import Array, ScoreTable

COMPARED = ("auroc", "average_precision", "accuracy", "f1", "eer", "tpr_at_fpr_5", "log_loss", "brier", "ece")
"""Metrics shown of each detector, and whose differences are measured."""


def compare(runs: Sequence[Predictions], thresholds: Sequence[float], resamples: int = 1000) -> list[dict[str, Any]]:
    """Measure K detectors and their differences from the first.

    Args:
        runs: predictions of each detector, of the same images in the same order.
        thresholds: p_fake from which each calls an image fake.
        resamples: group bootstrap resamples, the same for all, so that differences are paired.

    Returns:
        Of each detector n, n_groups, threshold, the metrics in `COMPARED` and their 95% intervals, and, but for the
        first, `against_first`: the difference (its own minus the first's) of each metric with its interval, `delong_p`
        of equal AUROC and `delong_p_holm`, adjusted for the number of detectors. What is undefined is None.

    Raises:
        ValueError: the images differ.
    """
    first = runs[0]
    for run in runs[1:]:
        if list(run.path) != list(first.path) or not np.array_equal(run.label, first.label):
            raise ValueError("Only predictions of the same images can be compared")
    results = []
    for run, threshold in zip(runs, thresholds, strict=True):
        whole = evaluate(run, threshold, resamples)
        kept = {name: whole[name] for name in ("n", "n_real", "n_fake", "n_groups", "threshold", *COMPARED)}
        results.append(kept | {"intervals": {name: whole["intervals"].get(name) for name in COMPARED}})
    for result, difference in zip(results[1:], _differences(runs, thresholds, resamples), strict=True):
        result["against_first"] = difference
    _add_delong(results, runs)
    return results


def same_images(one: Predictions, other: Predictions) -> bool:
    """Whether two detectors were tested on the same images: equal paths with equal labels, in any order."""
    return _images(one) == _images(other)


def in_common_order(predictions: Predictions) -> Predictions:
    """The same predictions, sorted by path."""
    order = sorted(range(len(predictions.path)), key=lambda i: predictions.path[i])
    return replace(
        predictions,
        path=[predictions.path[i] for i in order],
        label=predictions.label[order],
        p_fake=predictions.p_fake[order],
        group=[predictions.group[i] for i in order],
        source=[predictions.source[i] for i in order],
    )


def _images(predictions: Predictions) -> dict[str, int]:
    return dict(zip(predictions.path, predictions.label.tolist(), strict=True))


def _differences(
    runs: Sequence[Predictions], thresholds: Sequence[float], resamples: int
) -> list[dict[str, dict[str, Any]]]:
    """Of each detector but the first: by metric, the difference and its interval."""
    group = np.unique(np.asarray(runs[0].group, dtype=str), return_inverse=True)[1]
    groups = int(group.max()) + 1
    tables = [ScoreTable(run.label, run.p_fake, at) for run, at in zip(runs, thresholds, strict=True)]
    drawn = resample(tables, group, resamples)
    plain = [table.measure() for table in tables]
    return [
        {
            name: _difference(plain[i][name] - plain[0][name], drawn[i][name] - drawn[0][name], groups)
            for name in COMPARED
        }
        for i in range(1, len(runs))
    ]


def _difference(value: Array, drawn: Array, groups: int) -> dict[str, Any]:
    number, interval = float(value[0]), percentile_interval(drawn, groups)
    undefined = math.isnan(number)
    return {"difference": None if undefined else number, "interval": None if interval is None else list(interval)}


def _add_delong(results: list[dict[str, Any]], runs: Sequence[Predictions]) -> None:
    """DeLong's p against the first, and Holm's of all of them together."""
    p = [math.nan] * (len(runs) - 1)
    if min(results[0]["n_real"], results[0]["n_fake"]) >= 2:
        areas, covariance = delong(runs[0].label, np.stack([run.p_fake for run in runs]))
        p = [paired_p(areas, covariance, i, 0) for i in range(1, len(runs))]
    for result, own, adjusted in zip(results[1:], p, holm(p), strict=True):
        result["against_first"]["delong_p"] = None if math.isnan(own) else own
        result["against_first"]["delong_p_holm"] = None if math.isnan(adjusted) else adjusted
