"""When not to answer: scores so close to the threshold that too many of the answers would be wrong."""

import math
from dataclasses import dataclass

import numpy as np

from dfdetect.evaluation.metrics import Floats, Labels, ScoreTable


@dataclass(frozen=True)
class UncertainBand:
    """Scores that are not answered, chosen on validation images.

    Attributes:
        low, high: p_fake from the one to the other, both included, is uncertain; nothing is where they are equal.
        stated_error: the share of wrong verdicts among the answered that was asked for.
        error: what it was on those images.
        coverage: share of those images that is answered.
        n: number of those images.
    """

    low: float
    high: float
    stated_error: float
    error: float
    coverage: float
    n: int

    def holds(self, p_fake: float) -> bool:
        """Whether a score is uncertain."""
        return self.low < self.high and self.low <= p_fake <= self.high


def choose_band(label: Labels, p_fake: Floats, threshold: float, stated_error: float) -> UncertainBand | None:
    """The narrowest band round the threshold outside of which at most `stated_error` of the verdicts are wrong.

    It is chosen and measured on the same images, so on others expect a somewhat larger error.

    Args:
        label: (N,) 0 real, 1 fake; N >= 1.
        p_fake: (N,) in [0, 1].
        threshold: p_fake from which an image is called fake.
        stated_error: in (0, 1).

    Returns:
        The band; None where no share of the images can be answered that well. A share of fewer than 3 / stated_error
        images does not count: even without a mistake among them, the error may be larger (the rule of three).

    Source: El-Yaniv and Wiener, *On the Foundations of Noise-free Selective Classification*, JMLR 11 (2010); Hanley and
    Lippman-Hand, *If Nothing Goes Wrong, Is Everything All Right?*, JAMA 249 (1983).
    """
    table = ScoreTable(label, p_fake, threshold)
    ends = np.unique(table.answered_with)  # equally sure images are answered together
    answered = ends + 1
    error = np.cumsum(table.wrong)[ends] / answered
    allowed = np.flatnonzero((error <= stated_error) & (answered >= math.ceil(3 / stated_error)))
    if len(allowed) == 0:
        return None
    last = int(allowed[-1])
    found = {"stated_error": stated_error, "error": float(error[last]), "coverage": float(answered[last] / len(label))}
    if last == len(ends) - 1:
        return UncertainBand(threshold, threshold, **found, n=len(label))
    confidence = np.abs(table.p_fake - threshold)[table.surest_first][ends]
    width = float(confidence[last : last + 2].mean())
    return UncertainBand(max(0.0, threshold - width), min(1.0, threshold + width), **found, n=len(label))
