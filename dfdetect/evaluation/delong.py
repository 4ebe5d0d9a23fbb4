"""Is one detector's AUROC higher than another's on the same images? DeLong's test, and Holm's correction for several.

DeLong, DeLong and Clarke-Pearson, *Comparing the Areas under Two or More Correlated Receiver Operating Characteristic
Curves: A Nonparametric Approach*, Biometrics 44 (1988); computed from midranks as in Sun and Xu, *Fast Implementation
of DeLong's Algorithm for Comparing the Areas Under Correlated Receiver Operating Characteristic Curves*, IEEE Signal
Processing Letters 21 (2014). It takes images for independent: where groups tie them together, its p is too small, and
the group bootstrap is the judge.
"""

import math
from collections.abc import Sequence

import numpy as np

from dfdetect.evaluation.metrics import Floats, Labels


def delong(label: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """AUROC of K detectors on the same images, and the covariance of these estimates.

    Args:
        label: (N,) 0 real, 1 fake, at least two of each.
        scores: (K, N) finite; higher means fake.

    Returns:
        (K,) AUROC, ties counting half, and (K, K) covariance.

    Raises:
        ValueError: fewer than two images of a class, or a score that is not finite.
    """
    fake, real = scores[:, label == 1], scores[:, label == 0]
    m, n = fake.shape[1], real.shape[1]
    if min(m, n) < 2 or not np.isfinite(scores).all():
        raise ValueError(f"DeLong's test needs two images of each class with finite scores, got {n} real, {m} fake")
    ranks = np.stack([_midranks(row) for row in np.concatenate([fake, real], axis=1)])
    below_fake = (ranks[:, :m] - np.stack([_midranks(row) for row in fake])) / n  # share of reals below each fake
    above_real = 1 - (ranks[:, m:] - np.stack([_midranks(row) for row in real])) / m
    covariance = np.atleast_2d(np.cov(below_fake)) / m + np.atleast_2d(np.cov(above_real)) / n
    return below_fake.mean(axis=1), covariance


def paired_p(areas: Floats, covariance: Floats, one: int, other: int) -> float:
    """Two-sided p of equal AUROC of two of `delong`'s detectors; 1 where nothing differs, NaN where nothing varies."""
    difference = float(areas[one] - areas[other])
    variance = float(covariance[one, one] + covariance[other, other] - 2 * covariance[one, other])
    if abs(difference) < 1e-12:
        return 1.0
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance > 1e-18 else math.nan


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p values for being several; NaN stays and counts for none.

    Source: Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, Scandinavian Journal of Statistics 6, 1979.
    """
    order = sorted((i for i in range(len(p)) if not math.isnan(p[i])), key=lambda i: p[i])
    adjusted, largest = list(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def _midranks(values: Floats) -> Floats:
    """(N,) rank of each value from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], np.float64)
