"""`--careful`: does the answer hold when the same face is re-encoded as sharing it would?"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.encoding import reencode
from dfdetect.deploy.verdicts import FaceVerdict, Judge

Pixels = npt.NDArray[np.uint8]


def _rescaled(image: Pixels, share: float) -> Pixels:
    size = [max(8, round(n * share)) for n in image.shape[1::-1]]
    smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(smaller, image.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


MILD: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG 90": lambda image: reencode(image, 90),
    "JPEG 75": lambda image: reencode(image, 75),
    "JPEG 50": lambda image: reencode(image, 50),
    "3/4 size": lambda image: _rescaled(image, 0.75),
    "3/4 size, JPEG 75": lambda image: reencode(_rescaled(image, 0.75), 75),
}
"""What messengers and platforms do to a photo, on the face's own pixels, before the network's input is made."""


def version_scores(detector: Judge, face: Pixels) -> tuple[float, ...]:
    """p_fake of one face's square, in the photo's own pixels, under each re-encoding of `MILD`."""
    scores, _ = detector.judge(np.stack([detector.prepare(change(face)) for change in MILD.values()]))
    return tuple(scores.tolist())


def doubted(verdict: FaceVerdict, threshold: float) -> FaceVerdict:
    """The same face, uncertain if under any re-encoding it falls on the other side of the threshold."""
    if verdict.p_fake is None or verdict.verdict == "uncertain":
        return verdict
    is_fake = verdict.p_fake >= threshold
    named = zip(MILD, verdict.versions, strict=True)
    flipped = [(name, score) for name, score in named if (score >= threshold) != is_fake]
    if not flipped:
        return verdict
    name, score = flipped[0]
    reason = f"flips under mild re-encoding ({len(flipped)} of {len(MILD)}; {name}: {score:.2f})"
    return replace(verdict, verdict="uncertain", reason=reason)
