"""AUROC of out-of-fold scores, each fold by itself.

Scores of different folds come from different models and must not be compared: pooled, a fold that holds more fakes has
the lower scores, since its model saw fewer of them, which pushes chance below one half; ranked within their folds and
pooled, ties give away what else lies in a fold, which pushes a real tell too high. So only images of one fold are
compared, and folds count by their pairs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.intervals import group_bootstrap
from dfdetect.evaluation.metrics import Floats, Labels

Scored = list[tuple[npt.NDArray[np.intp], Floats]]
"""Held-out indices and scores of each fold."""
Array = npt.NDArray[np.floating[Any]]


class FoldTable:
    """Scores of several folds, measured under any weighting of the N images; what `group_bootstrap` asks.

    Args:
        label: (N,) 0 real, 1 fake.
        scored: folds of any number of repeats.
    """

    def __init__(self, label: Labels, scored: Scored) -> None:
        self.order = np.arange(len(label))
        self.folds = [_sorted(label, held_out, score) for held_out, score in scored]

    def measure(self, weights: Array | None = None) -> dict[str, Array]:
        """`auroc` (B,) under weights (B, N), by default all 1; NaN where no fold holds both classes."""
        if weights is None:
            weights = np.ones((1, len(self.order)))
        wins, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for places, fake, ends in self.folds:
            mine = weights[:, places].astype(np.float64)
            fakes = np.cumsum(mine * fake, axis=1)[:, ends]
            reals = np.cumsum(mine * (1 - fake), axis=1)[:, ends]
            below = reals - np.diff(reals, axis=1, prepend=0) / 2
            wins += (np.diff(fakes, axis=1, prepend=0) * below).sum(axis=1)
            pairs += fakes[:, -1] * reals[:, -1]
        with np.errstate(invalid="ignore"):
            return {"auroc": wins / pairs}


def fold_auroc(label: Labels, scored: Scored) -> float:
    """Mean AUROC of the folds, by their pairs of a fake and a real; NaN where no fold holds both."""
    return float(FoldTable(label, scored).measure()["auroc"][0])


def fold_interval(label: Labels, scored: Scored, group: Labels) -> tuple[float, float] | None:
    """95% interval of `fold_auroc` by group bootstrap; the models stay as they were trained."""
    return group_bootstrap(FoldTable(label, scored), group)["auroc"]


def _sorted(
    label: Labels, held_out: npt.NDArray[np.intp], score: Floats
) -> tuple[npt.NDArray[np.intp], Floats, npt.NDArray[np.intp]]:
    """Places of a fold's images from the lowest score up, which of them are fake, and the last one of each score."""
    order = np.argsort(score, kind="stable")
    places = held_out[order]
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    return places, label[places].astype(np.float64), ends
