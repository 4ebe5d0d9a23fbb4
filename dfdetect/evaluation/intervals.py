"""95% intervals by group bootstrap: whole groups are drawn, since samples of one group are no independent evidence."""

from collections.abc import Iterator, Sequence

import numpy as np

from dfdetect.evaluation.metrics import Array, Labels, ScoreTable

Interval = tuple[float, float]
Intervals = dict[str, Interval | None]

_CHUNK = 2_000_000
_LEAST_DEFINED = 0.5


def group_bootstrap(
    table: ScoreTable, group: Labels, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Intervals:
    """Percentile intervals of all metrics of `table`.

    Args:
        table: N samples.
        group: (N,) group of each sample as it was given to `table`, numbered from 0; with a group of its own for each
            sample this is the plain bootstrap.
        resamples: how often as many groups as there are are drawn with replacement.
        level: share of resamples inside the interval.
        seed: the same seed, the same interval.

    Returns:
        Bounds of each metric. None where there are fewer than two groups, or where a metric is undefined in more than
        half of the resamples, which hold one class only; otherwise those are left out.

    Source: Davison and Hinkley, *Bootstrap Methods and their Application* (1997), sections 2.4 and 3.8.
    """
    (drawn,) = resample([table], group, resamples, seed)
    groups = len(np.unique(group))
    return {name: percentile_interval(values, groups, level) for name, values in drawn.items()}


def resample(
    tables: Sequence[ScoreTable], group: Labels, resamples: int = 1000, seed: int = 0
) -> list[dict[str, Array]]:
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
    return [{name: np.concatenate(parts) for name, parts in own.items()} for own in drawn]


def resample_means(values: Array, group: Labels, resamples: int = 1000, seed: int = 0) -> Array:
    """(K, B) means of K values a sample, (K, N), in the resamples that `resample` draws with the same seed."""
    member = np.unique(group, return_inverse=True)[1]
    sizes = np.bincount(member)
    sums = np.stack([np.bincount(member, weights=row) for row in values])
    means = [(sums @ counts.T) / (counts @ sizes) for counts in _draws(member, resamples, seed)]
    return np.concatenate(means, axis=1)


def percentile_interval(values: Array, groups: int, level: float = 0.95) -> Interval | None:
    """The middle `level` of a metric's values (B,) over resamples of so many groups; None as in `group_bootstrap`."""
    defined = values[np.isfinite(values)]
    if groups < 2 or len(defined) < _LEAST_DEFINED * len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
