"""A person painted in face coordinates, with skin, hair, light and background of their own.

The crown is at (0, -1), the chin at (0, 1), x goes to the right.
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Polygon: TypeAlias = npt.NDArray[np.float64]

_SKIN = ((0.97, 0.83, 0.74), (0.92, 0.74, 0.61), (0.80, 0.60, 0.46), (0.61, 0.42, 0.31), (0.40, 0.27, 0.20))
_HAIR = ((0.09, 0.07, 0.07), (0.23, 0.14, 0.09), (0.42, 0.25, 0.14), (0.76, 0.58, 0.34), (0.62, 0.61, 0.60))
_IRIS = ((0.25, 0.15, 0.08), (0.38, 0.27, 0.12), (0.30, 0.42, 0.28), (0.32, 0.47, 0.62), (0.45, 0.50, 0.53))
_HAIRCUTS = ("shaved", "short", "curly", "long", "bob")


class Portrait:
    """One person, painted.

    Attributes:
        pixels: RGB, shape ``(size, size, 3)``, about 0 to 1.
        to_pixel: Affine map from face coordinates to pixels, shape ``(2, 3)``.
        unit: Pixels per unit of face coordinates.
        x, y: Face coordinates of every pixel, each of shape ``(size, size)``.
        turn: How far the features sit from the middle of the head, in face coordinates.
        light: Unit vector towards the light: right, down, towards the viewer.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng, self.size = rng, size
        self.unit = size * rng.uniform(0.36, 0.42)
        self._place(rng.normal(0, 0.06), size * (0.5 + rng.uniform(-0.035, 0.035, 2)))
        right, down = rng.uniform(-0.8, 0.8), rng.uniform(-0.7, 0.1)
        length = (right**2 + down**2 + 0.81) ** 0.5
        self.light = right / length, down / length, 0.9 / length
        self.skin, self.hair = _pick(rng, _SKIN), _pick(rng, _HAIR)
        self.width, self.jaw, self.turn = rng.uniform(0.68, 0.80), rng.uniform(0.12, 0.34), rng.normal(0, 0.05)
        self.eye_gap, self.eye_level = rng.uniform(0.28, 0.33), rng.uniform(-0.08, 0.0)
        self.haircut = str(rng.choice(_HAIRCUTS))
        self.pixels: Floats = np.zeros((size, size, 3), np.float32)
        _paint_background(self)
        locks = _strands(self)
        _paint_back_hair(self, locks)
        _paint_body(self)
        _paint_head(self)
        _paint_eyes(self)
        _paint_brows(self)
        if rng.random() < 0.3:
            _paint_beard(self)
        _paint_nose(self)
        _paint_mouth(self)
        _paint_front_hair(self, locks)
        if rng.random() < 0.2:
            _paint_glasses(self)

    def _place(self, roll: float, centre: Polygon) -> None:
        turn = self.unit * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        self.to_pixel = np.column_stack([turn, centre])
        (a, b), (c, d) = np.linalg.inv(turn).tolist()
        across = np.arange(self.size, dtype=np.float32)[None] - float(centre[0])
        down = np.arange(self.size, dtype=np.float32)[:, None] - float(centre[1])
        self.x: Floats = a * across + b * down
        self.y: Floats = c * across + d * down

    def mask(self, points: npt.ArrayLike, soft: float = 0.0) -> Floats:
        """Return the antialiased inside of a polygon, 0 to 1, its edge blurred by ``soft`` face units."""
        corners = np.asarray(points) @ self.to_pixel[:, :2].T + self.to_pixel[:, 2]
        drawn = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(drawn, [np.round(corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
        return blur(np.asarray(drawn / np.float32(255)), soft * self.unit)

    def paint(self, mask: Floats, colour: npt.ArrayLike) -> None:
        """Blend in one colour, or a picture of colours, where the mask is."""
        left, top, width, height = cv2.boundingRect((mask > 0).view(np.uint8))
        box = np.s_[top : top + height, left : left + width]
        ink = np.asarray(colour, np.float32)
        area = self.pixels[box]
        area += mask[box][..., None] * ((ink[box] if ink.ndim == 3 else ink) - area)

    def bump(self, x: float, y: float, width: float, height: float) -> Floats:
        """Return a bell of height 1 around a point, shape ``(size, size)``."""
        bell: Floats = np.exp(-(((self.x - x) / width) ** 2) - ((self.y - y) / height) ** 2)
        return bell

    def noise(self, cells: int) -> Floats:
        """Return smooth noise with ``cells`` blobs a side, shape ``(size, size)``, standard deviation near 1."""
        coarse = self.rng.standard_normal((cells, cells), dtype=np.float32)
        return np.asarray(cv2.resize(coarse, (self.size, self.size), interpolation=cv2.INTER_CUBIC), np.float32)


def blur(values: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian of ``sigma`` pixels; a very narrow one changes nothing."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32) if sigma > 0.05 else values


def _pick(rng: np.random.Generator, palette: Sequence[Sequence[float]]) -> Floats:
    """Return a colour between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    mixed = [np.interp(place, range(len(palette)), channel) for channel in zip(*palette, strict=True)]
    return np.asarray(np.clip(mixed + rng.normal(0, 0.02, 3), 0.03, 1), np.float32)


def ellipse(x: float, y: float, width: float, height: float) -> Polygon:
    """Return the contour of an ellipse by its centre and half axes, shape ``(28, 2)``."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.column_stack([x + width * np.cos(angle), y + height * np.sin(angle)])


def egg(width: float, jaw: float) -> Polygon:
    """Return the contour of a head, narrowed towards the chin by ``jaw``."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x, y = np.sin(angle), -np.cos(angle)
    return np.column_stack([width * np.sign(x) * np.abs(x) ** 0.85 * (1 - jaw * np.clip(y, 0, 1) ** 1.5), y])


def _band(x: Polygon, upper: Polygon, lower: Polygon) -> Polygon:
    """Return the polygon between two curves."""
    return np.column_stack([np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]])])


def _paint_background(p: Portrait) -> None:
    ends = np.clip(p.rng.uniform(0.15, 0.9) + p.rng.normal(0, 0.08, (2, 3)), 0.05, 0.98).astype(np.float32)
    angle = p.rng.uniform(0, 2 * np.pi)
    slope = np.clip(0.5 + 0.25 * (p.x * float(np.cos(angle)) + p.y * float(np.sin(angle))), 0, 1)
    texture = p.rng.uniform(0, 0.05) * p.noise(int(p.rng.integers(4, 40))) + p.rng.uniform(0, 0.05) * p.noise(5)
    p.pixels = ends[0] + slope[..., None] * (ends[1] - ends[0]) + texture[..., None]
    for _ in range(p.rng.integers(0, 7)):
        x, y = p.rng.uniform(-1.6, 1.6, 2)
        disc = p.mask(ellipse(x, y, *p.rng.uniform(0.1, 0.4, 2)), p.rng.uniform(0.03, 0.12))
        p.paint(p.rng.uniform(0.1, 0.5) * disc, p.rng.uniform(0.1, 1) + p.rng.uniform(-0.2, 0.2, 3))


def _strands(p: Portrait) -> Floats:
    """Return a picture of hair falling from the crown with a band of shine, shape ``(size, size, 3)``."""
    angle = np.arctan2(p.x - p.rng.uniform(-0.35, 0.35), p.y + 1.25) + 0.03 * p.noise(8)
    streaks = p.rng.standard_normal(260, dtype=np.float32)[((angle + 3.5) * 37).astype(np.intp)]
    shine = p.bump(0.9 * p.light[0], -0.85, 0.5, 0.16)
    tone = 0.85 + 0.14 * blur(streaks, p.size / 256) + 0.35 * shine + 0.25 * p.light[0] * p.x
    return np.asarray(p.hair * np.clip(tone, 0.3, 2)[..., None] + 0.05 * shine[..., None], np.float32)


def _paint_back_hair(p: Portrait, locks: Floats) -> None:
    if p.haircut in ("shaved", "short"):
        return
    if p.haircut == "curly":
        contour = ellipse(0, -0.25, 1.35, 0.98) * (1 + 0.03 * p.rng.standard_normal((28, 1)))
    else:
        length, flare = (p.rng.uniform(1.2, 2.0), 1.25) if p.haircut == "long" else (p.rng.uniform(0.6, 0.95), 1.3)
        sides = [[1.2, 0.0], [flare, length], [-flare, length], [-1.2, 0.0], [-1.12, -0.6]]
        contour = np.concatenate([ellipse(0, -0.5, 1.12, 0.62)[14:], sides])
    p.paint(p.mask(contour * [p.width, 1], 0.02), locks * 0.7)


def _paint_body(p: Portrait) -> None:
    neck, shoulder = p.width * p.rng.uniform(0.52, 0.68), p.rng.uniform(1.25, 1.4)
    fall = np.clip(0.75 + 0.3 * p.light[0] * p.x - 0.25 * p.bump(0, 0.95, 0.6, 0.22), 0.25, 1.1)
    p.paint(p.mask([(-neck, 0.6), (neck, 0.6), (neck * 1.2, 1.7), (-neck * 1.2, 1.7)], 0.02), p.skin * fall[..., None])
    cloth = np.clip(p.rng.uniform(0.1, 0.8) + p.rng.uniform(-0.2, 0.2, 3), 0.05, 0.9).astype(np.float32)
    half = [(0, p.rng.uniform(1.28, 1.6)), (neck * 1.15, shoulder - 0.12), (1.5, shoulder + 0.22), (2.2, 3)]
    shirt = [*half, *((-x, y) for x, y in half[:0:-1])]
    folds = 0.9 + 0.06 * p.noise(9) + 0.2 * p.light[0] * p.x
    p.paint(p.mask(shirt, 0.015), cloth * folds[..., None])


def _relief(p: Portrait) -> Floats:
    """Return how bright the light leaves a head in relief (Lambert's law), shape ``(size, size)``, about 0.3 to 1.3."""
    narrow = p.width * (1 - p.jaw * np.clip(p.y, 0, 1) ** 2)
    height = 0.8 * np.sqrt(np.clip(1.08 - (p.x / narrow) ** 2 - 0.8 * p.y**2, 0.02, None))
    nose = p.rng.uniform(0.9, 1.3)
    height += nose * (0.07 * p.bump(p.turn, 0.10, 0.09, 0.22) + 0.12 * p.bump(p.turn * 1.4, 0.28, 0.12, 0.10))
    for side in (-1, 1):
        height -= 0.07 * p.bump(p.turn + side * 0.30, -0.06, 0.19, 0.11)
        height += 0.05 * p.bump(p.turn + side * 0.36, 0.27, 0.20, 0.16)
    height += 0.05 * p.bump(p.turn, 0.56, 0.22, 0.10) + 0.05 * p.bump(p.turn, 0.86, 0.18, 0.11)
    height = blur(height, 0.02 * p.unit)
    right, down = cv2.Sobel(height, -1, 1, 0, scale=p.unit / 8), cv2.Sobel(height, -1, 0, 1, scale=p.unit / 8)
    toward = (p.light[2] - p.light[0] * right - p.light[1] * down) / np.sqrt(1 + right**2 + down**2)
    facing, ambient = np.clip(toward, 0, 1), p.rng.uniform(0.35, 0.6)
    return np.asarray(ambient + (1.08 - ambient) * facing + p.rng.uniform(0.05, 0.25) * facing**24, np.float32)


def _paint_head(p: Portrait) -> None:
    for side in (-p.width, p.width):
        p.paint(p.mask(ellipse(side, 0.08, 0.11, 0.21), 0.01), p.skin * 0.86)
        p.paint(0.5 * p.mask(ellipse(side, 0.08, 0.05, 0.13), 0.02), p.skin * 0.5)
    pores = p.rng.uniform(0.010, 0.045) * p.noise(p.size) + 0.02 * p.noise(p.size // 4) + 0.025 * p.noise(9)
    cheeks = p.bump(p.turn - 0.4, 0.28, 0.2, 0.16) + p.bump(p.turn + 0.4, 0.28, 0.2, 0.16)
    tint = 1 + p.rng.uniform(0, 0.16) * cheeks[..., None] * np.array([0.5, -0.7, -0.6], np.float32)
    p.paint(p.mask(egg(p.width, p.jaw), 0.01), p.skin * tint * (_relief(p) + pores)[..., None])


def _paint_eyes(p: Portrait) -> None:
    half, opening, iris = p.rng.uniform(0.14, 0.175), p.rng.uniform(0.055, 0.085), _pick(p.rng, _IRIS)
    gaze, tilt, lid = p.rng.uniform(-0.03, 0.03), p.rng.normal(0, 0.015), p.rng.uniform(0.2, 0.7)
    along = np.cos(np.linspace(np.pi, 0, 12))
    arch = np.sqrt(1 - along**2)
    for side in (-1, 1):
        middle = p.turn + side * p.eye_gap
        x, axis = middle + half * along, p.eye_level + side * tilt * along
        upper, lower = axis - opening * arch**0.8, axis + 0.7 * opening * arch
        p.paint(0.35 * p.mask(_band(x, upper - 0.05, lower - 0.05), 0.025), p.skin * 0.45)
        ball = p.mask(_band(x, upper, lower))
        p.paint(ball, (0.90, 0.88, 0.86))
        for radius, colour in ((0.078, iris * 0.55), (0.064, iris), (0.032, iris * 0.1)):
            p.paint(ball * p.mask(ellipse(middle + gaze, p.eye_level - 0.01, radius, radius)), colour)
        p.paint(0.9 * ball * p.mask(ellipse(middle + gaze + 0.025, p.eye_level - 0.035, 0.018, 0.018)), (1, 1, 1))
        p.paint(0.85 * p.mask(_band(x, upper - 0.012, upper + 0.02), 0.006), p.skin * 0.15)
        p.paint(lid * p.mask(_band(x, lower, lower + 0.018), 0.01), p.skin * 0.5)


def _paint_brows(p: Portrait) -> None:
    thick, arch, lift = p.rng.uniform(0.025, 0.055), p.rng.uniform(0.02, 0.08), p.rng.uniform(0.17, 0.23)
    along = np.linspace(-1, 1, 9)
    middle = p.eye_level - lift - arch * (1 - (along - 0.3) ** 2) + 0.03 * along
    for side in (-1, 1):
        x, half = p.turn + side * (p.eye_gap + 0.2 * along), thick * (0.9 - 0.7 * along**2 * (along > 0))
        p.paint(0.8 * p.mask(_band(x, middle - half, middle + half), 0.014), p.hair * 0.75)


def _paint_nose(p: Portrait) -> None:
    wing = p.rng.uniform(0.07, 0.10)
    p.paint(0.35 * p.mask(ellipse(1.4 * p.turn, 0.375, wing * 1.25, 0.03), 0.02), p.skin * 0.4)
    for side in (-0.6, 0.6):
        p.paint(0.7 * p.mask(ellipse(1.4 * p.turn + side * wing, 0.36, 0.03, 0.016), 0.01), p.skin * 0.2)


def _paint_mouth(p: Portrait) -> None:
    half, level, smile = p.rng.uniform(0.2, 0.29), p.rng.uniform(0.56, 0.62), p.rng.uniform(-0.02, 0.07)
    gap, bow, full = max(0.0, p.rng.uniform(-0.05, 0.05)), p.rng.uniform(0.05, 0.085), p.rng.uniform(0.07, 0.12)
    lips = np.clip(p.skin * p.rng.uniform((0.75, 0.45, 0.45), (0.95, 0.65, 0.68)), 0, 1)
    along = np.linspace(-1, 1, 15)
    x, line, arch = p.turn + half * along, level - smile * along**2, 1 - along**2
    upper = line - gap * arch - bow * arch**0.7 * (1 - 0.3 * np.exp(-((along / 0.16) ** 2)))
    p.paint(0.3 * p.mask(ellipse(p.turn, level + 0.15, half * 0.6, 0.025), 0.025), p.skin * 0.45)
    p.paint(p.mask(_band(x, upper, line + (gap + full) * arch), 0.008), lips)
    p.paint(0.3 * p.mask(ellipse(p.turn, level + 0.055 + gap, half * 0.45, 0.015), 0.015), (1, 0.9, 0.88))
    inside = p.mask(_band(x, line - gap * arch - 0.008, line + gap * arch + 0.012), 0.004)
    p.paint(0.9 * inside, lips * 0.3)
    if gap > 0.015:
        p.paint(inside * p.mask(ellipse(p.turn, level - gap * 0.4, half * 0.7, gap)), (0.92, 0.9, 0.86))


def _paint_beard(p: Portrait) -> None:
    angle = np.linspace(0, np.pi, 20)
    outer = np.column_stack([p.width * 0.96 * np.cos(angle), 0.2 + 0.82 * np.sin(angle) ** 0.8])
    inner = np.column_stack([p.turn - 0.52 * np.cos(angle), 0.2 + 0.26 * np.sin(angle)])
    grain = np.clip(0.8 + 0.12 * p.noise(p.size), 0, 1) * p.rng.uniform(0.15, 0.8)
    p.paint(p.mask(np.concatenate([outer, inner]), 0.06) * grain, p.hair)


def _paint_front_hair(p: Portrait, locks: Floats) -> None:
    low = p.rng.uniform(-0.42, -0.32) if p.haircut == "bob" else p.rng.uniform(-0.72, -0.52)
    thick, opaque = (0.02, p.rng.uniform(0, 0.6)) if p.haircut == "shaved" else (p.rng.uniform(0.06, 0.16), 1.0)
    across = np.linspace(1, -1, 17)
    line = low + p.rng.uniform(-0.2, 0.2) * across * (1 - across**2) + 0.45 * np.abs(across) ** 5
    inner = np.column_stack([p.width * 0.99 * across, line + 0.02 * p.rng.standard_normal(17)])
    angle, foot = np.linspace(np.pi, 2 * np.pi, 24), low + 0.45
    outer = np.column_stack([p.width * (1 + thick) * np.cos(angle), foot + (1 + thick + foot) * np.sin(angle)])
    p.paint(opaque * p.mask(np.concatenate([outer, inner]), 0.012 if opaque == 1 else 0.03), locks)


def _paint_glasses(p: Portrait) -> None:
    wide, high, rim = p.rng.uniform(0.2, 0.24), p.rng.uniform(0.15, 0.2), p.rng.uniform(0.015, 0.035)
    frame = p.mask(ellipse(p.turn, p.eye_level, p.eye_gap - wide, rim * 0.8))
    for side in (-1, 1):
        x, y = p.turn + side * p.eye_gap, p.eye_level + 0.02
        lens = p.mask(ellipse(x, y, wide, high))
        frame = np.maximum(frame, p.mask(ellipse(x, y, wide + rim, high + rim)) - lens)
        p.paint(0.12 * lens, (0.9, 0.95, 1.0))
    p.paint(frame, p.rng.uniform(0.02, 0.35, 3))
