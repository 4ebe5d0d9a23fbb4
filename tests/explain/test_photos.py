from dataclasses import replace

import cv2
import numpy as np
import pytest

from dfdetect.data.yunet import Face
from dfdetect.deploy.photos import Settings
from dfdetect.explain import photos
from dfdetect.explain.maps import cam
from dfdetect.explain.panel import SIDE
from dfdetect.explain.photos import as_png, explain_picture
from dfdetect.explain.regions import MERGED
from tests.deploy.standin import FACTS, Standin, textured

from .helpers import floats


def faces_at(*places):
    """Faces of 100 pixels, upright."""

    def search(image, model):
        shape = floats([[30, 40], [70, 40], [50, 62], [36, 80], [64, 80]])
        return [
            Face(left, top, side, side, shape * side / 100 + floats([left, top]), 0.9) for left, top, side in places
        ]

    return search


@pytest.fixture
def two_faces(monkeypatch):
    """One red, one not, one too small; 200 x 300 pixels."""
    monkeypatch.setattr(photos, "search", faces_at((20, 50, 100), (170, 50, 100), (0, 0, 12)))
    image = textured(200, 300, 128)
    image[50:150, 20:120, 0], image[50:150, 170:270, 0] = 230, 20
    return image


def explained(image, faces="yunet.onnx", facts=FACTS, margin=0.0):
    detector = Standin(facts)
    return explain_picture(image, Settings(detector, faces, margin), cam(detector), "cam")


def test_each_face_has_its_verdict_its_map_and_its_regions(two_faces):
    red, grey, small = explained(two_faces)
    assert (red.verdict.verdict, grey.verdict.verdict, small.verdict.verdict) == ("fake", "real", "uncertain")
    assert red.evidence is not None
    assert grey.evidence is not None
    assert (red.evidence > 0).all()
    assert (grey.evidence < 0).all()
    assert red.shares is not None
    assert tuple(red.shares) == tuple(MERGED)
    assert sum(one.fake or 0 for one in red.shares.values()) == pytest.approx(1)
    assert all(one.fake is None for one in (grey.shares or {}).values())
    assert red.verdict.square == (20, 50, 100)
    assert "too small" in small.verdict.reason
    assert small.evidence is None


def test_json_holds_what_the_picture_shows(two_faces):
    red, _, small = explained(two_faces, facts=replace(FACTS, temperature=2.0))
    values = red.as_json()
    assert values["mean"] == pytest.approx(np.mean(values["map"]), abs=1e-5)
    assert sum(one["adds"] for one in values["regions"].values()) == pytest.approx(values["mean"], abs=1e-5)
    assert values["full_colour_at"] == 8
    assert values["frame"] == (20, 50, 100, 100)
    assert values["method"] == "cam"
    assert "map" not in small.as_json()


def test_a_panel_for_each_that_was_judged(two_faces):
    red, _, small = explained(two_faces)
    drawn = red.picture("a.jpg", "model", 0.5)
    assert drawn is not None
    assert drawn.shape[1] > 3 * SIDE
    assert small.picture("a.jpg", "model", 0.5) is None
    back = cv2.imdecode(np.frombuffer(as_png(drawn), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None
    np.testing.assert_array_equal(back[..., ::-1], drawn)


@pytest.mark.parametrize(("crop", "frame"), [("resize", (0, 0, 300, 200)), ("center", (50, 0, 200, 200))])
def test_a_whole_picture_shows_what_the_network_saw(two_faces, crop, frame):
    (one,) = explained(two_faces, faces=None, facts=replace(FACTS, crop=crop))
    assert one.frame == frame
    assert one.pixels is not None
    assert one.pixels.shape[:2] == (frame[3], frame[2])
    assert one.shares == {}
    assert one.picture("a.jpg", "model", 0.5) is not None


def test_no_face_no_explanation(monkeypatch):
    monkeypatch.setattr(photos, "search", lambda image, model: [])
    assert explained(textured(100, 100, 100)) == []


def test_a_crowd_is_explained_in_batches(monkeypatch):
    places = [(60 * (i % 6), 60 * (i // 6), 60) for i in range(36)]
    monkeypatch.setattr(photos, "search", faces_at(*places))
    detector = Standin()
    found = explain_picture(textured(360, 360, 90), Settings(detector, "x", 0.0), cam(detector), "cam")
    assert len(found) == 36
    assert detector.batches == [16, 16, 4]
