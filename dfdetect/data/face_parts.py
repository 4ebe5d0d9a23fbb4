"""Outlines of a face's parts from YuNet's five landmarks: usual proportions, not the outlines of this very face."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

_EYE, _EYE_LIFT = (0.44, 0.32), 0.08
_MOUTH = (0.46, 0.30)
_BRIDGE, _WINGS, _BASE = (0.13, 0.05), (0.33, -0.02), (0.24, 0.17)
_JAW = ((0.99, 0.1), (0.94, 0.75), (0.72, 1.35), (0.32, 1.76))
_FOREHEAD = ((0.45, -0.62), (0.88, -0.40))
"""In units of the face: the distance of the eyes, as it would be seen from the front."""
_TALL = 0.95
"""A face's eyes are about so many times as far apart as they lie above the mouth; turned aside, they seem closer."""
_SUBPIXEL = 4


class FaceAxes(NamedTuple):
    """Where a face lies and how it is turned.

    Attributes:
        eyes, mouth: (2,) their middles, in pixels.
        across, down: (2,) unit vectors to the person's left and to the chin, at right angles.
        unit: pixels between the eyes, as it would be seen from the front.
    """

    eyes: Points
    mouth: Points
    across: Points
    down: Points
    unit: float

    @property
    def turn(self) -> Points:
        """(2, 2): a row of face units, times this, is a row of pixels."""
        return np.stack([self.across, self.down]) * self.unit


def face_axes(landmarks: npt.ArrayLike) -> FaceAxes:
    """Place, size and tilt of a face, from YuNet's (5, 2) landmarks in pixels."""
    right_eye, left_eye, _, right_mouth, left_mouth = np.asarray(landmarks, np.float64)
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    unit = max(float(np.hypot(*(left_eye - right_eye))), _TALL * float(np.hypot(*(mouth - eyes))), 1e-3)
    return FaceAxes(eyes, mouth, *_axes(left_eye - right_eye, mouth - eyes), unit)


def part_outlines(landmarks: npt.ArrayLike) -> dict[str, Points]:
    """Polygons (P, 2) in pixels of `left_eye`, `right_eye`, `nose` and `mouth`; left and right are the person's own."""
    axes = face_axes(landmarks)
    turn = axes.turn
    right_eye, left_eye, nose, *_ = np.asarray(landmarks, np.float64)
    return {
        "left_eye": left_eye - _EYE_LIFT * turn[1] + ellipse(*_EYE) @ turn,
        "right_eye": right_eye - _EYE_LIFT * turn[1] + ellipse(*_EYE) @ turn,
        "nose": _nose(axes.eyes, nose, turn),
        "mouth": axes.mouth + ellipse(*_MOUTH) @ turn,
    }


def face_outline(landmarks: npt.ArrayLike) -> Points:
    """Polygon (P, 2) in pixels from the forehead along cheeks and jaw to the chin."""
    axes = face_axes(landmarks)
    left = np.array([*_FOREHEAD, *_JAW])
    right = left[::-1] * (-1, 1)
    return np.asarray(axes.eyes + np.concatenate([left, right]) @ axes.turn)


def ellipse(width: float, height: float) -> Points:
    """(48, 2) points of an ellipse around (0, 0), by its half axes."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.column_stack([width * np.cos(angle), height * np.sin(angle)])


def filled(outline: Points, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """(H, W) mask of a polygon (P, 2) given in pixels: 1 inside, 0 outside."""
    drawn = np.zeros(shape, np.uint8)
    # a pixel's middle is half a pixel behind its edge; coordinates far outside would overflow OpenCV's integers
    corners = np.clip(outline - 0.5, -1e4, 1e4)
    fixed = np.round(corners * 2**_SUBPIXEL).astype(np.int32)
    cv2.fillPoly(drawn, [fixed], (1,), cv2.LINE_8, _SUBPIXEL)
    return drawn


def _axes(across: Points, down: Points) -> tuple[Points, Points]:
    """Unit vectors to the face's left and to its chin, at right angles: of both lines, the longer one is surer."""
    if np.hypot(*across) * 1.5 >= np.hypot(*down):
        right = across / max(float(np.hypot(*across)), 1e-6)
        return right, np.array([-right[1], right[0]])
    below = down / max(float(np.hypot(*down)), 1e-6)
    return np.array([below[1], -below[0]]), below


def _nose(eyes: Points, tip: Points, turn: Points) -> Points:
    """From between the eyes, widening to the wings, to below the tip."""
    right = [(_BRIDGE, eyes), (_WINGS, tip), (_BASE, tip)]
    left = [((-x, y), at) for (x, y), at in reversed(right)]
    return np.array([at + np.array(offset) @ turn for offset, at in [*right, *left]])
