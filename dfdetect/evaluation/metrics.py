"""Metrics of p_fake against labels, for any weighting of the samples at once.

A bootstrap resample is a weighting: so many times each sample. Samples are sorted by score once, after which every
metric of every resample is a sum along that order. With all weights 1 the same lines give the plain metric. fake (1) is
the positive class; NaN is what is undefined.
"""

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Array = npt.NDArray[np.floating[Any]]

ECE_BINS = 15
HALF = "_at_half"
"""Ending of the verdicts' metrics at threshold 0.5, beside those at the chosen threshold."""
UNCALIBRATED = "_uncalibrated"
"""Ending of the metrics of p_fake as a probability before the temperature was applied."""
INFLATED = frozenset({"ece", f"ece{UNCALIBRATED}"})
"""Sums of absolute gaps: the chance in a sample adds to them, and drawing from the sample adds it once more."""
_VERDICTS = ("accuracy", "precision", "recall", "specificity", "f1")
_PROBABILITIES = ("log_loss", "brier", "ece")


class ScoreTable:
    """N scored samples, sorted from the highest p_fake down.

    Args:
        label: (N,) 0 real, 1 fake; N >= 1.
        p_fake: (N,) in [0, 1].
        threshold: p_fake from which a sample is called fake.
        temperature: what the logits were divided by to give `p_fake`.
        only: names of the metrics to measure, which spares the time of the others; by default all.

    Raises:
        ValueError: no sample, or a score that is NaN or outside [0, 1].
    """

    def __init__(
        self,
        label: Labels,
        p_fake: Floats,
        threshold: float = 0.5,
        temperature: float = 1.0,
        only: Collection[str] | None = None,
    ) -> None:
        if len(label) == 0 or not ((p_fake >= 0) & (p_fake <= 1)).all():
            raise ValueError(f"p_fake of {len(label)} samples must lie in [0, 1]")
        self.only = only
        self.order = np.argsort(-p_fake, kind="stable")
        self.label, self.p_fake = label[self.order].astype(np.float64), p_fake[self.order]
        self.ends = np.append(np.flatnonzero(np.diff(self.p_fake)), len(label) - 1)
        """The last sample of each score: between equal scores there is no threshold."""
        self.called, self.called_at_half = (int((self.p_fake[self.ends] >= t).sum()) for t in (threshold, 0.5))
        """How many of `ends` are called fake."""
        confidence = np.abs(self.p_fake - threshold)
        self.surest_first = np.argsort(-confidence, kind="stable")
        ordered = confidence[self.surest_first]
        self.answered_with = np.searchsorted(-ordered, -ordered, side="right") - 1
        """For each sample, surest first, the last one that is as sure: they are answered together."""
        self.wrong = ((self.p_fake >= threshold) != (self.label == 1))[self.surest_first].astype(np.float64)
        self.probabilities = {
            "": _Probability(self.label, self.p_fake),
            UNCALIBRATED: _Probability(self.label, retempered(self.p_fake, temperature, 1.0)),
        }

    def measure(self, weights: Array | None = None) -> dict[str, Array]:
        """All metrics, or those in `only`, under B weightings.

        Args:
            weights: (B, N) whole numbers >= 0, as floats, in the order of `self.order`; by default all 1, B = 1.

        Returns:
            (B,) of each: accuracy, precision, recall, specificity (share of reals called real), f1, and the same
            `_at_half`; auroc, average_precision, eer, tpr_at_fpr_1, tpr_at_fpr_5; log_loss, brier, ece, and the same
            `_uncalibrated`; aurc.
        """
        if weights is None:
            weights = np.ones((1, len(self.label)))
        values: dict[str, Array] = {}
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._wants(_VERDICTS, ("", HALF)) or self._wants(_RANKINGS):
                values |= self._cumulated(weights)
            for ending, probability in self.probabilities.items():
                if self._wants(_PROBABILITIES, (ending,)):
                    values |= {name + ending: value for name, value in probability.measure(weights).items()}
            if self._wants(("aurc",)):
                values["aurc"] = self._area_under_risk(weights)
        return values if self.only is None else {name: values[name] for name in values if name in self.only}

    def _wants(self, names: Collection[str], endings: Collection[str] = ("",)) -> bool:
        return self.only is None or any(name + ending in self.only for name in names for ending in endings)

    def _cumulated(self, weights: Array) -> dict[str, Array]:
        """What is made of how many reals and fakes lie at each score and above."""
        counts = weights.astype(np.int32, order="C")  # adding up whole numbers, row by row, is ten times as fast
        fakes = _from_zero(_cumulated(counts * self.label.astype(np.int32), self.ends, weights.dtype))
        reals = _from_zero(_cumulated(counts, self.ends, weights.dtype)) - fakes
        values = _verdicts(reals, fakes, self.called)
        values |= {name + HALF: value for name, value in _verdicts(reals, fakes, self.called_at_half).items()}
        one_class = (reals[:, -1] == 0) | (fakes[:, -1] == 0)
        for name, ranking in _RANKINGS.items():
            if self._wants((name,)):
                values[name] = np.where(one_class, np.nan, ranking(reals, fakes))
        return values

    def called_fake(self) -> tuple[int, int]:
        """Reals and fakes called fake at the threshold."""
        count = int(self.ends[self.called - 1]) + 1 if self.called else 0
        fakes = int(self.label[:count].sum())
        return count - fakes, fakes

    def _area_under_risk(self, weights: Array) -> Array:
        """Mean, over the share answered, of the error rate among the surest.

        Source: Geifman and El-Yaniv, *Selective Classification for Deep Neural Networks*, NeurIPS 2017; equally sure
        samples are answered together.
        """
        ordered = weights[:, self.surest_first]
        counts, together = ordered.astype(np.int32, order="C"), self.answered_with
        answered = _cumulated(counts, together, weights.dtype)
        wrong = _cumulated(counts * self.wrong.astype(np.int32), together, weights.dtype)
        risk = np.where(answered > 0, wrong / answered, 0)
        return np.asarray((risk * ordered).sum(axis=1) / answered[:, -1])


class _Probability:
    """How well p_fake, (N,) from the highest down, holds as a probability of fake."""

    def __init__(self, label: Floats, p_fake: Floats) -> None:
        tiny = np.finfo(np.float64).eps
        p = np.clip(p_fake, tiny, 1 - tiny)
        self.log_losses = -np.where(label == 1, np.log(p), np.log1p(-p))
        self.squares, self.gaps = (p_fake - label) ** 2, p_fake - label
        bins = np.minimum((p_fake * ECE_BINS).astype(np.int64), ECE_BINS - 1)
        self.bin_starts = np.append(0, np.flatnonzero(np.diff(bins)) + 1)

    def measure(self, weights: Array) -> dict[str, Array]:
        """(B,) log loss, Brier score and expected calibration error under weights (B, N)."""
        kind, total = weights.dtype, weights.sum(axis=1)
        gaps = np.add.reduceat(weights * self.gaps.astype(kind), self.bin_starts, axis=1)
        return {
            "log_loss": np.einsum("bn,n->b", weights, self.log_losses.astype(kind)) / total,
            "brier": np.einsum("bn,n->b", weights, self.squares.astype(kind)) / total,
            "ece": np.abs(gaps).sum(axis=1) / total,
        }


def retempered(p_fake: Floats, had: float, wanted: float) -> Floats:
    """(N,) p_fake of logits that were divided by the temperature `had`, as if they had been divided by `wanted`."""
    if had == wanted:
        return p_fake
    with np.errstate(divide="ignore"):
        margin = np.log(p_fake) - np.log1p(-p_fake)
    return np.asarray(np.exp(-np.logaddexp(0.0, -margin * (had / wanted))))


def equal_error_rate(label: Labels, p_fake: Floats) -> float:
    """Mean of both error rates at the threshold where they differ least, in [0, 1]; NaN with one class or a NaN score.

    Of two thresholds where they differ equally, the higher one counts; whole numbers are compared, so that no rounding
    decides.
    """
    defined = len(label) > 0 and not np.isnan(p_fake).any()
    return float(ScoreTable(label, p_fake).measure()["eer"][0]) if defined else float("nan")


def _verdicts(reals: Array, fakes: Array, called: int) -> dict[str, Array]:
    """Of the cumulated weights (B, K + 1) of reals and fakes, those up to `called` are called fake."""
    n_real, n_fake = reals[:, -1], fakes[:, -1]
    false_positive, true_positive = reals[:, called], fakes[:, called]
    return {
        "accuracy": (true_positive + n_real - false_positive) / (n_real + n_fake),
        "precision": true_positive / (true_positive + false_positive),
        "recall": true_positive / n_fake,
        "specificity": (n_real - false_positive) / n_real,
        "f1": 2 * true_positive / (true_positive + false_positive + n_fake),
    }


def _auroc(reals: Array, fakes: Array) -> Array:
    n_real, n_fake = reals[:, -1], fakes[:, -1]
    above = np.diff(fakes, axis=1) * (n_real[:, None] - (reals[:, 1:] + reals[:, :-1]) / 2)
    return np.asarray(above.sum(axis=1) / (n_real * n_fake))


def _average_precision(reals: Array, fakes: Array) -> Array:
    called = reals[:, 1:] + fakes[:, 1:]
    precision = np.where(called > 0, fakes[:, 1:] / called, 0)
    return np.asarray((np.diff(fakes, axis=1) * precision).sum(axis=1) / fakes[:, -1])


def _eer(reals: Array, fakes: Array) -> Array:
    n_real, n_fake = reals[:, -1], fakes[:, -1]
    nearest = np.abs(reals * n_fake[:, None] - (n_fake[:, None] - fakes) * n_real[:, None]).argmin(axis=1)[:, None]
    misses = n_fake - np.take_along_axis(fakes, nearest, axis=1)[:, 0]
    false_alarms = np.take_along_axis(reals, nearest, axis=1)[:, 0]
    return np.asarray((false_alarms / n_real + misses / n_fake) / 2)


def _tpr_at(fpr: float, reals: Array, fakes: Array) -> Array:
    """Share of fakes caught where at most this share of the reals is called fake, without interpolation."""
    allowed = (reals <= fpr * reals[:, -1:] * (1 + 1e-6)).sum(axis=1)[:, None] - 1
    return np.asarray(np.take_along_axis(fakes, allowed, axis=1)[:, 0] / fakes[:, -1])


_RANKINGS: dict[str, Callable[[Array, Array], Array]] = {
    "auroc": _auroc,
    "average_precision": _average_precision,
    "eer": _eer,
    "tpr_at_fpr_1": lambda reals, fakes: _tpr_at(0.01, reals, fakes),
    "tpr_at_fpr_5": lambda reals, fakes: _tpr_at(0.05, reals, fakes),
}
"""Metrics over all thresholds, from the cumulated weights (B, K + 1) of reals and fakes, none called fake first."""


def _cumulated(counts: npt.NDArray[np.int32], places: npt.NDArray[np.int64], kind: np.dtype[Any]) -> Array:
    """(B, K) sums of counts (B, N) up to and with each of K places."""
    return np.cumsum(counts, axis=1, dtype=np.int32)[:, places].astype(kind)


def _from_zero(cumulated: Array) -> Array:
    return np.concatenate([np.zeros_like(cumulated[:, :1]), cumulated], axis=1)
