import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.yunet import Face
from dfdetect.deploy.verdicts import FaceVerdict
from dfdetect.web.pictures import FACE_SIDE, LONGEST, region_shares, shown_face, shown_picture, square_of
from tests.deploy.standin import FACTS, textured

HEAT = np.full((4, 4), 8, np.float32)
FAKE = FaceVerdict((100, 50, 80, 100), 0.9, "fake", heatmap=HEAT, square=(90, 50, 100))


def decoded(address):
    content = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.int16)


def test_evidence_lies_over_the_square_that_was_judged_and_nowhere_else():
    image = np.full((300, 400, 3), (40, 120, 40), np.uint8)
    pair = shown_picture(image, [FAKE], FACTS)
    plain, heat = decoded(pair.plain), decoded(pair.heat)
    assert plain.shape == heat.shape == (300, 400, 3)
    changed = np.abs(plain - heat).max(axis=2) > 30
    assert changed[60:140, 100:180].all()
    assert not changed[:, :80].any()
    assert not changed[:40].any()
    assert (heat[100, 140, 0] - heat[100, 140, 2]) > 60, "what speaks for fake is vermilion"


def test_large_pictures_are_shrunk_with_their_evidence():
    image = textured(1500, 2000, 100)
    face = replace(FAKE, box=(1000, 500, 800, 900), square=(900, 450, 1000))
    pair = shown_picture(image, [face], FACTS)
    plain, heat = decoded(pair.plain), decoded(pair.heat)
    assert plain.shape == (LONGEST * 3 // 4, LONGEST, 3)
    changed = np.abs(plain - heat).mean(axis=2) > 25
    rows, columns = np.flatnonzero(changed.mean(axis=1) > 0.2), np.flatnonzero(changed.mean(axis=0) > 0.2)
    assert (rows[0], rows[-1]) == pytest.approx((225, 725), abs=3)
    assert (columns[0], columns[-1]) == pytest.approx((450, 950), abs=3)


def test_without_a_heatmap_there_is_no_second_picture():
    image = textured(60, 60, 100)
    bare = replace(FAKE, heatmap=None, square=(0, 0, 60), box=(0, 0, 60, 60))
    assert shown_picture(image, [bare], FACTS).heat == ""
    assert shown_face(image, bare, FACTS).heat == ""
    assert shown_picture(image, [], FACTS).heat == ""
    assert region_shares(replace(bare, found=looking()), FACTS, image.shape) == {}


def test_without_landmarks_there_are_no_regions():
    assert region_shares(FAKE, FACTS, (300, 400, 3)) == {}


def test_a_face_is_shown_as_the_network_saw_it():
    image = np.zeros((300, 400, 3), np.uint8)
    image[50:150, 90:190] = (10, 200, 10)
    pair = shown_face(image, FAKE, FACTS)
    assert decoded(pair.plain).shape == (FACE_SIDE, FACE_SIDE, 3)
    assert decoded(pair.plain)[..., 1].min() > 180
    assert decoded(pair.heat).shape == (FACE_SIDE, FACE_SIDE, 3)


def test_what_was_judged_lies_within_the_picture():
    assert square_of(FAKE, (300, 400, 3)) == (90, 50, 100, 100)
    assert square_of(replace(FAKE, square=None), (300, 400, 3)) == (100, 50, 80, 100)
    assert square_of(replace(FAKE, square=None, box=(-10, -5, 30, 500)), (300, 400, 3)) == (0, 0, 30, 300)
    assert square_of(replace(FAKE, square=None, box=None), (300, 400, 3)) == (0, 0, 400, 300)
    assert square_of(replace(FAKE, square=None, box=(500, 400, 30, 30)), (300, 400, 3)) == (399, 299, 1, 1)


def looking():
    """A face seen from the front, in the square that was judged."""
    landmarks = np.array([(120, 90), (160, 90), (140, 110), (125, 128), (155, 128)], np.float32)
    return Face(100, 50, 80, 100, landmarks, 0.9)


def test_the_regions_share_all_of_the_evidence():
    parts = region_shares(replace(FAKE, found=looking()), FACTS, (300, 400, 3))
    assert list(parts) == ["eyes", "nose", "mouth", "skin", "hair/background"]
    assert sum(part.area for part in parts.values()) == pytest.approx(1)
    assert sum(part.fake or 0 for part in parts.values()) == pytest.approx(1)
    assert sum(part.logits for part in parts.values()) == pytest.approx(8)
    assert parts["eyes"].fake == pytest.approx(parts["eyes"].area, abs=1e-6), "evidence that is the same everywhere"
