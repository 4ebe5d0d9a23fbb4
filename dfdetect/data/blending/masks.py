"""Soft masks over a face or one of its parts: drawn from landmarks, bent, and blurred at a random width."""

from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.face_parts import Points, face_outline, filled, part_outlines

Floats = npt.NDArray[np.float32]
MaskName = Literal["face", "eyes", "nose", "mouth"]
MASKS: tuple[MaskName, ...] = get_args(MaskName)
YUNET, IBUG = 5, 68
"""Numbers of landmarks that parts can be told from: YuNet's, and those of the iBUG 300-W annotation."""

_IBUG_PARTS: dict[str, tuple[int, ...]] = {
    "right_eye": (*range(17, 22), *range(36, 42)),
    "left_eye": (*range(22, 27), *range(42, 48)),
    "nose": tuple(range(27, 36)),
    "mouth": tuple(range(48, 68)),
}
"""With the brows, which are above the eyes that they go with."""
_STRETCH, _BEND, _ROOM = (0.9, 1.25), 0.06, 0.3
_FIRST_BLUR, _SECOND_BLUR, _FULL = (0.01, 0.06), (0.02, 0.10), 0.98
"""Of the outline's extent, all but the last, which is the weight that counts as inside after the first blur."""
_LEAST = 1 / 512
"""A smaller weight changes no pixel."""
_GRID, _KNOTS = 96, 4
"""Masks are smooth: they are made at so many pixels at most, and bent by so many knots a side."""


class SoftMask(NamedTuple):
    """Weights of a copy over a part of a picture.

    Attributes:
        box: rows and columns of the picture.
        weights: (h, w) over the box, 0 to 1, and smooth: near 0 at its edge.
        extent: of the outline, in pixels: the root of its box's area.
    """

    box: tuple[slice, slice]
    weights: Floats
    extent: float


def outlines(landmarks: npt.ArrayLike) -> dict[MaskName, list[Points]]:
    """Polygons (P, 2) in pixels of each mask that landmarks (L, 2) give.

    With 5 landmarks (YuNet's order) or 68 (iBUG 300-W) all of `MASKS`, with any other number the face alone, as their
    convex hull. Of the eyes there are two polygons.
    """
    points = np.asarray(landmarks, np.float64)
    if len(points) == YUNET:
        face, parts = face_outline(points), part_outlines(points)
    elif len(points) == IBUG:
        face, parts = _hull(points), {name: _hull(points[list(rows)]) for name, rows in _IBUG_PARTS.items()}
    else:
        return {"face": [_hull(points)]}
    eyes = [parts["right_eye"], parts["left_eye"]]
    return {"face": [face], "eyes": eyes, "nose": [parts["nose"]], "mouth": [parts["mouth"]]}


def soft_mask(polygons: list[Points], shape: tuple[int, int], rng: np.random.Generator) -> SoftMask:
    """Fill polygons, stretch and bend them, and soften their edge.

    The edge is blurred twice; between both blurs only what is still full is kept. So the mask is smaller or larger
    than its outline, and its edge hard or soft, at random.

    Args:
        polygons: in pixels of the picture.
        shape: (H, W) of the picture.
        rng: gives stretch, bend and blurs.
    """
    every = np.concatenate(polygons)
    low, high = every.min(axis=0), every.max(axis=0)
    extent, middle = float(np.sqrt(np.prod(np.maximum(high - low, 1)))), (low + high) / 2
    stretch = rng.uniform(*_STRETCH, 2)
    start = np.clip(np.floor(low - _ROOM * extent), 0, np.array(shape[::-1]) - 2).astype(int)
    end = np.clip(np.ceil(high + _ROOM * extent), start + 2, shape[::-1]).astype(int)
    width, height = (end - start).tolist()
    scale = min(1.0, _GRID / max(width, height))
    grid = max(2, round(height * scale)), max(2, round(width * scale))
    moved = [(middle + (one - middle) * stretch - start) * (grid[1] / width, grid[0] / height) for one in polygons]
    flat = np.maximum.reduce([filled(one, grid) for one in moved]).astype(np.float32)
    soft = _softened(_bent(flat, _BEND * extent * scale, rng), extent * scale, rng)
    weights = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return _trimmed(weights, start, extent)


def _trimmed(weights: Floats, start: npt.NDArray[np.intp], extent: float) -> SoftMask:
    """The mask without the rows and columns around it that change no pixel; `start` is the place of its first one."""
    weights[weights < _LEAST] = 0
    left, top, width, height = cv2.boundingRect((weights > 0).view(np.uint8)) if weights.any() else (0, 0, 1, 1)
    x, y = int(start[0]) + left, int(start[1]) + top
    box = slice(y, y + height), slice(x, x + width)
    return SoftMask(box, np.ascontiguousarray(weights[top : top + height, left : left + width]), extent)


def _hull(points: Points) -> Points:
    return np.asarray(cv2.convexHull(points.astype(np.float32))[:, 0], np.float64)


def _bent(flat: Floats, pixels: float, rng: np.random.Generator) -> Floats:
    """Elastic deformation: smooth random shifts with a standard deviation of so many pixels at the knots."""
    height, width = flat.shape
    knots = rng.normal(0, pixels, (2, _KNOTS, _KNOTS)).astype(np.float32)
    across, down = (cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in knots)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.asarray(cv2.remap(flat, x + across, y + down, cv2.INTER_LINEAR), np.float32)


def _softened(bent: Floats, extent: float, rng: np.random.Generator) -> Floats:
    first, second = (max(0.3, rng.uniform(*bounds) * extent) for bounds in (_FIRST_BLUR, _SECOND_BLUR))
    core = (cv2.GaussianBlur(bent, (0, 0), first) > _FULL).astype(np.float32)
    kept = core if core.any() else bent  # of an outline that is thinner than the blur nothing would be left
    soft = np.asarray(cv2.GaussianBlur(kept, (0, 0), second, borderType=cv2.BORDER_CONSTANT), np.float32)
    soft[[0, -1]] = soft[:, [0, -1]] = 0  # whatever reaches so far shall not end in a straight line
    return np.asarray(np.minimum(soft, 1), np.float32)
