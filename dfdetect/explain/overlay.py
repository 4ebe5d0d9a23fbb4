"""Evidence laid over a picture, and regions drawn into it; for figures, pages and TensorBoard."""

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.explain.colours import EVIDENCE, NEUTRAL, Scale, coloured
from dfdetect.explain.grid import Grid, enlarged
from dfdetect.explain.regions import Mask

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

DETAIL = 0.45
"""How much of a picture's contrast stays below the colours: all of it would drown the scale's lightness."""
_LIGHT, _DARK = (255, 244, 232), (0, 12, 36)
REGION_COLOURS = {
    "eyes": (86, 180, 233),
    "left_eye": (86, 180, 233),
    "right_eye": (0, 114, 178),
    "nose": (0, 158, 115),
    "mouth": (204, 121, 167),
    "skin": (240, 228, 66),
    "hair/background": (150, 150, 150),
    "hair_background": (150, 150, 150),
}
"""Told apart by any colour vision: Okabe and Ito, "Color Universal Design" (2008)."""


def overlay(
    picture: Pixels, evidence: Floats, scale: Scale = EVIDENCE, lines: bool = True, grid: Grid | None = None
) -> Pixels:
    """Lay a map over a picture.

    The colour of a place depends on its value alone, so that pictures can be compared, and one in which nothing was
    found is grey. A solid light line encloses what speaks for fake with half the scale or more, a dashed dark one what
    speaks for real: they tell both apart where there is no colour.

    Args:
        picture: (H, W, 3) RGB uint8, the part that was judged.
        evidence: (h, w), signed, of any size.
        scale: what its values mean.
        lines: draw the lines.
        grid: where the map's cells lie; None for their middles.

    Returns:
        (H, W, 3) RGB uint8.
    """
    values = enlarged(evidence, (picture.shape[0], picture.shape[1]), grid)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    ink = coloured(values, scale).astype(np.float32) + DETAIL * (grey - NEUTRAL[0])
    drawn: Pixels = np.clip(ink + 0.5, 0, 255).astype(np.uint8)
    if lines:
        thick = max(1, round(min(picture.shape[:2]) / 200))
        for mask, colour, dashed in (
            (values >= scale.full / 2, _LIGHT, False),
            (values <= -scale.full / 2, _DARK, True),
        ):
            _outline(drawn, mask, colour, thick, dashed)
    return drawn


def with_regions(picture: Pixels, masks: Mapping[str, Mask]) -> Pixels:
    """Tint and outline each region of a picture, (H, W, 3) RGB uint8, by masks (H, W)."""
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.float32)
    thick = max(1, round(min(picture.shape[:2]) / 200))
    for name, mask in masks.items():
        strength = 0.0 if name.startswith("hair") else 0.2 if name == "skin" else 0.5
        grey[mask] += strength * (np.array(REGION_COLOURS[name], np.float32) - grey[mask])
    drawn: Pixels = np.clip(grey + 0.5, 0, 255).astype(np.uint8)
    for name in sorted(masks, key=lambda name: name != "skin"):  # the holes in it are outlined in their own colours
        if not name.startswith("hair"):
            _outline(drawn, masks[name], REGION_COLOURS[name], thick, False, cv2.RETR_EXTERNAL)
    return drawn


def _outline(
    image: Pixels, mask: Mask, colour: tuple[int, int, int], thick: int, dashed: bool, mode: int = cv2.RETR_LIST
) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), mode, cv2.CHAIN_APPROX_NONE)
    dash = 4 * thick
    for contour in contours:
        if not dashed:
            cv2.drawContours(image, [contour], -1, colour, thick, cv2.LINE_AA)
            continue
        for start in range(0, len(contour), 2 * dash):
            cv2.polylines(image, [contour[start : start + dash]], False, colour, thick, cv2.LINE_AA)
