"""Pointing: does a map lie where the picture was forged?

Energy: the share of what speaks for fake that lies inside (Wang et al., *Score-CAM*, CVPR Workshops 2020, call it the
energy-based pointing game). Pointing game: whether the strongest place does (Zhang et al., *Top-down Neural Attention
by Excitation Backprop*, ECCV 2016).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dfdetect.explain.regions import Mask

Floats = npt.NDArray[np.float32]
_NOTHING = 1e-9


def energy_inside(evidence: Floats, mask: Mask) -> float:
    """Share of the evidence for fake that lies in a mask.

    Args:
        evidence: (H, W), signed.
        mask: (H, W).

    Returns:
        In [0, 1]. The mask's share of the area where nothing speaks for fake: a map that says nothing counts as one
        that is spread evenly.
    """
    positive = np.maximum(evidence, 0).astype(np.float64)
    total = positive.sum()
    return float(positive[mask].sum() / total) if total > _NOTHING * mask.size else float(mask.mean())


def hit(evidence: Floats, mask: Mask) -> float:
    """1 where the strongest place lies in a mask (H, W), 0 where it does not; of several equal ones their share."""
    return float(mask[evidence >= evidence.max()].mean())


def area_under_roc(inside: npt.ArrayLike, outside: npt.ArrayLike) -> float:
    """Chance that one of the values `inside` is above one of those `outside`, ties counting half; NaN without either.

    Source: Mann and Whitney, *On a Test of Whether one of Two Random Variables is Stochastically Larger than the
    Other* (1947).
    """
    above, below = np.asarray(inside, np.float64).ravel(), np.sort(np.asarray(outside, np.float64).ravel())
    if not len(above) or not len(below):
        return float("nan")
    beaten = np.searchsorted(below, above, side="left") + np.searchsorted(below, above, side="right")
    return float(beaten.mean() / 2 / len(below))


def pixel_auroc(evidence: Floats, mask: Mask) -> float:
    """AUROC of the evidence of pixels in a mask (H, W) against those outside of it; NaN without either."""
    return area_under_roc(evidence[mask], evidence[~mask])


def part_evidence(evidence: Floats, parts: Mapping[str, Mask]) -> dict[str, float]:
    """Mean evidence, signed, of each part of a face; NaN for one that lies outside of the picture."""
    return {name: float(evidence[mask].mean()) if mask.any() else float("nan") for name, mask in parts.items()}
