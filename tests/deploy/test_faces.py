"""Cutting faces out, and which cannot be judged."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dfdetect.data.face_crop import cut_square
from dfdetect.data.synthetic import draw_face
from dfdetect.deploy import faces

from .standin import face, textured


def numbered(height, width):
    """A picture whose pixels name their own place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, x * 0], axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("box", "margin", "place"),
    [
        ((40, 30, 20, 20), 0.0, (40, 30, 20)),
        ((40, 30, 20, 20), 0.5, (30, 20, 40)),
        ((40, 30, 10, 20), 0.0, (35, 30, 20)),  # square around a narrow face
        ((0, 0, 20, 20), 0.5, (0, 0, 40)),  # moved inside at the corner
        ((-8, -5, 20, 20), 0.0, (0, 0, 20)),
        ((190, 85, 20, 20), 0.5, (160, 60, 40)),
        ((60, 0, 80, 90), 1.0, (50, 0, 100)),  # larger than the picture: the largest square it has
        ((500, 500, 5, 5), 0.0, (195, 95, 5)),  # nonsense stays inside
    ],
)
def test_the_square_lies_in_the_picture_and_shows_its_own_pixels(box, margin, place):
    image = numbered(100, 200)
    cut = cut_square(image, face(*box), margin)
    assert (cut.left, cut.top, cut.pixels.shape[0], cut.pixels.shape[1]) == (*place, place[2])
    assert tuple(cut.pixels[0, 0, :2]) == (cut.left, cut.top)
    assert cut.pixels.flags["C_CONTIGUOUS"]


def test_faces_too_small_blurred_or_outside():
    sharp = textured(200, 200, 120)
    assert faces.fault(sharp, face(20, 20, 100, 120)) is None
    assert faces.fault(sharp, face(20, 20, 20, 25)) == "face too small (25 px, of 40)"
    assert faces.fault(sharp, face(-90, 20, 92, 92)) == "face outside the picture"


def test_a_face_whose_mouth_lies_beyond_the_picture_is_not_judged():
    sharp, marks = (
        textured(200, 200, 120),
        np.array([[60, 150], [100, 150], [80, 170], [65, 199], [95, 199]], np.float32),
    )
    whole = replace(face(30, 110, 100, 120), landmarks=marks)
    assert faces.fault(sharp, whole) is None
    assert (
        faces.fault(sharp, replace(whole, landmarks=marks + np.array([0, 5]))) == "face cut off by the picture's edge"
    )
    assert (
        faces.fault(sharp, replace(whole, landmarks=marks - np.array([61, 0]))) == "face cut off by the picture's edge"
    )
    drawn = draw_face(0, 3, size=200).image
    assert faces.fault(drawn, face(40, 40, 120, 140)) is None
    blurred = np.asarray(cv2.GaussianBlur(drawn, (0, 0), 6), np.uint8)
    assert str(faces.fault(blurred, face(40, 40, 120, 140))).startswith("face blurred (sharpness 0.0")
    assert str(faces.fault(np.full((200, 200, 3), 90, np.uint8), face(20, 20, 99, 99))).startswith("face blurred")


def test_sharpness_falls_with_blur_whatever_the_contrast():
    drawn = draw_face(0, 4, size=200).image
    values = [faces.sharpness(np.asarray(cv2.GaussianBlur(drawn, (0, 0), s), np.uint8)) for s in (0.3, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > faces.LEAST_SHARPNESS > values[2]
    pale = (drawn // 2 + 64).astype(np.uint8)
    assert faces.sharpness(pale) == pytest.approx(faces.sharpness(drawn), rel=0.15)


def test_margin_of_a_collection(monkeypatch):
    boxes = iter([[face(0, 0, 40, 50)], [], [face(0, 0, 100, 60)], [face(0, 0, 10, 120)]])
    monkeypatch.setattr(faces, "search", lambda image, model: next(boxes))
    image = np.zeros((100, 300, 3), np.uint8)
    found = faces.measure_margin([image] * 4, "m")  # of 0.5, 0 and one that is cut off
    assert found == faces.Margin(median=0.0, low=0.0, high=0.25, n=3, count=4)
    monkeypatch.setattr(faces, "search", lambda image, model: [])
    assert faces.measure_margin([image], "m") == faces.Margin(None, None, None, 0, 1)


def test_the_margin_of_a_collection_is_what_gives_its_pictures_back(monkeypatch):
    image = numbered(100, 140)
    monkeypatch.setattr(faces, "search", lambda image, model: [face(35, 30, 40, 50)])
    margin = faces.measure_margin([image], "m").median
    assert margin is not None
    cut = cut_square(image, face(35, 30, 40, 50), margin)
    assert (cut.left, cut.top, cut.pixels.shape) == (5, 0, (100, 100, 3))
