"""Photo-like pictures, and what people do to photos."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.synthetic import draw_face

Pixels = npt.NDArray[np.uint8]


def photo(index: int, kind: str = "real", size: int = 256) -> Pixels:
    """A generated face before a textured wall of its own; forged ones of one index differ in the forgery alone."""
    face = draw_face(7, index, kind, size).image.astype(np.float32)
    rng = np.random.default_rng(index)
    texture = np.zeros((size, size, 1), np.float32)
    for cells in (12, 24, 48, 96):  # a spectrum that falls with frequency, as photos have
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        texture[..., 0] += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) * 160 / cells
    return np.clip(face + 2.5 * texture, 0, 255).astype(np.uint8)


def cut(image: Pixels, left: float, top: float, share: float) -> Pixels:
    """A square part, its place and side as shares of the picture."""
    size = len(image)
    x, y, side = round(left * size), round(top * size), round(share * size)
    return np.ascontiguousarray(image[y : y + side, x : x + side])


def scaled(image: Pixels, factor: float) -> Pixels:
    """The whole picture, larger or smaller."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=method), np.uint8)


def encoded(image: Pixels, quality: int) -> Pixels:
    """Through JPEG and back."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def shifted(image: Pixels) -> Pixels:
    """Moved, with grey where nothing is."""
    move = np.array([[1, 0, 0.15 * len(image)], [0, 1, -0.1 * len(image)]], np.float32)
    grey = (128, 128, 128)
    return np.asarray(cv2.warpAffine(image, move, image.shape[1::-1], borderValue=grey), np.uint8)


def recoloured(image: Pixels) -> Pixels:
    """Other hues, darker, more contrast in the shadows."""
    mixed = image.astype(np.float32) @ np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.4, 0.1, 0.5]], np.float32)
    return np.asarray(255 * (mixed / 255) ** 1.4, np.uint8)


def retouched(image: Pixels) -> Pixels:
    """Smoothed in the middle."""
    size = len(image)
    part = slice(size // 4, 3 * size // 4)
    edited = image.copy()
    edited[part, part] = cv2.GaussianBlur(image, (0, 0), 4)[part, part]
    return edited


def replaced(image: Pixels) -> Pixels:
    """A third of the picture, the middle of the face, comes from another photo."""
    size = len(image)
    edited = image.copy()
    box = slice(round(0.25 * size), round(0.8 * size))
    edited[box, box] = photo(999, size=size)[box, box]
    return edited


DERIVATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "edited": retouched,
    "cropped": lambda image: cut(image, 0.02, 0.2, 0.75),
    "shifted": shifted,
    "zoomed in 1.5 times": lambda image: cut(image, 1 / 6, 1 / 6, 2 / 3),
    "enlarged 1.5 times": lambda image: scaled(image, 1.5),
    "shrunk to half": lambda image: scaled(image, 0.5),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "re-encoded": lambda image: encoded(image, 40),
    "recoloured": recoloured,
    "grey": lambda image: np.repeat(image[..., 1:2], 3, axis=2),
    "part replaced": replaced,
    "squeezed": lambda image: np.asarray(cv2.resize(image, (256, 200)), np.uint8),
    "cropped, mirrored, recoloured, re-encoded": lambda image: encoded(
        recoloured(cut(image, 0.1, 0.05, 0.8))[:, ::-1].copy(), 60
    ),
}
