"""Intervals of shares of which few images speak: a bootstrap knows only of those mistakes that the sample holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.metrics import HALF, UNCALIBRATED, Labels, ScoreTable

Interval = tuple[float, float]
Verdicts = npt.NDArray[np.bool_]
RARE = 5
"""Groups that tell of something, from which on a bootstrap is believed about it."""


@dataclass(frozen=True)
class Evidence:
    """What a figure in [0, 1] rests on.

    Attributes:
        groups: how many speak for it; each is worth one trial, since nothing shows that its images end independently.
        hits: of those trials the ones that count for a share; NaN of a figure that is none.
        with_hits, with_misses: groups with anything that counts for a share, and against it.
        f1: the share is of true ones among those that are fake or called fake, and the figure the F1 score.
    """

    groups: int
    hits: float = np.nan
    with_hits: int = RARE
    with_misses: int = RARE
    f1: bool = False

    def bound(self, upper: bool, level: float = 0.95) -> float:
        """The exact bound of a share of so many trials (Clopper and Pearson, 1934), which need not be whole numbers."""
        from scipy.special import betaincinv  # here, for it takes longer to load than all else of this module

        hits, misses = self.hits, self.groups - self.hits
        if not (misses if upper else hits):
            return float(upper)
        found = betaincinv(hits + upper, misses + (not upper), (1 + level if upper else 1 - level) / 2)
        return float(2 * found / (1 + found) if self.f1 else found)


def share(hit: Verdicts, group: Labels, f1: bool = False) -> Evidence:
    """What the share of M images that are a `hit` (M,) rests on, given the group of each (M,); `f1`: see `Evidence`."""
    if len(hit) == 0:
        return Evidence(0)
    member = np.unique(group, return_inverse=True)[1]
    sizes, hits = np.bincount(member), np.bincount(member, weights=hit)
    counted = float(hits.sum() * len(sizes) / len(hit))
    return Evidence(len(sizes), counted, int((hits > 0).sum()), int((hits < sizes).sum()), f1)


def widen(interval: Interval | None, evidence: Evidence | None, level: float = 0.95) -> Interval | None:
    """A bootstrap's interval of a figure in [0, 1], which reaches at least as far as the exact one where few speak.

    A share that fewer than `RARE` groups speak against has no lower bound above the exact one, and one that fewer
    speak for no upper bound below it: of two mistakes among twelve groups a bootstrap knows, of a third one it does
    not. Any other figure that is 0 or 1 in all resamples gets the exact interval of so many groups that all ended
    alike: the mean of values between 0 and 1 is 1 only where each is, which is no likelier than for a coin that falls
    on 1 with a chance of their mean.

    Args:
        interval: by group bootstrap.
        evidence: what the figure rests on; None leaves the interval as it is.
        level: of both.

    Source: Clopper and Pearson, *The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial*,
    Biometrika 26 (1934).
    """
    if interval is None or evidence is None or not evidence.groups:
        return interval
    low, high = interval
    if np.isnan(evidence.hits):
        all_alike = ((1 - level) / 2) ** (1 / evidence.groups)
        low, high = (all_alike if low == high == 1 else low), (1 - all_alike if low == high == 0 else high)
    if evidence.with_misses < RARE:
        low = min(low, evidence.bound(upper=False, level=level))
    if evidence.with_hits < RARE:
        high = max(high, evidence.bound(upper=True, level=level))
    return low, high


def evidence_of(parts: Sequence[tuple[ScoreTable, Labels]]) -> Mapping[str, Evidence]:
    """What each metric in [0, 1] rests on: of one table, or of the mean over several.

    Args:
        parts: for each table its M samples' groups (M,), in the order they were given in, numbered alike in all.

    Returns:
        Of accuracy, precision, recall, specificity and F1 the images that each counts, such as the reals for
        specificity; of those that rank both classes, the groups of the class that has fewer.
    """
    group = np.concatenate([own[table.order] for table, own in parts])
    fake = np.concatenate([table.label == 1 for table, _ in parts])
    n_all, n_real, n_fake = (len(np.unique(group[kept])) for kept in (np.ones_like(fake), ~fake, fake))
    ranking = ("auroc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")
    over_all = ("aurc", *(name + ending for name in ("brier", "ece") for ending in ("", UNCALIBRATED)))
    found = dict.fromkeys(over_all, Evidence(n_all)) | dict.fromkeys(ranking, Evidence(min(n_real, n_fake)))
    for ending in ("", HALF):
        called = np.concatenate([_called(table, ending) for table, _ in parts])
        either = called | fake
        found |= {
            f"accuracy{ending}": share(called == fake, group),
            f"specificity{ending}": share(~called[~fake], group[~fake]),
            f"recall{ending}": share(called[fake], group[fake]),
            f"precision{ending}": share(fake[called], group[called]),
            f"f1{ending}": share((called & fake)[either], group[either], f1=True),
        }
    return found


def _called(table: ScoreTable, ending: str) -> Verdicts:
    """(M,) which samples are called fake, in the table's order."""
    scores = table.called_at_half if ending else table.called
    count = int(table.ends[scores - 1]) + 1 if scores else 0
    return np.arange(len(table.label)) < count
