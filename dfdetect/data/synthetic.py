"""Generated faces: drawn portraits and three kinds of local forgery, for trying the tool without a download.

These pictures demonstrate the tool. They are cartoons with invented forgeries: a score reached on them is no
evidence about how well a model recognises real fakes.

A picture is made in four steps: paint a person, photograph them (lens, exposure, sensor noise), forge the photo
unless it is to be real, and save it as JPEG. Each step has its own random stream, so the real picture and every
forgery of one ``(seed, index)`` agree exactly outside the forged region, and all share the camera and the encoder.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

KINDS = ("part_swap", "upsampled", "smoothed")

Floats: TypeAlias = npt.NDArray[np.float32]
Polygon: TypeAlias = npt.NDArray[np.float64]

_PERSON, _CAMERA, _FORGERY, _DONOR, _ENCODER = range(5)
_SKIN = ((0.97, 0.83, 0.74), (0.92, 0.74, 0.61), (0.80, 0.60, 0.46), (0.61, 0.42, 0.31), (0.40, 0.27, 0.20))
_HAIR = ((0.09, 0.07, 0.07), (0.23, 0.14, 0.09), (0.42, 0.25, 0.14), (0.76, 0.58, 0.34), (0.62, 0.61, 0.60))
_IRIS = ((0.25, 0.15, 0.08), (0.38, 0.27, 0.12), (0.30, 0.42, 0.28), (0.32, 0.47, 0.62), (0.45, 0.50, 0.53))
_HAIRCUTS = ("shaved", "short", "curly", "long", "bob")
# Centre and half axes, in face coordinates, of what a part swap replaces: eyes, nose, mouth.
_PARTS = ((0.0, -0.1, 0.66, 0.29), (0.0, 0.2, 0.33, 0.38), (0.0, 0.6, 0.46, 0.28))


@dataclass(frozen=True)
class Face:
    """One generated picture.

    Attributes:
        image: RGB picture, shape ``(size, size, 3)``, ``uint8``.
        mask: Forged pixels, shape ``(size, size)``, ``bool``; all ``False`` in a real picture.
        kind: ``"real"`` or one of :data:`KINDS`.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    kind: str


def draw_face(seed: int, index: int, kind: str = "real", size: int = 128) -> Face:
    """Draw one face, the same for the same arguments.

    Args:
        seed: Seed of the collection, 0 or more.
        index: Number of the face within the collection, 0 or more.
        kind: ``"real"`` or one of :data:`KINDS`.
        size: Height and width in pixels, 32 or more.

    Raises:
        ValueError: If ``kind`` is unknown or ``size`` is too small to hold a face.
    """
    if kind not in ("real", *KINDS):
        raise ValueError(f"unknown kind {kind!r}: choose 'real' or one of {', '.join(KINDS)}")
    if size < 32:
        raise ValueError(f"a face needs 32 pixels or more, got size={size}")
    person = _Portrait(np.random.default_rng([seed, index, _PERSON]), size)
    photo = _photograph(person.pixels, np.random.default_rng([seed, index, _CAMERA]))
    alpha = np.zeros((size, size), np.float32)
    rng = np.random.default_rng([seed, index, _FORGERY])
    if kind == "part_swap":
        donor = _Portrait(np.random.default_rng([seed, index, _DONOR]), size)
        forged, alpha = _swap_part(photo, person, _photograph(donor.pixels, rng), donor, rng)
    elif kind == "upsampled":
        forged, alpha = _upsample(photo, person, rng)
    elif kind == "smoothed":
        forged, alpha = _smooth(photo, person, rng)
    else:
        forged = photo
    photo = photo + alpha[..., None] * (forged - photo)
    return Face(np.clip(photo * 255 + 0.5, 0, 255).astype(np.uint8), alpha > 0, kind)


def generate_faces(root: Path, count: int, seed: int = 0, size: int = 128, progress: bool = True) -> None:
    """Write ``root/real/00000.jpg``, ``root/fake/<kind>/00001.jpg`` and so on: half real, the kinds in turn.

    ``root`` appears only when every picture is written, so a killed run is never mistaken for a finished one.

    Args:
        root: Folder to create.
        count: Number of pictures.
        seed: Seed of the collection, 0 or more.
        size: Height and width in pixels, 32 or more.
        progress: Show a progress bar.

    Raises:
        FileExistsError: If ``root`` already holds something.
    """
    if root.exists():
        if not root.is_dir() or any(root.iterdir()):
            raise FileExistsError(f"{root} is in use: remove it or choose another folder for the generated faces")
        root.rmdir()
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as scratch:
        # The scratch folder is readable by its owner only; the folder inside it has the usual permissions.
        unfinished = Path(scratch) / "faces"
        for folder in ("real", *(f"fake/{kind}" for kind in KINDS)):
            (unfinished / folder).mkdir(parents=True)
        for index in tqdm(range(count), desc="drawing faces", unit="face", disable=not progress):
            kind = KINDS[index // 2 % len(KINDS)] if index % 2 else "real"
            quality = int(np.random.default_rng([seed, index, _ENCODER]).integers(78, 97))
            file = unfinished / ("real" if kind == "real" else f"fake/{kind}") / f"{index:05d}.jpg"
            file.write_bytes(_encode(draw_face(seed, index, kind, size).image, quality))
        os.replace(unfinished, root)


def _encode(image: npt.NDArray[np.uint8], quality: int) -> bytes:
    """Encode an RGB picture as JPEG; the pictures of both classes come through here."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG: reinstall opencv-python-headless")
    return data.tobytes()


class _Portrait:
    """A person painted in face coordinates: the crown is at (0, -1), the chin at (0, 1), x to the right.

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
        return _blur(np.asarray(drawn / np.float32(255)), soft * self.unit)

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


def _blur(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32) if sigma > 0.05 else values


def _pick(rng: np.random.Generator, palette: Sequence[Sequence[float]]) -> Floats:
    """Return a colour between two neighbours of a palette."""
    place = rng.uniform(0, len(palette) - 1)
    mixed = [np.interp(place, range(len(palette)), channel) for channel in zip(*palette, strict=True)]
    return np.asarray(np.clip(mixed + rng.normal(0, 0.02, 3), 0.03, 1), np.float32)


def _ellipse(x: float, y: float, width: float, height: float) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.column_stack([x + width * np.cos(angle), y + height * np.sin(angle)])


def _egg(width: float, jaw: float) -> Polygon:
    """Return the contour of a head, narrowed towards the chin by ``jaw``."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x, y = np.sin(angle), -np.cos(angle)
    return np.column_stack([width * np.sign(x) * np.abs(x) ** 0.85 * (1 - jaw * np.clip(y, 0, 1) ** 1.5), y])


def _band(x: Polygon, upper: Polygon, lower: Polygon) -> Polygon:
    """Return the polygon between two curves."""
    return np.column_stack([np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]])])


def _paint_background(p: _Portrait) -> None:
    ends = np.clip(p.rng.uniform(0.15, 0.9) + p.rng.normal(0, 0.08, (2, 3)), 0.05, 0.98).astype(np.float32)
    angle = p.rng.uniform(0, 2 * np.pi)
    slope = np.clip(0.5 + 0.25 * (p.x * float(np.cos(angle)) + p.y * float(np.sin(angle))), 0, 1)
    texture = p.rng.uniform(0, 0.05) * p.noise(int(p.rng.integers(4, 40))) + p.rng.uniform(0, 0.05) * p.noise(5)
    p.pixels = ends[0] + slope[..., None] * (ends[1] - ends[0]) + texture[..., None]
    for _ in range(p.rng.integers(0, 7)):
        x, y = p.rng.uniform(-1.6, 1.6, 2)
        disc = p.mask(_ellipse(x, y, *p.rng.uniform(0.1, 0.4, 2)), p.rng.uniform(0.03, 0.12))
        p.paint(p.rng.uniform(0.1, 0.5) * disc, p.rng.uniform(0.1, 1) + p.rng.uniform(-0.2, 0.2, 3))


def _strands(p: _Portrait) -> Floats:
    """Return a picture of hair falling from the crown with a band of shine, shape ``(size, size, 3)``."""
    angle = np.arctan2(p.x - p.rng.uniform(-0.35, 0.35), p.y + 1.25) + 0.03 * p.noise(8)
    streaks = p.rng.standard_normal(260, dtype=np.float32)[((angle + 3.5) * 37).astype(np.intp)]
    shine = p.bump(0.9 * p.light[0], -0.85, 0.5, 0.16)
    tone = 0.85 + 0.14 * _blur(streaks, p.size / 256) + 0.35 * shine + 0.25 * p.light[0] * p.x
    return np.asarray(p.hair * np.clip(tone, 0.3, 2)[..., None] + 0.05 * shine[..., None], np.float32)


def _paint_back_hair(p: _Portrait, locks: Floats) -> None:
    if p.haircut in ("shaved", "short"):
        return
    if p.haircut == "curly":
        contour = _ellipse(0, -0.25, 1.35, 0.98) * (1 + 0.03 * p.rng.standard_normal((28, 1)))
    else:
        length, flare = (p.rng.uniform(1.2, 2.0), 1.25) if p.haircut == "long" else (p.rng.uniform(0.6, 0.95), 1.3)
        sides = [[1.2, 0.0], [flare, length], [-flare, length], [-1.2, 0.0], [-1.12, -0.6]]
        contour = np.concatenate([_ellipse(0, -0.5, 1.12, 0.62)[14:], sides])
    p.paint(p.mask(contour * [p.width, 1], 0.02), locks * 0.7)


def _paint_body(p: _Portrait) -> None:
    neck, shoulder = p.width * p.rng.uniform(0.52, 0.68), p.rng.uniform(1.25, 1.4)
    fall = np.clip(0.75 + 0.3 * p.light[0] * p.x - 0.25 * p.bump(0, 0.95, 0.6, 0.22), 0.25, 1.1)
    p.paint(p.mask([(-neck, 0.6), (neck, 0.6), (neck * 1.2, 1.7), (-neck * 1.2, 1.7)], 0.02), p.skin * fall[..., None])
    cloth = np.clip(p.rng.uniform(0.1, 0.8) + p.rng.uniform(-0.2, 0.2, 3), 0.05, 0.9).astype(np.float32)
    half = [(0, p.rng.uniform(1.28, 1.6)), (neck * 1.15, shoulder - 0.12), (1.5, shoulder + 0.22), (2.2, 3)]
    shirt = [*half, *((-x, y) for x, y in half[:0:-1])]
    folds = 0.9 + 0.06 * p.noise(9) + 0.2 * p.light[0] * p.x
    p.paint(p.mask(shirt, 0.015), cloth * folds[..., None])


def _relief(p: _Portrait) -> Floats:
    """Return how bright the light leaves a head in relief (Lambert's law), shape ``(size, size)``, about 0.3 to 1.3."""
    narrow = p.width * (1 - p.jaw * np.clip(p.y, 0, 1) ** 2)
    height = 0.8 * np.sqrt(np.clip(1.08 - (p.x / narrow) ** 2 - 0.8 * p.y**2, 0.02, None))
    nose = p.rng.uniform(0.9, 1.3)
    height += nose * (0.07 * p.bump(p.turn, 0.10, 0.09, 0.22) + 0.12 * p.bump(p.turn * 1.4, 0.28, 0.12, 0.10))
    for side in (-1, 1):
        height -= 0.07 * p.bump(p.turn + side * 0.30, -0.06, 0.19, 0.11)
        height += 0.05 * p.bump(p.turn + side * 0.36, 0.27, 0.20, 0.16)
    height += 0.05 * p.bump(p.turn, 0.56, 0.22, 0.10) + 0.05 * p.bump(p.turn, 0.86, 0.18, 0.11)
    height = _blur(height, 0.02 * p.unit)
    right, down = cv2.Sobel(height, -1, 1, 0, scale=p.unit / 8), cv2.Sobel(height, -1, 0, 1, scale=p.unit / 8)
    toward = (p.light[2] - p.light[0] * right - p.light[1] * down) / np.sqrt(1 + right**2 + down**2)
    facing, ambient = np.clip(toward, 0, 1), p.rng.uniform(0.35, 0.6)
    return np.asarray(ambient + (1.08 - ambient) * facing + p.rng.uniform(0.05, 0.25) * facing**24, np.float32)


def _paint_head(p: _Portrait) -> None:
    for side in (-p.width, p.width):
        p.paint(p.mask(_ellipse(side, 0.08, 0.11, 0.21), 0.01), p.skin * 0.86)
        p.paint(0.5 * p.mask(_ellipse(side, 0.08, 0.05, 0.13), 0.02), p.skin * 0.5)
    pores = p.rng.uniform(0.010, 0.045) * p.noise(p.size) + 0.02 * p.noise(p.size // 4) + 0.025 * p.noise(9)
    cheeks = p.bump(p.turn - 0.4, 0.28, 0.2, 0.16) + p.bump(p.turn + 0.4, 0.28, 0.2, 0.16)
    tint = 1 + p.rng.uniform(0, 0.16) * cheeks[..., None] * np.array([0.5, -0.7, -0.6], np.float32)
    p.paint(p.mask(_egg(p.width, p.jaw), 0.01), p.skin * tint * (_relief(p) + pores)[..., None])


def _paint_eyes(p: _Portrait) -> None:
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
            p.paint(ball * p.mask(_ellipse(middle + gaze, p.eye_level - 0.01, radius, radius)), colour)
        p.paint(0.9 * ball * p.mask(_ellipse(middle + gaze + 0.025, p.eye_level - 0.035, 0.018, 0.018)), (1, 1, 1))
        p.paint(0.85 * p.mask(_band(x, upper - 0.012, upper + 0.02), 0.006), p.skin * 0.15)
        p.paint(lid * p.mask(_band(x, lower, lower + 0.018), 0.01), p.skin * 0.5)


def _paint_brows(p: _Portrait) -> None:
    thick, arch, lift = p.rng.uniform(0.025, 0.055), p.rng.uniform(0.02, 0.08), p.rng.uniform(0.17, 0.23)
    along = np.linspace(-1, 1, 9)
    middle = p.eye_level - lift - arch * (1 - (along - 0.3) ** 2) + 0.03 * along
    for side in (-1, 1):
        x, half = p.turn + side * (p.eye_gap + 0.2 * along), thick * (0.9 - 0.7 * along**2 * (along > 0))
        p.paint(0.8 * p.mask(_band(x, middle - half, middle + half), 0.014), p.hair * 0.75)


def _paint_nose(p: _Portrait) -> None:
    wing = p.rng.uniform(0.07, 0.10)
    p.paint(0.35 * p.mask(_ellipse(1.4 * p.turn, 0.375, wing * 1.25, 0.03), 0.02), p.skin * 0.4)
    for side in (-0.6, 0.6):
        p.paint(0.7 * p.mask(_ellipse(1.4 * p.turn + side * wing, 0.36, 0.03, 0.016), 0.01), p.skin * 0.2)


def _paint_mouth(p: _Portrait) -> None:
    half, level, smile = p.rng.uniform(0.2, 0.29), p.rng.uniform(0.56, 0.62), p.rng.uniform(-0.02, 0.07)
    gap, bow, full = max(0.0, p.rng.uniform(-0.05, 0.05)), p.rng.uniform(0.05, 0.085), p.rng.uniform(0.07, 0.12)
    lips = np.clip(p.skin * p.rng.uniform((0.75, 0.45, 0.45), (0.95, 0.65, 0.68)), 0, 1)
    along = np.linspace(-1, 1, 15)
    x, line, arch = p.turn + half * along, level - smile * along**2, 1 - along**2
    upper = line - gap * arch - bow * arch**0.7 * (1 - 0.3 * np.exp(-((along / 0.16) ** 2)))
    p.paint(0.3 * p.mask(_ellipse(p.turn, level + 0.15, half * 0.6, 0.025), 0.025), p.skin * 0.45)
    p.paint(p.mask(_band(x, upper, line + (gap + full) * arch), 0.008), lips)
    p.paint(0.3 * p.mask(_ellipse(p.turn, level + 0.055 + gap, half * 0.45, 0.015), 0.015), (1, 0.9, 0.88))
    inside = p.mask(_band(x, line - gap * arch - 0.008, line + gap * arch + 0.012), 0.004)
    p.paint(0.9 * inside, lips * 0.3)
    if gap > 0.015:
        p.paint(inside * p.mask(_ellipse(p.turn, level - gap * 0.4, half * 0.7, gap)), (0.92, 0.9, 0.86))


def _paint_beard(p: _Portrait) -> None:
    angle = np.linspace(0, np.pi, 20)
    outer = np.column_stack([p.width * 0.96 * np.cos(angle), 0.2 + 0.82 * np.sin(angle) ** 0.8])
    inner = np.column_stack([p.turn - 0.52 * np.cos(angle), 0.2 + 0.26 * np.sin(angle)])
    grain = np.clip(0.8 + 0.12 * p.noise(p.size), 0, 1) * p.rng.uniform(0.15, 0.8)
    p.paint(p.mask(np.concatenate([outer, inner]), 0.06) * grain, p.hair)


def _paint_front_hair(p: _Portrait, locks: Floats) -> None:
    low = p.rng.uniform(-0.42, -0.32) if p.haircut == "bob" else p.rng.uniform(-0.72, -0.52)
    thick, opaque = (0.02, p.rng.uniform(0, 0.6)) if p.haircut == "shaved" else (p.rng.uniform(0.06, 0.16), 1.0)
    across = np.linspace(1, -1, 17)
    line = low + p.rng.uniform(-0.2, 0.2) * across * (1 - across**2) + 0.45 * np.abs(across) ** 5
    inner = np.column_stack([p.width * 0.99 * across, line + 0.02 * p.rng.standard_normal(17)])
    angle, foot = np.linspace(np.pi, 2 * np.pi, 24), low + 0.45
    outer = np.column_stack([p.width * (1 + thick) * np.cos(angle), foot + (1 + thick + foot) * np.sin(angle)])
    p.paint(opaque * p.mask(np.concatenate([outer, inner]), 0.012 if opaque == 1 else 0.03), locks)


def _paint_glasses(p: _Portrait) -> None:
    wide, high, rim = p.rng.uniform(0.2, 0.24), p.rng.uniform(0.15, 0.2), p.rng.uniform(0.015, 0.035)
    frame = p.mask(_ellipse(p.turn, p.eye_level, p.eye_gap - wide, rim * 0.8))
    for side in (-1, 1):
        x, y = p.turn + side * p.eye_gap, p.eye_level + 0.02
        lens = p.mask(_ellipse(x, y, wide, high))
        frame = np.maximum(frame, p.mask(_ellipse(x, y, wide + rim, high + rim)) - lens)
        p.paint(0.12 * lens, (0.9, 0.95, 1.0))
    p.paint(frame, p.rng.uniform(0.02, 0.35, 3))


def _photograph(scene: Floats, rng: np.random.Generator) -> Floats:
    """Pass a scene through a camera: uneven focus, exposure, white balance and sensor noise; values 0 to 1."""
    size, pixel = len(scene), len(scene) / 128
    photo = _blur(scene, pixel * rng.uniform(0, 0.7))
    # Innocent soft spots: softness alone must not mean fake.
    steps = np.arange(size, dtype=np.float32)
    x, y, reach = rng.uniform(0, size), rng.uniform(0, size), size * rng.uniform(0.1, 0.3)
    spot = np.exp(-(((steps - y) / reach) ** 2))[:, None] * np.exp(-(((steps - x) / reach) ** 2))
    photo = photo + spot[..., None] * (_blur(photo, pixel * rng.uniform(0.5, 1.6)) - photo)
    photo = photo + rng.uniform(0, 0.9) * (photo - _blur(photo, pixel))
    gain = (rng.uniform(0.8, 1.15) * rng.normal(1, 0.04, 3)).astype(np.float32)
    photo = np.clip(photo * gain, 0, 1) ** rng.uniform(0.85, 1.2)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * np.sqrt(0.3 + photo)
    return np.asarray(np.clip(photo + rng.uniform(0.015, 0.038) * grain, 0, 1), np.float32)


def _feather(person: _Portrait, points: Polygon, soft: float) -> Floats:
    """Return the blending weight of a forged region, shape ``(size, size)``, exactly 0 outside it."""
    alpha = person.mask(points, soft)
    return np.where(alpha > 0.02, alpha, np.float32(0))


def _swap_part(
    photo: Floats, person: _Portrait, other_photo: Floats, other: _Portrait, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Lay the eyes, nose or mouth of a smaller photo over the same place, its colour only partly matched."""
    alpha = _feather(person, _ellipse(*_PARTS[rng.integers(len(_PARTS))]), rng.uniform(0.0, 0.02))
    shrink = rng.uniform(0.35, 0.5)
    small = cv2.resize(other_photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    move = person.to_pixel @ np.linalg.inv(np.vstack([shrink * other.to_pixel, (0, 0, 1)]))
    part = cv2.warpAffine(small, move, alpha.shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    here, there = ((alpha[..., None] * picture).sum((0, 1)) / alpha.sum() for picture in (photo, part))
    return part + rng.uniform(0.2, 0.8) * (here - there), alpha


def _upsample(photo: Floats, person: _Portrait, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Rebuild the face from half its resolution by a strided transposed convolution.

    Its uneven overlap leaves a grid, as generators do (Odena et al., Deconvolution and Checkerboard Artifacts, 2016).
    """
    size, half = len(photo), (len(photo) + 1) // 2
    spread = np.zeros((2 * half, 2 * half, 3), np.float32)
    spread[::2, ::2] = cv2.resize(photo, (half, half), interpolation=cv2.INTER_AREA)
    side = rng.uniform(0.43, 0.485)
    kernel = np.outer((side, 1, side), (side, 1, side))
    forged = np.asarray(cv2.filter2D(spread, -1, 4 * kernel / kernel.sum())[:size, :size], np.float32)
    # Without new sharpness and grain the file would be smaller than a real one.
    forged = forged + rng.uniform(0.1, 0.6) * (forged - _blur(forged, 1.0))
    forged = forged + rng.uniform(0.025, 0.05) * rng.standard_normal((size, size, 1), dtype=np.float32)
    return forged, _feather(person, _egg(0.72, 0.25) * 0.9, 0.06)


def _smooth(photo: Floats, person: _Portrait, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Retouch one area of the face until its texture is gone."""
    x, y = rng.uniform((-0.3, -0.3), (0.3, 0.6))
    alpha = _feather(person, _ellipse(x, y, *rng.uniform(0.34, 0.56, 2)), rng.uniform(0.01, 0.05))
    return _blur(photo, len(photo) / 128 * rng.uniform(1.1, 1.8)), alpha
