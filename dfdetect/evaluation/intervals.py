"""95% intervals by group bootstrap: whole groups are drawn, since samples of one group are no independent evidence."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.metrics import Array, Labels

Interval = tuple[float, float]
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
    table: Table, group: Labels, resamples: int = 1000, level: float = 0.95, seed: int = 0
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
    generator = np.random.default_rng(seed)
    names, member = np.unique(group[table.order], return_inverse=True)
    rows = max(1, _CHUNK // len(group))
    drawn: dict[str, list[np.ndarray]] = {}
    for start in range(0, resamples, rows):
        counts = _multiplicities(generator, len(names), min(rows, resamples - start))
        for name, values in table.measure(counts[:, member]).items():
            drawn.setdefault(name, []).append(values)
    return {name: _percentiles(np.concatenate(parts), len(names), level) for name, parts in drawn.items()}


def _multiplicities(generator: np.random.Generator, groups: int, rows: int) -> np.ndarray:
    """(rows, groups) how often each group is drawn, float32: whole numbers, exact up to 16 million."""
    counts = np.empty((rows, groups), np.float32)
    for row in range(rows):
        counts[row] = np.bincount(generator.integers(0, groups, groups, dtype=np.uint32), minlength=groups)
    return counts


def _percentiles(values: np.ndarray, groups: int, level: float) -> Interval | None:
    defined = values[np.isfinite(values)]
    if groups < 2 or len(defined) < _LEAST_DEFINED * len(values):
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
