"""Maps that know nothing of the picture, which an explanation must beat to mean anything; and one made of it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

CENTRE, RANDOM, OTHER = "centre", "random", "other picture"
"""Names of the baselines: a bell in the middle of the picture, where faces are; noise on the same grid as the map; the
same detector's map of another picture, with the same verdict where there is one."""
RELATIVE = "less average"
"""No baseline but another reading of the map: less the mean of all other pictures' maps, that is, what is unusual at a
place. It tells a map that holds nothing from one whose content is hidden below what all maps have in common."""
_WIDTH = 0.25
"""Standard deviation of the bell, as a share of the picture's side."""


def centre_prior(shape: tuple[int, int]) -> Floats:
    """(h, w) bell of height 1 around the middle."""
    across, down = (np.exp(-0.5 * (((np.arange(n) + 0.5) / n - 0.5) / _WIDTH) ** 2) for n in (shape[1], shape[0]))
    return np.outer(down, across).astype(np.float32)


def random_maps(count: int, shape: tuple[int, ...], seed: int = 0) -> Floats:
    """(count, h, w) of independent standard normal noise, half of which speaks for fake."""
    return np.random.default_rng(seed).standard_normal((count, *shape), dtype=np.float32)


def less_average(maps: Sequence[Floats]) -> list[Floats]:
    """Each of N maps (h, w) less the mean of the others; itself where it is the only one."""
    total, rest = np.sum(maps, axis=0, dtype=np.float64), max(1, len(maps) - 1)
    return [np.asarray(one - (total - one) / rest, np.float32) for one in maps]


def others(verdicts: Sequence[bool], groups: Sequence[str], seed: int = 0) -> list[int]:
    """For each of N >= 2 pictures another one of another group and the same verdict; without one, of another verdict.

    Where all are of one group, another picture of that.
    """
    rng = np.random.default_rng(seed)
    verdict, group = np.asarray(verdicts), np.asarray(groups)
    chosen = []
    for place in range(len(verdict)):
        elsewhere, alike = group != group[place], verdict == verdict[place]
        ranked = (elsewhere & alike, elsewhere, np.arange(len(verdict)) != place)
        candidates = next(np.flatnonzero(one) for one in ranked if one.any())
        chosen.append(int(rng.choice(candidates)))
    return chosen


def with_other_verdict(verdicts: Sequence[bool], partners: Sequence[int]) -> int:
    """How many pictures have a partner of another verdict."""
    return sum(verdicts[place] != verdicts[partner] for place, partner in enumerate(partners))
