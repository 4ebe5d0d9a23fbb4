"""Occlusion: cover each place and see what the answer loses. It asks nothing of a model but its answers.

Source: Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from dfdetect.deploy.verdicts import Judge
from dfdetect.explain.colours import DROP
from dfdetect.explain.grid import middles
from dfdetect.explain.maps import Explainer, Maps, evidence

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

CELLS, COVER = 7, 2
"""Windows of two cells a side around the middle of each of 7 x 7 cells: small enough to tell an eye from a mouth."""
_BATCH = 25
_LEAST = np.float32(1e-7)


def occlusion(detector: Judge, cells: int = CELLS) -> Explainer:
    """Logits of p_fake that each place's cover takes away: positive where what is covered spoke for fake.

    The cover has the picture's mean colour: no network has learnt it as black, or as a blur that looks like a forgery.
    Its edges are new to the network all the same, so small values mean little. It costs `cells` squared + 1 runs.

    Args:
        detector: any.
        cells: places of one side.
    """

    def explain(batch: Pixels) -> Maps:
        p_fake, whole = _answer(detector, batch)
        values = np.empty((len(batch), cells * cells), np.float32)
        for i, picture in enumerate(batch):
            covered = list(_covered(picture, cells))
            logits = [
                _answer(detector, np.stack(covered[start : start + _BATCH]))[1]
                for start in range(0, len(covered), _BATCH)
            ]
            values[i] = whole[i] - np.concatenate(logits)
        return Maps(p_fake, values.reshape(-1, cells, cells), DROP, "occlusion", middles(cells))

    return explain


def _answer(detector: Judge, batch: Pixels) -> tuple[Floats, Floats]:
    """p_fake (N,) and its logit (N,) but for a constant."""
    p_fake, heatmaps = detector.judge(batch)
    if heatmaps is not None:  # their mean does not end where float32 has no number between p_fake and 1
        return p_fake, evidence(heatmaps, detector.facts.temperature).mean(axis=(1, 2))
    inside = np.clip(p_fake, _LEAST, 1 - _LEAST)
    return p_fake, np.log(inside / (1 - inside))


def _covered(picture: Pixels, cells: int) -> Iterator[Pixels]:
    size = len(picture)
    colour = picture.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    reach = COVER / 2 / cells
    middle = (np.arange(cells) + 0.5) / cells
    edges = [(max(0, round((at - reach) * size)), round((at + reach) * size)) for at in middle.tolist()]
    for top, bottom in edges:
        for left, right in edges:
            one = picture.copy()
            one[top:bottom, left:right] = colour
            yield one
