"""How alike the maps of a trained and of a randomised network are, with intervals."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from dfdetect.evaluation.intervals import resample_means
from dfdetect.evaluation.metrics import Labels
from dfdetect.explain.baselines import OTHER, others
from dfdetect.explain.cases import Case
from dfdetect.explain.comparing import RESAMPLES, group_index, interval_of
from dfdetect.explain.maps import Explainer
from dfdetect.explain.similarity import rank_correlation, structural_similarity

Floats = npt.NDArray[np.float32]
DRAWS = 10
"""How often layers are drawn anew at each stage; one draw may be alike by luck, a whole head even in its sign."""


def score_sanity(
    checkpoint: Path,
    cases: Sequence[Case],
    threshold: float,
    explainer_of: Callable[[Path], Explainer],
    most: int = 60,
    progress: bool = False,
) -> dict[str, Any]:
    """Compare the maps of a checkpoint with those of the same network whose layers were drawn anew.

    Args:
        checkpoint: the file.
        cases: N of them.
        threshold: p_fake from which a picture is called fake.
        explainer_of: gives a checkpoint file's explainer, of the method that is scored.
        most: pictures that are compared, drawn by chance: each is explained anew for each stage and draw.
        progress: show a progress bar.

    Returns:
        n, n_groups, draws, and `stages`: of each stage, from the output down, and of the trained network's maps of
        other pictures with the same verdict, which tell how alike maps are anyway, mean `rank_correlation` (Spearman,
        signed), `magnitude` (of that, without its sign) and `structural_similarity`, each with `value` and 95%
        `interval` over draws and groups, None of fewer than `LEAST_GROUPS` groups. A map that is the same everywhere is
        like none.

    Raises:
        CheckpointError: the file is no checkpoint.
    """
    from dfdetect.explain.randomised import STAGES, randomised_maps  # it loads torch

    used = [cases[i] for i in np.sort(np.random.default_rng(0).permutation(len(cases))[:most]).tolist()]
    pictures, group = np.stack([case.picture for case in used]), group_index(used)
    own = [case.evidence for case in used]
    partners = others([case.p_fake >= threshold for case in used], [case.group for case in used])
    stages = {}
    with tqdm(total=len(STAGES) * DRAWS, desc="randomising", unit="network", disable=not progress) as bar:
        for name, share in STAGES.items():
            draws = []
            for seed in range(DRAWS):
                draws.append(_alike(own, randomised_maps(checkpoint, share, seed, pictures, explainer_of)))
                bar.update()
            stages[name] = _summary(np.stack(draws), group)
    stages[OTHER] = _summary(_alike(own, [own[i] for i in partners])[None], group)
    return {"n": len(used), "n_groups": len(np.unique(group)), "draws": DRAWS, "stages": stages}


def _alike(first: Sequence[Floats], second: Sequence[Floats] | Floats) -> npt.NDArray[np.float64]:
    """(3, N) rank correlation, its magnitude and structural similarity of pairs of maps."""
    correlation = np.nan_to_num([rank_correlation(*pair) for pair in zip(first, second, strict=True)])
    structure = [structural_similarity(*pair) for pair in zip(first, second, strict=True)]
    return np.stack([correlation, np.abs(correlation), structure])


def _summary(alike: npt.NDArray[np.float64], group: Labels) -> dict[str, Any]:
    """Of (D, 3, N): means over D draws and N pictures; draws and groups are resampled, since chance is in both."""
    draws, measures, _ = alike.shape
    of_groups = resample_means(alike.reshape(draws * measures, -1), group, RESAMPLES).reshape(draws, measures, -1)
    picked = np.random.default_rng(0).multinomial(draws, np.full(draws, 1 / draws), RESAMPLES) / draws
    drawn = np.einsum("bd,dmb->mb", picked, of_groups)
    found = {}
    for row, name in enumerate(("rank_correlation", "magnitude", "structural_similarity")):
        interval = interval_of(drawn[row], group)
        found[name] = {"value": float(alike[:, row].mean()), "interval": interval}
    return found
