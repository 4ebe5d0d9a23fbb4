"""Deletion and insertion curves of many pictures, with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from dfdetect.evaluation.intervals import resample_means
from dfdetect.evaluation.metrics import Labels
from dfdetect.explain.baselines import OTHER, RELATIVE
from dfdetect.explain.cases import Case
from dfdetect.explain.comparing import MAP, RESAMPLES, Maps, compared, group_index, interval_of
from dfdetect.explain.curves import Fill, Score, area, curves_of

Floats = npt.NDArray[np.float32]


def score_curves(
    cases: Sequence[Case],
    maps: Maps,
    score: Score,
    threshold: float,
    fill: Fill = "blur",
    steps: int = 16,
    progress: bool = False,
) -> dict[str, Any]:
    """Deletion and insertion of all cases.

    Args:
        cases: N of them.
        maps: theirs, of which RELATIVE is left out; of a picture that is called real, what speaks for real comes first.
        score: the detector.
        threshold: p_fake from which a picture is called fake.
        fill: what stands where nothing is.
        steps: in how many equal steps.
        progress: show a progress bar.

    Returns:
        n, n_groups, fill, steps; `deletion` (lower is better) and `insertion` (higher is better), each as `compared`
        gives the areas; `curves`, of each map the mean curve of both and its 95% bounds.
    """
    group, lines = group_index(cases), dict[str, dict[str, list[Floats]]]()
    kinds = [name for name in maps if name != RELATIVE]
    bar = tqdm(total=len(cases) * len(kinds), desc="taking away", unit="map", disable=not progress)
    with bar:
        for name in kinds:
            lines[name] = {"deletion": [], "insertion": []}
            for case, values in zip(cases, maps[name], strict=True):
                says_fake = case.p_fake >= threshold
                signed = -values if not says_fake and name in (MAP, OTHER) else values
                both = curves_of(score, case.picture, signed, says_fake, fill, steps)
                lines[name]["deletion"].append(both.deletion)
                lines[name]["insertion"].append(both.insertion)
                bar.update()
    areas = {
        way: {name: np.array([area(curve) for curve in own[way]]) for name, own in lines.items()}
        for way in ("deletion", "insertion")
    }
    return {
        "n": len(cases),
        "n_groups": len(np.unique(group)),
        "fill": fill,
        "steps": steps,
        **{way: compared(values, group) for way, values in areas.items()},
        "curves": {
            name: {way: _mean_curve(np.stack(curves), group) for way, curves in own.items()}
            for name, own in lines.items()
        },
    }


def _mean_curve(curves: Floats, group: Labels) -> dict[str, list[Any]]:
    """Mean of (N, steps + 1) curves, and its 95% bounds at each step."""
    bounds = [interval_of(row, group) for row in resample_means(curves.T, group, RESAMPLES)]
    return {"mean": curves.mean(axis=0).tolist(), "interval": bounds}
