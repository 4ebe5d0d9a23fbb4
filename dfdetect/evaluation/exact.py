"""Intervals of figures that are 0 or 1 in every resample, of which a bootstrap says that they are certain."""

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.metrics import HALF, Labels, ScoreTable

Interval = tuple[float, float]
RARE = 5
"""Groups, from which on a bootstrap is believed."""


def widen(interval: Interval | None, trials: int | None, level: float = 0.95) -> Interval | None:
    """The interval itself, or where it is 0 to 0 or 1 to 1 the exact one of so many trials that all ended alike.

    For values between 0 and 1 it holds as well: their mean is 1 only where each is, which is no likelier than for a
    coin that falls on 1 with a chance of their mean.

    Source: Clopper and Pearson, *The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial*,
    Biometrika 26 (1934).
    """
    if not trials or interval not in ((0.0, 0.0), (1.0, 1.0)):
        return interval
    all_alike = ((1 - level) / 2) ** (1 / trials)
    return (all_alike, 1.0) if interval == (1.0, 1.0) else (0.0, 1 - all_alike)


def widen_rare(interval: Interval | None, events: int, trials: int, level: float = 0.95) -> Interval | None:
    """The interval of a share of which few groups speak, its upper end no lower than the exact one of so many trials.

    A bootstrap of two groups in which something happened, out of twelve, knows of no third one.

    Args:
        interval: of the share, by group bootstrap.
        events: groups in which it happened at all.
        trials: groups.
        level: of both.

    Source: Clopper and Pearson (1934), as above.
    """
    interval = widen(interval, trials, level)
    if interval is None or not 0 < events < RARE:
        return interval
    low, high = 0.0, 1.0
    for _ in range(60):  # the chance at which as few events are as unlikely as the level allows
        middle = (low + high) / 2
        fewer = sum(comb(trials, k) * middle**k * (1 - middle) ** (trials - k) for k in range(events + 1))
        low, high = (middle, high) if fewer > (1 - level) / 2 else (low, middle)
    return interval[0], max(interval[1], high)


def trials_of(parts: Sequence[tuple[ScoreTable, Labels]]) -> dict[str, int]:
    """How many groups speak for each metric that can be 0 or 1: of one table, or of the mean over several.

    Args:
        parts: for each table its M samples' groups (M,), in the order they were given in, numbered alike in all.

    Returns:
        Groups of the images that a metric counts, such as the reals for specificity; for those that rank both classes,
        of the class that has fewer.
    """
    group = np.concatenate([own[table.order] for table, own in parts])
    fake = np.concatenate([table.label == 1 for table, _ in parts])
    n_all, n_real, n_fake = (len(np.unique(group[kept])) for kept in (np.ones_like(fake), ~fake, fake))
    ranking = ("auroc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")
    trials = {"aurc": n_all, **dict.fromkeys(ranking, min(n_real, n_fake))}
    for ending in ("", HALF):
        called = np.concatenate([_called(table, ending) for table, _ in parts])
        trials |= {
            f"accuracy{ending}": n_all,
            f"specificity{ending}": n_real,
            f"recall{ending}": n_fake,
            f"precision{ending}": len(np.unique(group[called])),
            f"f1{ending}": len(np.unique(group[called | fake])),
        }
    return trials


def _called(table: ScoreTable, ending: str) -> npt.NDArray[np.bool_]:
    """(M,) which samples are called fake, in the table's order."""
    scores = table.called_at_half if ending else table.called
    count = int(table.ends[scores - 1]) + 1 if scores else 0
    return np.arange(len(table.label)) < count
