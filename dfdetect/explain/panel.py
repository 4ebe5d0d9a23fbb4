"""One face, explained, as a picture: what was judged, beside its evidence, beside the regions with their shares.

Drawn with Pillow and its own font: no plotting library has to be loaded to explain a photo.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dfdetect.evaluation.colours import CLASS_COLOURS, UNCERTAIN_COLOUR
from dfdetect.explain.colours import Scale, coloured
from dfdetect.explain.overlay import REGION_COLOURS
from dfdetect.explain.regions import BEHIND, Share

Pixels = npt.NDArray[np.uint8]

SIDE = 360
"""Pixels of each of the three pictures."""
_GAP, _MARGIN, _HEAD, _FOOT = 24, 24, 84, 214
_INK, _SOFT, _LINE = (25, 25, 25), (95, 95, 95), (215, 215, 215)
_WORDS = {"real": CLASS_COLOURS[0], "fake": CLASS_COLOURS[1], "uncertain": UNCERTAIN_COLOUR}


def panel(
    pictures: tuple[Pixels, Pixels, Pixels | None],
    title: tuple[str, str, str],
    scale: Scale,
    shares: Mapping[str, Share],
    notes: str,
) -> Pixels:
    """Lay out one face's explanation.

    Args:
        pictures: what was judged, the same with its evidence, the same with its regions; each (n, n, 3) RGB uint8, the
            last None without landmarks.
        title: verdict; what is said beside it; below, in small.
        scale: of the evidence.
        shares: of each region, as `merged` names them; empty without landmarks.
        notes: below the first picture.

    Returns:
        (H, W, 3) RGB uint8.
    """
    width = 2 * _MARGIN + 3 * SIDE + 2 * _GAP
    canvas = Image.new("RGB", (width, _HEAD + SIDE + _FOOT), "white")
    pen = _Pen(ImageDraw.Draw(canvas))
    lefts = [_MARGIN + i * (SIDE + _GAP) for i in range(3)]
    pen.write((_MARGIN, 16), title[0], 24, _WORDS.get(title[0], "#000000"))
    pen.write((_MARGIN + pen.width(title[0], 24) + 14, 21), _fitting(pen, title[1], 18, width - 220), 18)
    pen.write((_MARGIN, 52), _fitting(pen, title[2], 13, width - 2 * _MARGIN), 13, _SOFT)
    for left, picture in zip(lefts, pictures, strict=True):
        if picture is not None:
            canvas.paste(Image.fromarray(fitted(picture, SIDE)), (left, _HEAD))
    top = _HEAD + SIDE + 12
    pen.paragraph((lefts[0], top), notes, 13)
    _bar(canvas, pen, (lefts[1], top), scale)
    if shares:
        _table(pen, (lefts[2], top), shares, title[0])
    else:
        pen.paragraph((lefts[2], _HEAD + SIDE // 2 - 20), "No face was searched for, so there are no regions.", 13)
    return np.asarray(canvas, np.uint8)


def fitted(picture: Pixels, side: int) -> Pixels:
    """A picture as a square of `side` pixels."""
    method = cv2.INTER_AREA if min(picture.shape[:2]) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method), np.uint8)


def plain(text: str) -> str:
    """Text with every letter that Pillow's own font may lack as a question mark."""
    return "".join(one if " " <= one <= "~" or "\u00a1" <= one <= "\u017f" else "?" for one in text)


def percent(share: float | None) -> str:
    """A share in whole per cent; a dash where there is nothing to share."""
    return "-" if share is None else f"{100 * share:.0f}%"


def _bar(canvas: Image.Image, pen: "_Pen", corner: tuple[int, int], scale: Scale) -> None:
    """The scale, with its ends and what they mean."""
    left, top = corner
    values = np.linspace(-scale.full, scale.full, SIDE, dtype=np.float32)[None].repeat(16, axis=0)
    canvas.paste(Image.fromarray(coloured(values, scale)), (left, top))
    half = scale.full / 2
    for value in (-scale.full, -half, 0, half, scale.full):
        x = left + round((value / scale.full + 1) / 2 * (SIDE - 1))
        pen.line((x, top + 16, x, top + 21))
        text = f"{value:+g}" if value else "0"
        pen.write((min(max(x - pen.width(text, 13) // 2, left), left + SIDE - pen.width(text, 13)), top + 23), text, 13)
    pen.write((left, top + 42), "speaks for real", 13, _SOFT)
    pen.write((left + SIDE - pen.width("speaks for fake", 13), top + 42), "speaks for fake", 13, _SOFT)
    pen.write((left + (SIDE - pen.width("nothing", 13)) // 2, top + 42), "nothing", 13, _SOFT)
    text = f"In {scale.unit}. Grey is nothing, in every picture. Lines: solid from {half:+g}, dashed from {-half:+g}."
    pen.paragraph((left, top + 66), text, 13)


def _table(pen: "_Pen", corner: tuple[int, int], shares: Mapping[str, Share], verdict: str) -> None:
    left, top = corner
    columns = (("of the area", 188), (BEHIND[verdict], 300), ("adds", SIDE))
    for name, end in columns:
        pen.write((left + end - pen.width(name, 12), top), name, 12, _SOFT)
    total = sum(one.logits for one in shares.values())
    rows = [
        (name, REGION_COLOURS[name], percent(one.area), percent(one.behind(verdict)), f"{one.logits:+.2f}")
        for name, one in shares.items()
    ]
    y = top + 20
    for name, colour, *cells in rows:
        pen.box((left, y + 3, left + 12, y + 15), colour)
        pen.write((left + 18, y), name, 14)
        for cell, (_, end) in zip(cells, columns, strict=True):
            pen.write((left + end - pen.width(cell, 14), y), cell, 14)
        y += 23
    pen.line((left, y + 1, left + SIDE, y + 1))
    pen.write((left + 18, y + 5), "together", 14)
    text = f"{total:+.2f}"
    pen.write((left + SIDE - pen.width(text, 14), y + 5), text, 14)
    pen.paragraph((left, y + 30), "What regions add, in the scale's unit, is the picture's mean.", 12)


def _fitting(pen: "_Pen", text: str, size: int, width: int) -> str:
    """Text that fits a width: its middle is left out."""
    kept = text
    while pen.width(kept, size) > width and len(kept) > 8:
        text = text[: len(text) // 2 - 1] + text[len(text) // 2 + 1 :]
        kept = text[: len(text) // 2] + "..." + text[len(text) // 2 :]
    return kept


class _Pen:
    """Writes and draws on a picture; colours as Pillow takes them."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def write(self, corner: tuple[int, int], text: str, size: int, ink: Any = _INK) -> None:
        self._draw.text(corner, plain(text), ink, _font(size))

    def paragraph(self, corner: tuple[int, int], text: str, size: int) -> None:
        """Lines as wide as a picture."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".lstrip()
            lines[-1:] = [longer] if self.width(longer, size) <= SIDE or not lines[-1] else [lines[-1], word]
        for number, line in enumerate(lines):
            self.write((corner[0], corner[1] + number * round(1.35 * size)), line, size, _SOFT)

    def width(self, text: str, size: int) -> int:
        return round(self._draw.textlength(plain(text), _font(size)))

    def line(self, ends: tuple[int, int, int, int]) -> None:
        self._draw.line(ends, _LINE if ends[1] == ends[3] else _SOFT)

    def box(self, corners: tuple[int, int, int, int], colour: Any) -> None:
        self._draw.rectangle(corners, colour)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
