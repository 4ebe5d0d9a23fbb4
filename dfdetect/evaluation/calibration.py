"""Temperature and threshold, fitted on validation scores and stored in the checkpoint: never on a test part."""

import math
from typing import Any

import numpy as np

from dfdetect.evaluation.metrics import Floats, Labels

UNCALIBRATED = {"threshold": 0.5, "temperature": 1.0, "calibrated": False, "n_calibration": 0}
"""What a checkpoint says of its verdicts until a validation has fitted them."""

TEMPERATURES = (0.05, 20.0)
"""Between these: scores that separate the classes perfectly would otherwise be sharpened without end."""


def at_bound(temperature: float) -> bool:
    """Whether fitting stopped at one of `TEMPERATURES`, where the loss would have gone on falling."""
    return any(math.isclose(temperature, bound, rel_tol=1e-6) for bound in TEMPERATURES)


def sigmoid(margin: Floats) -> Floats:
    """(N,) logit of fake minus logit of real to p_fake in [0, 1], without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -margin)))


def calibrate(margin: Floats, label: Labels) -> dict[str, Any]:
    """Temperature, then threshold, by the scores of one validation pass: the facts of `UNCALIBRATED`, fitted.

    One class, or a score that is not finite, fits nothing.

    Args:
        margin: (N,) logit of fake minus logit of real.
        label: (N,) 0 real, 1 fake; N >= 1.
    """
    if label.min() == label.max() or not np.isfinite(margin).all():
        return dict(UNCALIBRATED)
    temperature = fit_temperature(margin, label)
    threshold = choose_threshold(label, sigmoid(margin / temperature))
    return {"threshold": threshold, "temperature": temperature, "calibrated": True, "n_calibration": len(label)}


def fit_temperature(margin: Floats, label: Labels) -> float:
    """The temperature T for which sigmoid(margin / T) has the least log loss; it changes no ranking.

    Args:
        margin: (N,) finite, logit of fake minus logit of real.
        label: (N,) 0 real, 1 fake, of both classes.

    Returns:
        T, above 1 where the network is too sure of itself; within `TEMPERATURES`.

    Source: Guo, Pleiss, Sun and Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017. The loss is convex
    in 1 / T, so its slope is bisected.
    """
    low, high = np.log(1 / TEMPERATURES[1]), np.log(1 / TEMPERATURES[0])
    for _ in range(60):
        middle = (low + high) / 2
        slope = ((sigmoid(np.exp(middle) * margin) - label) * margin).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.exp(-low))


def choose_threshold(label: Labels, p_fake: Floats) -> float:
    """The threshold with the highest balanced accuracy; of several, the one nearest to 0.5.

    Args:
        label: (N,) 0 real, 1 fake, of both classes.
        p_fake: (N,) in [0, 1].

    Returns:
        A value half-way between two neighbouring scores, in (0, 1); 0.5 where none does better than chance.

    Source: Youden, *Index for rating diagnostic tests*, Cancer 3 (1950).
    """
    scores, place = np.unique(p_fake, return_inverse=True)
    fakes = np.bincount(place, weights=label, minlength=len(scores))
    reals = np.bincount(place, weights=1 - label, minlength=len(scores))
    kept_fakes = fakes.sum() - np.append(0, np.cumsum(fakes)[:-1])  # called fake at scores[i] and above
    rejected_reals = np.append(0, np.cumsum(reals)[:-1])
    balanced = kept_fakes / fakes.sum() + rejected_reals / reals.sum()
    between = (np.append(0.0, scores[:-1]) + scores) / 2
    best = np.flatnonzero(balanced >= balanced.max() - 1e-12)
    usable = best[(between[best] > 0) & (between[best] < 1)]
    if len(usable) == 0 or balanced.max() <= 1:
        return 0.5
    return float(between[usable[np.abs(between[usable] - 0.5).argmin()]])
