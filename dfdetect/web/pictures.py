"""The pictures of an answer: what was judged, the same under its evidence, and each face, all as data addresses."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.resize import Frame
from dfdetect.deploy.drawing import as_jpeg
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict
from dfdetect.explain.colours import EVIDENCE
from dfdetect.explain.maps import evidence
from dfdetect.explain.overlay import overlay
from dfdetect.explain.regions import Share, merged, regions, shares

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LONGEST = 1000
"""Pixels of the longer side that a picture is shown with."""
FACE_SIDE = 224
"""Pixels that a single face is shown with."""


class Square(NamedTuple):
    """What the network was given of a picture, in the picture's pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Pair:
    """A picture, and the same under its evidence; the second is empty for a model without a heatmap."""

    plain: str
    heat: str


def shown_picture(image: Pixels, faces: Sequence[FaceVerdict], facts: ModelFacts) -> Pair:
    """The whole picture, (H, W, 3) RGB uint8, shrunk, and a copy with every judged face under its evidence."""
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) if scale < 1 else image
    seen = [face for face in reversed(faces) if face.heatmap is not None]  # the most fake face, the first, lies on top
    heat = small.copy()
    for face in seen:
        place = square_of(face, image.shape)
        left, right = (round(n * scale) for n in (place.left, place.left + place.width))
        top, bottom = (round(n * scale) for n in (place.top, place.top + place.height))
        part = heat[top:bottom, left:right]
        if part.size:
            part[:] = under_evidence(np.ascontiguousarray(small[top:bottom, left:right]), face, facts)
    return Pair(address(small), address(heat) if seen else "")


def shown_face(image: Pixels, face: FaceVerdict, facts: ModelFacts) -> Pair:
    """What the network was given of a face, as it was given it: squeezed to a square where it was."""
    left, top, width, height = square_of(face, image.shape)
    cut = np.ascontiguousarray(image[top : top + height, left : left + width])
    method = cv2.INTER_AREA if min(cut.shape[:2]) > FACE_SIDE else cv2.INTER_CUBIC
    part = np.asarray(cv2.resize(cut, (FACE_SIDE, FACE_SIDE), interpolation=method), np.uint8)
    return Pair(address(part), address(under_evidence(part, face, facts)) if face.heatmap is not None else "")


def under_evidence(part: Pixels, face: FaceVerdict, facts: ModelFacts) -> Pixels:
    """Lay a face's evidence over its pixels, on the absolute scale that every picture shares."""
    if face.heatmap is None:
        return part
    grid = facts.grid(face.heatmap.shape[-1])
    return overlay(part, evidence(face.heatmap, facts.temperature), EVIDENCE, grid=grid)


def region_shares(face: FaceVerdict, facts: ModelFacts, shape: tuple[int, ...]) -> dict[str, Share]:
    """What the eyes, nose, mouth, skin and the rest have of a face's evidence; empty without heatmap or landmarks."""
    if face.heatmap is None or face.found is None:
        return {}
    masks = merged(regions(face.found, Frame(*square_of(face, shape)), (FACE_SIDE, FACE_SIDE)))
    grid = facts.grid(face.heatmap.shape[-1])
    return shares(evidence(face.heatmap, facts.temperature), masks, grid)


def square_of(face: FaceVerdict, shape: tuple[int, ...]) -> Square:
    """What was judged of a picture of this shape, (H, W, ...): the face's square, its box, or all of it."""
    if face.square is not None:
        left, top, side = face.square
        return Square(left, top, side, side)
    if face.box is None:
        return Square(0, 0, shape[1], shape[0])
    left, top, width, height = face.box
    left, top = min(max(0, left), shape[1] - 1), min(max(0, top), shape[0] - 1)
    return Square(left, top, max(1, min(width, shape[1] - left)), max(1, min(height, shape[0] - top)))


def address(image: Pixels) -> str:
    """A picture as an address that holds it, so that the page has nothing to fetch."""
    return jpeg_address(as_jpeg(image))


def jpeg_address(content: bytes) -> str:
    """The address of a JPEG file's content."""
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode('ascii')}"
