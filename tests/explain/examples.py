"""Cases with a truth and maps of which it is known how good they are."""

import numpy as np

from dfdetect.data.ciplab import PARTS
from dfdetect.explain.cases import Case
from dfdetect.explain.grid import middles
from dfdetect.explain.truth import Truth

SIDE = 8


def parts_of(side=SIDE):
    """The four parts as quarters of the picture's middle."""
    masks = {}
    for number, name in enumerate(PARTS):
        top, left = 2 + 2 * (number // 2), 2 + 2 * (number % 2)
        masks[name] = np.zeros((side, side), bool)
        masks[name][top : top + 2, left : left + 2] = True
    return masks


def truth_of(edited):
    parts = parts_of()
    return Truth(np.logical_or.reduce([parts[name] for name in edited]), parts, frozenset(edited))


def cases(count=40, seed=0, goodness=1.0, exact=False):
    """Half real, half fake; a fake's map is its mask times `goodness` and noise besides."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        label = i % 2
        edited = rng.permutation(PARTS)[: rng.integers(1, 4)].tolist()
        truth = truth_of(edited) if label else None
        if truth and exact:
            truth = Truth(truth.mask)
        picture = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
        evidence = rng.standard_normal((SIDE, SIDE)) * (1 - goodness)
        evidence += goodness * (truth.mask if truth else 0)
        p_fake = float(np.clip(label * 0.6 + rng.random() * 0.4, 0, 1))
        source = "swap" if label and i % 4 == 1 else ""
        grid, values = middles(SIDE), evidence.astype(np.float32)
        made.append(Case(f"{i}.jpg", picture, label, f"group {i // 3}", source, p_fake, values, grid, truth))
    return made
