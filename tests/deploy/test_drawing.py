import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.yunet import Face
from dfdetect.deploy import drawing
from dfdetect.deploy.drawing import COLOURS, as_jpeg, draw_boxes, still, thumbnail
from dfdetect.deploy.verdicts import FaceVerdict
from dfdetect.explain.colours import EVIDENCE, FAKE_END, NEUTRAL
from tests.explain.helpers import floats

from .standin import FACTS, textured


def opened(content):
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("verdict", ["real", "fake", "uncertain"])
def test_a_box_has_its_verdicts_colour(verdict):
    image = np.zeros((200, 300, 3), np.uint8)
    draw_boxes(image, [((50, 60, 80, 90), verdict, "")], thick=3)
    assert tuple(image[60, 90]) == COLOURS[verdict]
    assert tuple(image[150, 90]) == COLOURS[verdict]
    assert tuple(image[100, 90]) == (0, 0, 0)
    assert COLOURS["fake"] == (0xD5, 0x5E, 0x00)


@pytest.mark.parametrize("box", [(0, 0, 50, 50), (-20, -20, 400, 400), (290, 190, 50, 50), (1e4, 1e4, 5, 5)])
def test_labels_and_boxes_at_the_border(box):
    image = np.zeros((200, 300, 3), np.uint8)
    draw_boxes(image, [(box, "fake", "fake 0.99")])
    assert image.shape == (200, 300, 3)
    if box[0] < 300:
        assert image.any()


@pytest.mark.parametrize("shape", [(480, 640), (100, 100), (3000, 40), (40, 3000), (1, 1)])
def test_thumbnails_of_any_shape(shape):
    image = textured(shape[0], shape[1], 100)
    face = FaceVerdict((0, 0, min(shape), min(shape)), 0.9, "fake", heatmap=np.ones((2, 2), np.float32))
    with_heat = opened(thumbnail(still(image, [face], FACTS), [face], numbered=False))
    assert with_heat.shape[0] == 180
    assert with_heat.shape[1] <= 320 + 360
    without = opened(thumbnail(still(image, [], FACTS), [], numbered=False))
    assert without.shape[0] <= 180
    assert without.shape[1] <= 320


def test_the_most_fake_face_stands_beside_the_picture():
    image = np.full((180, 180, 3), 40, np.uint8)
    image[100:140, 100:140] = (0, 250, 0)
    low = FaceVerdict((0, 0, 40, 40), 0.2, "real", heatmap=np.ones((2, 2), np.float32), square=(0, 0, 40))
    high = FaceVerdict((100, 100, 40, 40), 0.9, "fake", heatmap=np.ones((2, 2), np.float32), square=(100, 100, 40))
    shown = opened(thumbnail(still(image, [low, high], FACTS), [], numbered=False))
    assert shown.shape == (180, 540, 3)
    assert shown[:, 190:350].mean(axis=(0, 1)) == pytest.approx([0, 250, 0], abs=5)


def test_evidence_has_the_scales_own_colours_whatever_else_there_is():
    image = np.full((180, 180, 3), NEUTRAL[0], np.uint8)
    heat = floats([[2 * EVIDENCE.full, 0], [0, 0.02]])
    strong = FaceVerdict(None, 0.9, "fake", heatmap=heat)
    shown = still(image, [strong], replace(FACTS, temperature=2.0)).panels
    assert len(shown) == 2
    assert tuple(shown[1][20, 20]) == FAKE_END
    np.testing.assert_allclose(shown[1][150, 150].astype(int), NEUTRAL, atol=1)
    np.testing.assert_allclose(shown[1][20, 150].astype(int), NEUTRAL, atol=1)


def test_a_face_with_landmarks_has_regions_and_their_shares():
    image = np.full((200, 200, 3), 116, np.uint8)
    landmarks = floats([[80, 90], [120, 90], [100, 112], [84, 132], [116, 132]])
    face = Face(60, 50, 80, 110, landmarks, 0.9)
    verdict = FaceVerdict(
        (60, 50, 80, 110), 0.9, "fake", heatmap=np.ones((7, 7), np.float32), square=(40, 40, 120), found=face
    )
    found = still(image, [verdict], FACTS)
    assert len(found.panels) == 3
    assert sum(one.logits for one in found.shares.values()) == pytest.approx(1)
    assert (found.panels[2] != found.panels[0]).any()
    assert opened(thumbnail(found, [verdict], numbered=False)).shape == (180, 4 * 180, 3)


def test_of_a_whole_picture_is_shown_what_the_network_saw():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 200
    verdict = FaceVerdict(None, 0.9, "fake", heatmap=np.ones((2, 2), np.float32))
    assert still(image, [verdict], replace(FACTS, crop="center")).panels[0].mean() == 200
    assert still(image, [verdict], FACTS).panels[0].mean() == pytest.approx(67, abs=2)


def test_jpeg_colours_are_not_swapped():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    assert opened(as_jpeg(red))[16, 16] == pytest.approx([200, 0, 0], abs=4)


def test_boxes_have_the_numbers_of_their_faces(monkeypatch):
    labels: list[str] = []
    monkeypatch.setattr(drawing, "draw_boxes", lambda image, boxes, thick: labels.extend(label for *_, label in boxes))
    image = np.zeros((100, 300, 3), np.uint8)
    right, left = FaceVerdict((200, 0, 40, 40), 0.9, "fake"), FaceVerdict((0, 0, 40, 40), 0.2, "real")

    def labelled(*faces, numbered=True):
        labels.clear()
        thumbnail(still(image, [], FACTS), faces, numbered)
        return list(labels)

    assert labelled(right, left) == ["2", "1"]
    assert labelled(right, numbered=False) == [""]
    tracks = replace(right, number=3), replace(left, number=7)  # two of more, in the frame that is shown
    assert labelled(*tracks) == ["3", "7"]
    assert labelled(tracks[1]) == ["7"]
