"""Limits of p_fake as a probability."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dfdetect.evaluation.calibration import at_bound
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.metrics import ECE_BINS

_ECE = 0.05
"""A calibration error beyond chance from which it gets a word."""


def limits_of_ece(ece: float | None, n: int) -> Iterator[Limit]:
    """Whether p_fake is off by more than a perfect one would seem to be in a test of n images."""
    if (ece or 0) > _ECE + _ece_by_chance(n):
        yield Limit(
            "calibration",
            "weak",
            f"p_fake is no probability here: it is off by {ece:.3f} on average (ECE)",
            "It ranks photos; a p_fake of 0.9 does not mean that nine of ten such photos are fake.",
        )


def limits_of_temperatures(facts: Sequence[Mapping[str, Any]]) -> Iterator[Limit]:
    """Whether calibration stopped at a bound in one of several detectors, by what their checkpoints remember."""
    found = [one["temperature"] for one in facts if one.get("calibrated") and at_bound(float(one["temperature"]))]
    if not found:
        return
    values = " and ".join(sorted({f"{value:.3g}" for value in found}))
    sharp = "they separate its classes perfectly, which so few images may do by chance"
    flat = "they tell its classes no better than a coin, or the wrong way round"
    yield Limit(
        "calibration_bound",
        "weak",
        f"Calibration hit its bound: temperature {values}"
        + (f", in {len(found)} of {len(facts)} folds" if len(facts) > 1 else ""),
        "The scores of the validation part do not say how sure one may be: "
        + "; ".join(text for text, here in ((sharp, min(found) < 1), (flat, max(found) > 1)) if here)
        + ". p_fake is a ranking here and no probability.",
        "Validate on more images, of both classes: `--data.split_ratios`",
    )


def _ece_by_chance(n: int) -> float:
    """What a perfectly calibrated p_fake may get on average from n images, at most: ECE is never 0 in a sample.

    A bin of m images with a share of p fakes is off by sqrt(2 p (1 - p) / (pi m)), at most 0.4 / sqrt(m); over the
    bins, by Cauchy and Schwarz, that is at most 0.4 sqrt(bins / n).
    """
    return 0.4 * math.sqrt(ECE_BINS / n)
