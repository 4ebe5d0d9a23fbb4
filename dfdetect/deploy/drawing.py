"""Boxes, labels and heatmaps on pictures: for the page and for annotated videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.resize import Frame, cut_out
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict, face_numbers
from dfdetect.evaluation.colours import CLASS_COLOURS, UNCERTAIN_COLOUR
from dfdetect.explain.maps import evidence
from dfdetect.explain.overlay import overlay, with_regions
from dfdetect.explain.regions import Share, merged, regions, shares

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]


def _rgb(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


COLOURS = {"real": _rgb(CLASS_COLOURS[0]), "fake": _rgb(CLASS_COLOURS[1]), "uncertain": _rgb(UNCERTAIN_COLOUR)}
_WHITE: Colour = (255, 255, 255)
_GREY: Colour = (128, 128, 128)
_HEIGHT, _WIDEST = 180, 320


def draw_boxes(
    image: Pixels, boxes: Iterable[tuple[tuple[float, float, float, float], str, str]], thick: int | None = None
) -> None:
    """Draw (left, top, width, height), verdict and label into an image, (H, W, 3) RGB uint8, in place."""
    thick = thick or max(1, round(max(image.shape[:2]) / 320))
    size = max(0.4, max(image.shape[:2]) / 1400)
    for (left, top, width, height), verdict, label in boxes:
        colour = COLOURS[verdict]
        corner = round(left), round(top)
        cv2.rectangle(image, corner, (round(left + width), round(top + height)), colour, thick, cv2.LINE_AA)
        if label:
            (across, up), below = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
            foot = max(corner[1], up + below + 2)  # at the picture's top the label stands inside the box
            cv2.rectangle(image, (corner[0], foot - up - below - 2), (corner[0] + across + 4, foot), colour, cv2.FILLED)
            place = corner[0] + 2, foot - below
            cv2.putText(image, label, place, cv2.FONT_HERSHEY_SIMPLEX, size, _WHITE, thick, cv2.LINE_AA)


@dataclass(frozen=True)
class Still:
    """What a page shows of a picture, while its verdict is not yet known.

    Attributes:
        small: (_HEIGHT, at most _WIDEST, 3) the whole picture.
        scale: its size beside the picture's.
        panels: the most fake face's square, the same with its evidence, and with its regions; empty without a heatmap.
        shares: of the evidence, by region; empty without landmarks.
    """

    small: Pixels
    scale: float
    panels: tuple[Pixels, ...] = ()
    shares: Mapping[str, Share] = field(default_factory=dict)


def still(image: Pixels, faces: Sequence[FaceVerdict], facts: ModelFacts) -> Still:
    """Shrink a picture, (H, W, 3) RGB uint8, and its most fake face that has a heatmap of a model with these facts."""
    scale = min(_HEIGHT / image.shape[0], _WIDEST / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    first = max((one for one in faces if one.heatmap is not None), key=lambda one: one.p_fake or 0, default=None)
    if first is None or first.heatmap is None:
        return Still(small, scale)
    frame = Frame(*first.square, first.square[2]) if first.square else facts.seen(image.shape)
    shown = np.asarray(cv2.resize(cut_out(image, frame), (_HEIGHT, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    grid = facts.grid(first.heatmap.shape[-1])
    values = evidence(first.heatmap, facts.temperature)
    over = overlay(shown, values, grid=grid)
    if first.found is None:
        return Still(small, scale, (shown, over))
    masks = merged(regions(first.found, frame, shown.shape[:2]))
    return Still(small, scale, (shown, over, with_regions(shown, masks)), shares(values, masks, grid))


def thumbnail(of: Still, faces: Sequence[FaceVerdict], numbered: bool) -> bytes:
    """A small JPEG: the picture with boxes in their verdicts' colours, and the most fake face beside it."""
    small = of.small.copy()
    for face, number in zip(faces, face_numbers(faces), strict=True):
        if face.box is not None:
            left, top, width, height = (of.scale * n for n in face.box)
            label = str(number) if numbered else ""
            draw_boxes(small, [((left, top, width, height), face.verdict, label)], thick=2)
    lacking = _HEIGHT - small.shape[0] if of.panels else 0
    if lacking:
        small = np.asarray(cv2.copyMakeBorder(small, 0, lacking, 0, 0, cv2.BORDER_CONSTANT, value=_GREY), np.uint8)
    return as_jpeg(np.concatenate([small, *of.panels], axis=1))


def as_jpeg(image: Pixels) -> bytes:
    """(H, W, 3) RGB uint8 as a JPEG file's content."""
    done, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG: reinstall opencv-python-headless")
    return content.tobytes()
