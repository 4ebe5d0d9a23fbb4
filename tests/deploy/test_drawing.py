import io

import numpy as np
import pytest
from PIL import Image

from dfdetect.deploy.drawing import COLOURS, as_jpeg, draw_boxes, heat_over, still, thumbnail
from dfdetect.deploy.verdicts import FaceVerdict

from .standin import textured


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


def test_heat_is_vermilion_where_it_speaks_for_fake_and_blue_for_real():
    grey = np.full((64, 64, 3), 128, np.uint8)
    heat = np.array([[4, 0], [0, -4]], np.float32)
    drawn = heat_over(grey, heat).astype(int)
    assert drawn[4, 4, 0] - drawn[4, 4, 2] > 100
    assert drawn[60, 60, 2] - drawn[60, 60, 0] > 100
    np.testing.assert_array_equal(heat_over(grey, np.zeros((2, 2), np.float32)), grey)


@pytest.mark.parametrize("shape", [(480, 640), (100, 100), (3000, 40), (40, 3000), (1, 1)])
def test_thumbnails_of_any_shape(shape):
    image = textured(shape[0], shape[1], 100)
    face = FaceVerdict((0, 0, min(shape), min(shape)), 0.9, "fake", heatmap=np.ones((2, 2), np.float32))
    with_heat = opened(thumbnail(still(image, [face]), [face]))
    assert with_heat.shape[0] == 180
    assert with_heat.shape[1] <= 320 + 360
    without = opened(thumbnail(still(image, []), []))
    assert without.shape[0] <= 180
    assert without.shape[1] <= 320


def test_the_most_fake_face_stands_beside_the_picture():
    image = np.full((180, 180, 3), 40, np.uint8)
    image[100:140, 100:140] = (0, 250, 0)
    low = FaceVerdict((0, 0, 40, 40), 0.2, "real", heatmap=np.ones((2, 2), np.float32), square=(0, 0, 40))
    high = FaceVerdict((100, 100, 40, 40), 0.9, "fake", heatmap=np.ones((2, 2), np.float32), square=(100, 100, 40))
    shown = opened(thumbnail(still(image, [low, high]), []))
    assert shown.shape == (180, 540, 3)
    assert shown[:, 190:350].mean(axis=(0, 1)) == pytest.approx([0, 250, 0], abs=5)


def test_jpeg_colours_are_not_swapped():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    assert opened(as_jpeg(red))[16, 16] == pytest.approx([200, 0, 0], abs=4)
