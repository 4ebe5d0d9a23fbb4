"""Does an exported file decide as its checkpoint does? Figures and a verdict; no torch here."""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfdetect.deploy.export.pictures import Pictures
from dfdetect.deploy.metadata import Precision
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import ExportError
from dfdetect.evaluation.comparison import compare
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.metrics import Floats

TOLERANCE: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2}
"""Largest change of any picture's p_fake."""
AUROC_LOSS = 0.005
"""Largest loss of an int8 file; of fewer images than `ENOUGH`, chance alone moves AUROC by more."""
ENOUGH = 1000
_NAMED_FLIPS = 20
_NO_RANGE = 0.01
"""Of the checkpoint's p_fake: any file that said one number of every picture would agree."""
_WARM_UP, _ROUNDS = 3, 20


def judge_pictures(detector: Detector, pictures: Pictures) -> tuple[list[int], Floats]:
    """Places of the pictures that could be read, and p_fake (M,) of each.

    Raises:
        ExportError: not one could be read.
    """
    places: list[int] = []
    scores: list[Floats] = []
    for own, pixels in pictures.batches():
        places += own
        scores.append(detector.judge(pixels)[0].astype(np.float64))
    if not places:
        raise ExportError(f"Not one picture of {pictures.name} can be read; name others: --images DIR")
    return places, np.concatenate(scores)


def measure_parity(
    pictures: Pictures,
    places: Sequence[int],
    reference: Floats,
    exported: Floats,
    threshold: float,
    precision: Precision,
) -> dict[str, Any]:
    """Compare the scores of an exported file with its checkpoint's.

    Args:
        pictures: what both judged.
        places: (M,) which of them.
        reference: (M,) p_fake of the checkpoint.
        exported: (M,) p_fake of the file.
        threshold: p_fake from which a picture is called fake.
        precision: of the file.

    Returns:
        images, n, max_difference, mean_difference, score_range (of the checkpoint), n_flipped, flipped (the first of
        them with both scores), auroc of both with the paired interval of the difference (None where there are no
        labels of both classes), tolerance, passed, and reason, in a sentence.
    """
    difference = np.abs(exported - reference)
    flips = np.flatnonzero((exported >= threshold) != (reference >= threshold))
    found: dict[str, Any] = {
        "images": pictures.name,
        "n": len(places),
        "n_unreadable": len(pictures) - len(places),
        "threshold": threshold,
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "score_range": [float(reference.min()), float(reference.max())],
        "n_flipped": len(flips),
        "flipped": [
            {
                "path": os.path.abspath(pictures.paths[places[i]]),
                "p_fake": float(reference[i]),
                "exported": float(exported[i]),
            }
            for i in flips[:_NAMED_FLIPS].tolist()
        ],
        "auroc": _auroc(pictures, places, reference, exported, threshold),
    }
    result = found | verdict_on(found, precision)
    if np.ptp(reference) < _NO_RANGE:
        low, high = result["score_range"]
        result["reason"] += f"; but all scores lie between {low:.4f} and {high:.4f}, so that this proves little"
    return result


def verdict_on(found: dict[str, Any], precision: Precision) -> dict[str, Any]:
    """Whether what `measure_parity` found is within the tolerance: tolerance, passed, reason."""
    if precision != "int8":
        most, is_most = TOLERANCE[precision], found["max_difference"]
        passed = bool(is_most <= most)
        words = "within" if passed else "above"
        reason = f"largest change of p_fake {is_most:.2g}, {words} the tolerance of {most:g}"
        return {"tolerance": most, "passed": passed, "reason": reason}
    auroc = found["auroc"]
    if auroc is None:
        reason = f"no labels of both classes: only the {found['n_flipped']} that crossed the threshold are shown"
        return {"tolerance": None, "passed": True, "reason": reason}
    loss, interval = -auroc["difference"], auroc["interval"]
    if found["n"] >= ENOUGH:
        passed = bool(loss <= AUROC_LOSS)
        reason = f"loss of AUROC {loss:.4f}, {'within' if passed else 'above'} the tolerance of {AUROC_LOSS}"
        return {"tolerance": AUROC_LOSS, "passed": passed, "reason": reason}
    passed = interval is None or bool(interval[1] >= -AUROC_LOSS)
    few = f"only {found['n']} images, too few to hold it to a loss of {AUROC_LOSS}"
    proven = f"the whole 95% interval lies beyond a loss of {AUROC_LOSS}"
    return {"tolerance": None, "passed": passed, "reason": few if passed else proven}


def latencies(detectors: Sequence[Detector]) -> list[float]:
    """Median milliseconds of one prepared picture, the detectors in turn, so that a slow moment is one for all."""
    image = np.random.default_rng(0).integers(0, 256, (1, *2 * (detectors[0].facts.input_size,), 3), dtype=np.uint8)
    rounds = [[_milliseconds(detector, image) for detector in detectors] for _ in range(_WARM_UP + _ROUNDS)]
    return [float(np.median(own)) for own in zip(*rounds[_WARM_UP:], strict=True)]


def _milliseconds(detector: Detector, image: Any) -> float:
    start = time.perf_counter()
    detector.judge(image)
    return 1000 * (time.perf_counter() - start)


def _auroc(
    pictures: Pictures, places: Sequence[int], reference: Floats, exported: Floats, threshold: float
) -> dict[str, Any] | None:
    """AUROC of both, and their difference with its interval by group bootstrap."""
    if pictures.labels is None or len(set(pictures.labels[list(places)].tolist())) < 2:
        return None
    label = pictures.labels[list(places)]
    paths, groups = ([names[place] for place in places] for names in (pictures.paths, pictures.groups))
    both = [Predictions(paths, label, scores, groups, [""] * len(paths)) for scores in (reference, exported)]
    first, second = compare(both, [threshold] * 2)
    against = second["against_first"]["auroc"]
    return {"checkpoint": first["auroc"], "exported": second["auroc"], **against}
