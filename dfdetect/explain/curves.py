"""Deletion and insertion: does the score follow where the map says that it should?

The places of a picture are taken away, those first that speak most for the detector's verdict, or put back into an
empty picture in the same order. Where the map is right, the score of the verdict falls early in the one and rises early
in the other.

Source: Petsiuk, Das and Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, BMVC 2018.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import numpy.typing as npt

Fill = Literal["blur", "mean"]
FILLS: tuple[str, ...] = get_args(Fill)
"""What stands where nothing is: the picture blurred beyond recognition, or its mean colour."""
BLUR = 0.1
"""Standard deviation of the blur, as a share of the picture's side. It leaves colours and light, so that what is taken
away leaves no edge that a detector could take for a trace of forgery; the mean colour does leave one."""

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Score = Callable[[Pixels], Floats]
"""(N, S, S, 3) RGB uint8 to p_fake (N,)."""


class Curves(NamedTuple):
    """Scores of the verdict, (steps + 1,) each, with 0, 1/steps, ... 1 of the picture taken away or put back."""

    deletion: Floats
    insertion: Floats


def filled(picture: Pixels, fill: Fill) -> Pixels:
    """What a picture (S, S, 3) becomes where all of it is taken away."""
    if fill == "mean":
        mean = picture.reshape(-1, 3).mean(axis=0)
        return np.broadcast_to(np.rint(mean).astype(np.uint8), picture.shape).copy()
    blurred = cv2.GaussianBlur(picture, (0, 0), BLUR * len(picture), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.uint8)


def order_of(importance: Floats, seed: int = 0) -> npt.NDArray[np.intp]:
    """Pixels of a picture from the most important one down.

    Args:
        importance: (S, S).
        seed: pixels that are equally important come in an order drawn by it, not from the top down.

    Returns:
        (S * S,) indices of the pixels, row by row.
    """
    values = importance.ravel()
    shuffled = np.random.default_rng(seed).permutation(values.size)
    return np.asarray(shuffled[np.argsort(-values[shuffled], kind="stable")], np.intp)


def curves_of(
    score: Score, picture: Pixels, importance: Floats, says_fake: bool, fill: Fill = "blur", steps: int = 16
) -> Curves:
    """Both curves of one picture.

    Args:
        score: the detector.
        picture: (S, S, 3) RGB uint8, as the detector's `prepare` gives it.
        importance: (S, S), how much each place speaks for the verdict.
        says_fake: whether the verdict is fake; its score is then p_fake, else 1 - p_fake.
        fill: what stands where nothing is.
        steps: in how many equal steps.
    """
    side, empty = len(picture), filled(picture, fill)
    order = order_of(importance)
    steps_done = np.empty(side * side, np.intp)
    steps_done[order] = np.arange(side * side) * steps // (side * side)  # the step in which a pixel's turn comes
    turn = steps_done.reshape(side, side, 1)
    done = [turn < step for step in range(1, steps)]
    batch = [picture, empty, *(np.where(one, empty, picture) for one in done)]
    batch += [np.where(one, picture, empty) for one in done]
    p_fake = score(np.stack(batch))
    verdict = p_fake if says_fake else 1 - p_fake
    whole, none, between = verdict[:1], verdict[1:2], verdict[2:]
    deleted, inserted = between[: steps - 1], between[steps - 1 :]
    return Curves(np.concatenate([whole, deleted, none]), np.concatenate([none, inserted, whole]))


def area(curve: Floats) -> float:
    """Area below a curve (steps + 1,) over shares from 0 to 1, by trapezia."""
    return float((curve[1:] + curve[:-1]).mean(dtype=np.float64) / 2)
