"""Measures of maps beside those of maps that know nothing, with paired intervals over groups."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.evaluation.exact import Evidence, share
from dfdetect.evaluation.intervals import percentile_interval, resample_means, two_sided_p
from dfdetect.evaluation.metrics import Array, Labels
from dfdetect.explain.baselines import CENTRE, OTHER, RANDOM, RELATIVE, centre_prior, less_average, others, random_maps
from dfdetect.explain.cases import Case
from dfdetect.explain.grid import enlarged

Floats = npt.NDArray[np.float32]
Maps = Mapping[str, Sequence[Floats]]
"""By name, a map (S, S) of each of N cases, of its picture's size; the first is scored, it must beat the others."""

MAP = "map"
RESAMPLES = 1000
LEAST_GROUPS = 10
"""Fewer get no interval: of five groups that all lean one way, a sign test has a p of 0.06 at best."""


def maps_of(cases: Sequence[Case], threshold: float, seed: int = 0) -> dict[str, list[Floats]]:
    """The cases' own maps, the baselines', and the own ones read another way, enlarged to their pictures."""
    shape = len(cases[0].picture), len(cases[0].picture)
    own = [enlarged(case.evidence, shape, case.grid) for case in cases]
    noise = random_maps(len(own), cases[0].evidence.shape, seed)
    partners = others([case.p_fake >= threshold for case in cases], [case.group for case in cases], seed)
    return {
        MAP: own,
        CENTRE: [centre_prior(shape)] * len(own),
        RANDOM: [enlarged(one, shape, case.grid) for one, case in zip(noise, cases, strict=True)],
        OTHER: [own[partner] for partner in partners],
        RELATIVE: less_average(own),
    }


def compared(values: Mapping[str, Array], group: Labels, resamples: int = RESAMPLES) -> dict[str, dict[str, Any]]:
    """Mean of a measure in [0, 1] for each map, and by how much the first one differs.

    Args:
        values: (N,) of each map, by name.
        group: (N,) of each case.
        resamples: of the groups, for the intervals.

    Returns:
        Of each map `value` and its 95% `interval`; of all but the first also `difference`, the first one's value less
        its own, with `difference_interval` and `p`, by the same resamples. What is undefined is None, and so are
        intervals and p of fewer than `LEAST_GROUPS` groups.
    """
    drawn = dict(zip(values, resample_means(np.stack(list(values.values())), group, resamples), strict=True))
    means = {name: float(np.mean(one)) for name, one in values.items()}
    groups = Evidence(len(np.unique(group)))
    evidence = {name: share(one == 1, group) if np.isin(one, (0, 1)).all() else groups for name, one in values.items()}
    return beside(means, drawn, group, evidence)


def beside(
    means: Mapping[str, float], drawn: Mapping[str, Array], group: Labels, evidence: Mapping[str, Evidence]
) -> dict[str, dict[str, Any]]:
    """As `compared`, of figures, their values in resamples of the groups of all cases, and what each rests on."""
    (first, *rest), found = means, dict[str, dict[str, Any]]()
    for name, mean in means.items():
        found[name] = {"value": mean, "interval": interval_of(drawn[name], group, evidence[name])}
    for name in rest:
        differences = drawn[first] - drawn[name]
        interval = interval_of(differences, group)
        found[name] |= {
            "difference": means[first] - means[name],
            "difference_interval": interval,
            "p": two_sided_p(differences, len(np.unique(group))) if interval else None,
        }
    return found


def interval_of(drawn: Array, group: Labels, evidence: Evidence | None = None) -> list[float] | None:
    """95% interval of a figure by its values in resamples; None of fewer than `LEAST_GROUPS` groups."""
    groups = len(np.unique(group))
    interval = percentile_interval(drawn, groups, evidence=evidence) if groups >= LEAST_GROUPS else None
    return interval and list(interval)


def group_index(cases: Sequence[Case]) -> Labels:
    """(N,) number of each case's group."""
    return np.unique([case.group for case in cases], return_inverse=True)[1].astype(np.int64)
