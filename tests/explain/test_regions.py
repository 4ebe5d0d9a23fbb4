"""Regions of faces that are upright, tilted, in profile or half outside, and shares against sums by hand."""

import cv2
import numpy as np
import pytest

from dfdetect.data.resize import Frame
from dfdetect.data.yunet import Face
from dfdetect.explain.grid import Grid, enlarged, grid_of
from dfdetect.explain.regions import MERGED, REGIONS, Share, merged, regions, shares

from .helpers import floats

UPRIGHT = floats([[80, 90], [120, 90], [100, 112], [84, 132], [116, 132]])
WHOLE = Frame(0, 0, 200, 200)


def a_face(landmarks=UPRIGHT, box=(60.0, 50.0, 80.0, 110.0)):
    left, top, width, height = box
    return Face(left, top, width, height, floats(landmarks), 0.9)


def turned(degrees, centre=(100, 100)):
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1)
    return (UPRIGHT @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32), matrix


@pytest.mark.parametrize("shape", [(200, 200), (7, 7), (56, 112), (1, 1)])
@pytest.mark.parametrize("degrees", [0, 30, -75, 180])
def test_each_pixel_is_in_exactly_one_region(shape, degrees):
    masks = regions(a_face(turned(degrees)[0]), WHOLE, shape)
    assert tuple(masks) == REGIONS
    assert all(mask.shape == shape and mask.dtype == np.bool_ for mask in masks.values())
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), 1)
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in merged(masks).values()), 1)
    assert tuple(merged(masks)) == tuple(MERGED)


def test_landmarks_lie_in_their_regions_and_left_is_the_persons_left():
    masks = regions(a_face(), WHOLE, (200, 200))
    right_eye, left_eye, nose, right_mouth, left_mouth = UPRIGHT.astype(int)
    for point, name in ((right_eye, "right_eye"), (left_eye, "left_eye"), (nose, "nose")):
        assert masks[name][point[1], point[0]]
    assert masks["mouth"][right_mouth[1], right_mouth[0]]
    assert masks["mouth"][left_mouth[1], left_mouth[0]]
    assert masks["skin"][110, 75]
    assert masks["skin"][65, 100]
    assert masks["hair_background"][5, 5]
    assert right_eye[0] < left_eye[0]


def test_a_tilted_face_has_the_tilted_regions():
    upright = regions(a_face(box=(50.0, 50.0, 100.0, 100.0)), WHOLE, (200, 200))
    landmarks, matrix = turned(25)
    tilted = regions(a_face(landmarks, (50.0, 50.0, 100.0, 100.0)), WHOLE, (200, 200))
    for name in ("left_eye", "right_eye", "nose", "mouth"):
        moved = cv2.warpAffine(upright[name].astype(np.uint8), matrix, (200, 200)).astype(bool)
        assert (moved & tilted[name]).sum() / (moved | tilted[name]).sum() > 0.85


def test_a_frame_cuts_and_squeezes_as_the_networks_input_was():
    whole = regions(a_face(), WHOLE, (200, 200))
    part = regions(a_face(), Frame(40, 20, 120, 160), (160, 120))
    for name in REGIONS:
        np.testing.assert_array_equal(part[name], whole[name][20:180, 40:160])
    squeezed = regions(a_face(), Frame(0, 0, 200, 200), (100, 200))
    for name in ("left_eye", "nose", "mouth"):
        assert squeezed[name].sum() == pytest.approx(whole[name].sum() / 2, rel=0.12)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((5, 2)),
        UPRIGHT + 1e6,
        UPRIGHT - 1e6,
        [[95, 90], [97, 90], [110, 112], [95, 132], [97, 132]],
        [[80, 90], [120, 90], [100, 90], [84, 90], [116, 90]],
    ],
    ids=["one point", "far right", "far left", "profile", "one line"],
)
def test_odd_landmarks_give_regions_all_the_same(landmarks):
    masks = regions(a_face(landmarks), WHOLE, (50, 50))
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), 1)


def test_a_profiles_eyes_are_as_large_as_a_frontal_faces():
    profile = [[95, 90], [99, 90], [112, 112], [97, 132], [101, 132]]
    union = merged(regions(a_face(profile), WHOLE, (200, 200)))["eyes"].sum()
    one = regions(a_face(), WHOLE, (200, 200))["left_eye"].sum()
    assert one < union < 1.6 * one


@pytest.mark.parametrize("grid", [None, grid_of(True, 224, 7), Grid(0.3, 0.02)])
def test_shares_are_sums_of_the_enlarged_map(grid):
    rng = np.random.default_rng(0)
    evidence = rng.normal(0, 3, (7, 7)).astype(np.float32)
    masks = regions(a_face(), WHOLE, (64, 64))
    values = enlarged(evidence, (64, 64), grid).astype(np.float64)
    found = shares(evidence, masks, grid)
    for name, mask in masks.items():
        assert found[name].area == pytest.approx(mask.mean())
        assert found[name].fake == pytest.approx(values[mask & (values > 0)].sum() / values[values > 0].sum())
        assert found[name].real == pytest.approx(values[mask & (values < 0)].sum() / values[values < 0].sum())
        assert found[name].absolute == pytest.approx(np.abs(values[mask]).sum() / np.abs(values).sum())
        assert found[name].absolute_fake == pytest.approx(values[mask & (values > 0)].sum() / np.abs(values).sum())
    assert sum(one.logits for one in found.values()) == pytest.approx(evidence.mean())
    for total in ("area", "fake", "real", "absolute"):
        assert sum(getattr(one, total) for one in found.values()) == pytest.approx(1)


def test_an_even_map_gives_each_region_its_area():
    found = shares(np.full((7, 7), 2.5, np.float32), regions(a_face(), WHOLE, (64, 64)))
    for one in found.values():
        assert one.fake == pytest.approx(one.area)


@pytest.mark.parametrize(("verdict", "shown"), [("fake", 0.1), ("real", 0.2), ("uncertain", 0.3)])
def test_a_verdict_is_explained_by_what_speaks_for_it(verdict, shown):
    one = Share(area=0.5, fake=0.1, real=0.2, absolute=0.3, absolute_fake=0.05, logits=-1)
    assert one.behind(verdict) == shown


def test_where_nothing_speaks_for_fake_no_region_has_a_share_of_it():
    masks = regions(a_face(), WHOLE, (32, 32))
    nothing = shares(np.zeros((7, 7), np.float32), masks)
    assert all(one.fake is None and one.absolute is None and one.logits == 0 for one in nothing.values())
    real = shares(np.full((7, 7), -1, np.float32), masks)
    assert all(one.fake is None for one in real.values())
    assert sum(one.absolute or 0 for one in real.values()) == pytest.approx(1)
