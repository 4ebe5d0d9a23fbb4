import cv2
import numpy as np
import pytest

from dfdetect.data.resize import Frame
from dfdetect.explain.colours import FAKE_END, REAL_END, Scale
from dfdetect.explain.overlay import REGION_COLOURS, overlay, with_regions
from dfdetect.explain.regions import merged, regions

from .helpers import floats
from .test_regions import a_face

GREY = np.full((64, 64, 3), 116, np.uint8)


def test_fake_real_and_nothing():
    drawn = overlay(GREY, floats([[8, 0], [0, -8]]), lines=False)
    np.testing.assert_array_equal(drawn[0, 0], FAKE_END)
    np.testing.assert_array_equal(drawn[63, 63], REAL_END)
    nothing = overlay(GREY, np.zeros((7, 7), np.float32))
    np.testing.assert_array_equal(nothing, GREY)


def test_the_same_evidence_looks_the_same_whatever_else_there_is():
    alone, beside = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    alone[1, 1] = beside[1, 1] = 3
    beside[6, 6] = 100
    np.testing.assert_array_equal(overlay(GREY, alone)[:40, :40], overlay(GREY, beside)[:40, :40])


def test_lines_tell_fake_from_real_without_colour():
    evidence = np.zeros((8, 8), np.float32)
    evidence[1:4, 1:4], evidence[5:7, 5:7] = 8, -8
    plain, lined = overlay(GREY, evidence, lines=False), overlay(GREY, evidence)
    changed = (plain != lined).any(axis=2)
    light = lined.mean(axis=2) > 225
    dark = (lined.mean(axis=2) < 45) & changed
    assert light[:34, :34].sum() > 40
    assert not light[34:, 34:].any()
    assert dark[34:, 34:].sum() > 15
    assert not dark[:34, :34].any()


def test_a_scale_of_its_own():
    drawn = overlay(GREY, np.full((2, 2), 2, np.float32), Scale(2.0, "x"), lines=False)
    np.testing.assert_array_equal(drawn[30, 30], FAKE_END)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (300, 20)])
def test_pictures_of_any_shape(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert overlay(image, np.full((7, 7), 9, np.float32)).shape == image.shape


def test_regions_are_told_apart_and_background_stays_as_it_is():
    grey = np.full((200, 200, 3), 116, np.uint8)
    masks = merged(regions(a_face(), Frame(0, 0, 200, 200), (200, 200)))
    drawn = with_regions(grey, masks)
    inks = {name: tuple(np.median(drawn[mask], axis=0)) for name, mask in masks.items()}
    assert len(set(inks.values())) == 5
    assert inks["hair/background"] == (116, 116, 116)
    assert with_regions(grey, regions(a_face(), Frame(0, 0, 200, 200), (200, 200))).shape == grey.shape


def test_each_region_is_outlined_in_its_own_colour():
    picture = np.full((200, 200, 3), 116, np.uint8)
    masks = merged(regions(a_face(), Frame(0, 0, 200, 200), (200, 200)))
    drawn = with_regions(picture, masks)
    inked = {
        name: (np.abs(drawn.astype(int) - REGION_COLOURS[name]) < 30).all(axis=2)
        for name in ("eyes", "nose", "mouth", "skin")
    }
    kernel = np.ones((5, 5), np.uint8)
    for name in ("eyes", "nose", "mouth"):
        rim = cv2.morphologyEx(masks[name].astype(np.uint8), cv2.MORPH_GRADIENT, kernel).astype(np.bool_)
        assert (inked[name] & rim).sum() > 30
        assert not (inked["skin"] & masks[name]).any()
    face = ~masks["hair/background"]
    assert inked["skin"].sum() > 100
    assert not (inked["skin"] & cv2.erode(face.astype(np.uint8), kernel).astype(np.bool_)).any(), "its rim alone"
