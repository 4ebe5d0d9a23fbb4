"""Several detectors judged on the same images: metrics of each, and what separates it from the first."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from dfdetect.evaluation.delong import delong, holm, paired_p
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.intervals import percentile_interval, resample, two_sided_p
from dfdetect.evaluation.metrics import Array, ScoreTable

COMPARED = ("auroc", "average_precision", "accuracy", "f1", "eer", "tpr_at_fpr_5", "log_loss", "brier", "ece")
"""Metrics shown of each detector, and whose differences are measured."""


def compare(runs: Sequence[Predictions], thresholds: Sequence[float], resamples: int = 1000) -> list[dict[str, Any]]:
    """Measure K detectors and their differences from the first.

    Args:
        runs: predictions of each detector, of the same images in the same order. What any of them knows to belong
            together is one group for all.
        thresholds: p_fake from which each calls an image fake.
        resamples: group bootstrap resamples, the same for all, so that differences are paired.

    Returns:
        Of each detector n, n_groups, threshold, the metrics in `COMPARED` and their 95% intervals, and, but for the
        first, `against_first`: of each metric the `difference` (its own minus the first's), its `interval` and `p` by
        paired group bootstrap and `p_holm`; `delong_p` of equal AUROC and `delong_p_holm`. Holm's are adjusted for the
        number of detectors, metric by metric. What is undefined is None.

    Raises:
        ValueError: the images differ.
    """
    first = runs[0]
    for run in runs[1:]:
        if list(run.path) != list(first.path) or not np.array_equal(run.label, first.label):
            raise ValueError("Only predictions of the same images can be compared")
    group = _joined_groups(runs)
    runs = [replace(run, group=group) for run in runs]
    results = []
    for run, threshold in zip(runs, thresholds, strict=True):
        whole = evaluate(run, threshold, resamples)
        kept = {name: whole[name] for name in ("n", "n_real", "n_fake", "n_groups", "threshold", *COMPARED)}
        results.append(kept | {"intervals": {name: whole["intervals"].get(name) for name in COMPARED}})
    for result, difference in zip(results[1:], _differences(runs, thresholds, resamples), strict=True):
        result["against_first"] = difference
    against = [result["against_first"] for result in results[1:]]
    for name in COMPARED:
        _adjust([difference[name] for difference in against], "p")
    for difference, p in zip(against, _delong_p(runs), strict=True):
        difference["delong_p"] = p
    _adjust(against, "delong_p")
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


def _joined_groups(runs: Sequence[Predictions]) -> Sequence[str]:
    """The images' groups; where runs know different ones, those that hold together what is together in any."""
    if all(list(run.group) == list(runs[0].group) for run in runs):
        return runs[0].group
    images = np.arange(len(runs[0].path))
    codes = [np.unique(np.asarray(run.group, dtype=str), return_inverse=True)[1] for run in runs]
    starts = len(images) * np.arange(1, len(runs) + 1)  # no run has more groups than images
    links = np.concatenate([start + own for start, own in zip(starts, codes, strict=True)])
    size = len(images) * (len(runs) + 1)
    graph = coo_matrix((np.ones(len(links)), (np.tile(images, len(runs)), links)), (size, size))
    return [str(number) for number in connected_components(graph, directed=False)[1][: len(images)]]


def _differences(
    runs: Sequence[Predictions], thresholds: Sequence[float], resamples: int
) -> list[dict[str, dict[str, Any]]]:
    """Of each detector but the first: by metric, the difference, its interval and its p."""
    group = np.unique(np.asarray(runs[0].group, dtype=str), return_inverse=True)[1]
    groups = int(group.max()) + 1
    tables = [ScoreTable(run.label, run.p_fake, at, only=COMPARED) for run, at in zip(runs, thresholds, strict=True)]
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
    return {
        "difference": None if math.isnan(number) else number,
        "interval": None if interval is None else list(interval),
        "p": None if math.isnan(number) else two_sided_p(drawn, groups),
    }


def _delong_p(runs: Sequence[Predictions]) -> list[float | None]:
    """DeLong's p of each detector but the first; None where a class has fewer than two images, or nothing varies."""
    label = runs[0].label
    if min(label.sum(), (1 - label).sum()) < 2:
        return [None] * (len(runs) - 1)
    areas, covariance = delong(label, np.stack([run.p_fake for run in runs]))
    p = [paired_p(areas, covariance, i, 0) for i in range(1, len(runs))]
    return [None if math.isnan(own) else own for own in p]


def _adjust(differences: Sequence[dict[str, Any]], name: str) -> None:
    """Put beside each p of that name what it is among all of them."""
    p = [math.nan if one[name] is None else one[name] for one in differences]
    for one, adjusted in zip(differences, holm(p), strict=True):
        one[f"{name}_holm"] = None if math.isnan(adjusted) else adjusted
