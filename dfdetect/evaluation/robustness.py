"""How a detector's figures change when its images are corrupted, with intervals paired with the clean images."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dfdetect.evaluation.corruptions import CORRUPTIONS, Variant
from dfdetect.evaluation.evaluate import Predictions, caveats
from dfdetect.evaluation.exact import Evidence, Verdicts, evidence_of, share
from dfdetect.evaluation.intervals import percentile_interval, resample, resample_means
from dfdetect.evaluation.metrics import Array, Floats, Labels, ScoreTable

MEASURED = ("auroc", "accuracy")
"""Metrics of each point of a curve; of each its change against the clean images too."""


def evaluate_robustness(
    clean: Predictions, variants: Sequence[Variant], p_fake: Floats, threshold: float, resamples: int = 1000
) -> dict[str, Any]:
    """Curves of AUROC, accuracy and flipped verdicts over the severities of each corruption.

    Args:
        clean: predictions of the N images as they are.
        variants: K corruptions with their severities, from mild to strong.
        p_fake: (K, N) in [0, 1], of the same images corrupted.
        threshold: p_fake from which an image is called fake.
        resamples: group bootstrap resamples, the same for all points, so that changes are paired.

    Returns:
        n, n_real, n_fake, n_groups, threshold; `clean` with auroc, accuracy and their 95% intervals; `corruptions`, by
        name: what the severity is and, by severity, n, auroc, accuracy, their changes against clean, flips (share of
        verdicts that are not the clean verdict), flips_to_fake and flips_to_real (how many), and the intervals;
        `weakest` and `most_flips`, the points with the lowest AUROC and the most flips; notes. What is undefined is
        None.

    Raises:
        ValueError: scores that are NaN or outside [0, 1].
    """
    group = np.unique(np.asarray(clean.group, dtype=str), return_inverse=True)[1]
    tables = [ScoreTable(clean.label, scores, threshold, only=MEASURED) for scores in (clean.p_fake, *p_fake)]
    drawn, groups = resample(tables, group, resamples), int(group.max()) + 1
    flips = _flips(clean.p_fake >= threshold, p_fake >= threshold, group, resamples)
    points: list[dict[str, Any]] = []
    for (name, severity), table, own, flipped in zip(variants, tables[1:], drawn[1:], flips, strict=True):
        point: dict[str, Any] = {"corruption": name, "severity": severity, "n": len(clean.label)} | _measured(
            table, own, group
        )
        _add_changes(point, tables[0], drawn[0], own, groups)
        point["intervals"]["flips"] = _bounds(flipped.pop("resampled"), groups, flipped.pop("evidence"))
        points.append(point | flipped)
    ranked = [point for point in points if point["auroc"] is not None]
    return _facts(clean, groups, threshold) | {
        "clean": _measured(tables[0], drawn[0], group),
        "corruptions": _by_corruption(points),
        "weakest": min(ranked, key=lambda point: point["auroc"], default=None),
        "most_flips": max(points, key=lambda point: point["flips"]),
    }


def _facts(clean: Predictions, groups: int, threshold: float) -> dict[str, Any]:
    n_fake = int(clean.label.sum())
    n_real = len(clean.label) - n_fake
    kinds = {s for s, y in zip(clean.source, clean.label.tolist(), strict=True) if s and y == 1}
    counts = {"n": len(clean.label), "n_real": n_real, "n_fake": n_fake, "n_groups": groups}
    return counts | {"threshold": threshold, "notes": caveats(n_real, n_fake, len(kinds))}


def _measured(table: ScoreTable, drawn: dict[str, Array], group: Labels) -> dict[str, Any]:
    values, evidence, groups = table.measure(), evidence_of([(table, group)]), int(group.max()) + 1
    point: dict[str, Any] = {name: _or_none(values[name][0]) for name in MEASURED}
    return point | {"intervals": {name: _bounds(drawn[name], groups, evidence[name]) for name in MEASURED}}


def _add_changes(
    point: dict[str, Any], clean: ScoreTable, before: dict[str, Array], after: dict[str, Array], groups: int
) -> None:
    values = clean.measure()
    for name in MEASURED:
        changed = None if point[name] is None else point[name] - float(values[name][0])
        point[f"{name}_change"] = changed
        point["intervals"][f"{name}_change"] = _bounds(after[name] - before[name], groups)


def _flips(before: Verdicts, after: Verdicts, group: Labels, resamples: int) -> list[dict[str, Any]]:
    """Of each row of `after` (K, N): how many verdicts are not those of `before` (N,), and their share in resamples."""
    flipped = after != before
    resampled = resample_means(flipped.astype(np.float64), group, resamples)
    return [
        {
            "flips": float(own.mean()),
            "flips_to_fake": int((own & fake).sum()),
            "flips_to_real": int((own & ~fake).sum()),
            "evidence": share(own, group),
            "resampled": shares,
        }
        for own, fake, shares in zip(flipped, after, resampled, strict=True)
    ]


def _by_corruption(points: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    curves: dict[str, dict[str, Any]] = {}
    for point in points:
        name = point["corruption"]
        curve = curves.setdefault(name, {"measured_in": CORRUPTIONS[name].measured_in, "severities": []})
        curve["severities"].append(point)
    return curves


def _bounds(values: Array, groups: int, evidence: Evidence | None = None) -> list[float] | None:
    interval = percentile_interval(values, groups, evidence=evidence)
    return None if interval is None else list(interval)


def _or_none(value: np.floating[Any]) -> float | None:
    return None if np.isnan(value) else float(value)
