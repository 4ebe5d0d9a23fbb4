"""95% intervals by group bootstrap: whole groups are drawn, since samples of one group are no independent evidence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.exact import Evidence, Interval, widen
from dfdetect.evaluation.metrics import INFLATED, Array, Labels

Intervals = dict[str, Interval | None]

_CHUNK = 2_000_000
_LEAST_DEFINED = 0.5


class Table(Protocol):
    """What can be measured under a weighting of its N samples, such as `ScoreTable`.

    Attributes:
        order: (N,) the table's order of the samples, as indices of the order they were given in.
    """

    order: npt.NDArray[np.signedinteger[Any]]

    def measure(self, weights: Array | None = None) -> dict[str, Array]:
        """(B,) of each metric under weights (B, N), in the table's order."""
        ...


def group_bootstrap(
    table: Table,
    group: Labels,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    evidence: Mapping[str, Evidence] | None = None,
) -> Intervals:
    """Percentile intervals of all metrics of `table`.

    Args:
        table: N samples.
        group: (N,) group of each sample as it was given to `table`, numbered from 0; with a group of its own for each
            sample this is the plain bootstrap.
        resamples: how often as many groups as there are are drawn with replacement.
        level: share of resamples inside the interval.
        seed: the same seed, the same interval.
        evidence: what metrics in [0, 1] rest on; where few groups speak for or against one, as of a few images that
            are all judged rightly, its interval reaches as far as the exact one (`widen`).

    Returns:
        Bounds of each metric. None where there are fewer than two groups, or where a metric is undefined in more than
        half of the resamples, which hold one class only; otherwise those are left out.

    Source: Davison and Hinkley, *Bootstrap Methods and their Application* (1997), sections 2.4 and 3.8.
    """
    (drawn,) = resample([table], group, resamples, seed)
    groups = len(np.unique(group))
    known = evidence or {}
    return {name: percentile_interval(values, groups, level, known.get(name)) for name, values in drawn.items()}


def resample(tables: Sequence[Table], group: Labels, resamples: int = 1000, seed: int = 0) -> list[dict[str, Array]]:
    """All metrics of several tables in the same resamples, so that their differences are paired.

    Args:
        tables: of the same N samples, given to each in the same order.
        group: (N,) group of each sample.
        resamples: B, how often as many groups as there are are drawn with replacement.
        seed: another seed, other draws.

    Returns:
        For each table its metrics, (B,) each; NaN where a resample leaves one undefined.
    """
    member = np.unique(group, return_inverse=True)[1]
    drawn: list[dict[str, list[Array]]] = [{} for _ in tables]
    for counts in _draws(member, resamples, seed):
        for table, own in zip(tables, drawn, strict=True):
            for name, values in table.measure(counts[:, member[table.order]]).items():
                own.setdefault(name, []).append(values)
    return [
        _centred({name: np.concatenate(parts) for name, parts in own.items()}, table.measure())
        for own, table in zip(drawn, tables, strict=True)
    ]


def resample_average(
    parts: Sequence[tuple[Table, Labels]], groups: int, resamples: int = 1000, seed: int = 0
) -> dict[str, Array]:
    """Each metric's mean over parts of the data, such as folds, in resamples of all groups.

    Args:
        parts: for each part its M samples and their groups (M,), numbered alike in all parts.
        groups: number of all groups; the draws depend on it and the seed alone, so those of two calls are paired.
        resamples: B, how often as many groups as there are are drawn with replacement.
        seed: another seed, other draws.

    Returns:
        (B,) of each metric: the mean over those parts in which a resample leaves it defined.
    """
    drawn: dict[str, list[Array]] = {}
    for counts in _draws(np.arange(groups), resamples, seed):
        measured = [table.measure(counts[:, member[table.order]]) for table, member in parts]
        for name in measured[0]:
            drawn.setdefault(name, []).append(_nanmean(np.stack([values[name] for values in measured])))
    plain = [table.measure() for table, _ in parts]
    means = {name: _nanmean(np.stack([values[name] for values in plain])) for name in drawn}
    return _centred({name: np.concatenate(values) for name, values in drawn.items()}, means)


def _centred(drawn: dict[str, Array], plain: dict[str, Array]) -> dict[str, Array]:
    """Take from the resamples of INFLATED metrics what they exceed the sample itself by on average."""
    for name in INFLATED & drawn.keys():
        excess = drawn[name][np.isfinite(drawn[name])].sum() / max(1, np.isfinite(drawn[name]).sum()) - plain[name]
        drawn[name] = np.maximum(drawn[name] - excess, 0)
    return drawn


def _nanmean(values: Array) -> Array:
    """(B,) mean of the defined values of each column; NaN where there is none."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0))


def resample_means(values: Array, group: Labels, resamples: int = 1000, seed: int = 0) -> Array:
    """(K, B) means of K values a sample, (K, N), in the resamples that `resample` draws with the same seed."""
    member = np.unique(group, return_inverse=True)[1]
    sizes = np.bincount(member)
    sums = np.stack([np.bincount(member, weights=row) for row in values])
    means = [(sums @ counts.T) / (counts @ sizes) for counts in _draws(member, resamples, seed)]
    return np.concatenate(means, axis=1)


def percentile_interval(
    values: Array, groups: int, level: float = 0.95, evidence: Evidence | None = None
) -> Interval | None:
    """The middle `level` of a metric's values (B,) over resamples of so many groups; None as in `group_bootstrap`.

    `evidence` is given for a metric in [0, 1], as there, and not for a difference, where 0 is no bound.
    """
    defined = _defined(values, groups)
    if defined is None:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return widen((float(low), float(high)), evidence, level)


def two_sided_p(differences: Array, groups: int) -> float | None:
    """Two-sided p of "there is no difference", by the differences in B resamples of so many groups.

    It is the level at which the percentile interval begins to hold 0, so that it is below 0.05 where the 95% interval
    lies on one side of 0. The difference that was observed counts as one more resample on either side.

    Returns:
        p in [2 / (B + 1), 1]; None as in `group_bootstrap`.

    Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), section 15.4, for a test by inversion of an
    interval; Davison and Hinkley (1997), section 4.2, for (1 + count) / (B + 1).
    """
    defined = _defined(differences, groups)
    if defined is None:
        return None
    beyond = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2 * (1 + beyond) / (len(defined) + 1))


def _defined(values: Array, groups: int) -> Array | None:
    """Of a metric's values in resamples the defined ones; None where they are too few, or groups are."""
    defined = values[np.isfinite(values)]
    return None if groups < 2 or len(defined) < _LEAST_DEFINED * len(values) else defined


def difference_interval(first: float, first_in: Interval, second: float, second_in: Interval) -> Interval:
    """Interval of `first - second`, two figures of samples that are independent of each other.

    Source: Zou and Donner, *Construction of confidence limits about effect measures: a general approach*, Statistics in
    Medicine 27 (2008): the square-and-add method.
    """
    difference = first - second
    below = np.hypot(first - first_in[0], second_in[1] - second)
    above = np.hypot(first_in[1] - first, second - second_in[0])
    return float(difference - below), float(difference + above)


def _draws(member: Labels, resamples: int, seed: int) -> Iterator[Array]:
    """(rows, groups) how often each group is drawn, resample by resample, in pieces that fit into memory.

    float32 holds whole numbers exactly up to 16 million. The draws depend on the number of groups and the seed alone.
    """
    generator = np.random.default_rng(seed)
    groups, rows = int(member.max()) + 1, max(1, _CHUNK // len(member))
    for start in range(0, resamples, rows):
        counts = np.empty((min(rows, resamples - start), groups), np.float32)
        for row in counts:
            row[:] = np.bincount(generator.integers(0, groups, groups, dtype=np.uint32), minlength=groups)
        yield counts
