"""Finding faces: what the detector is asked with, where its answers lie; its own model only where one is at hand."""

import os
import threading

import cv2
import numpy as np
import pytest

from dfdetect.data import yunet
from dfdetect.data.synthetic import draw_face
from dfdetect.errors import UsageError

needs_yunet = pytest.mark.skipif(
    "DFDETECT_FACE_MODEL" not in os.environ, reason="set DFDETECT_FACE_MODEL to a YuNet file"
)


class Detector:
    """Says that there is a face on the red pixels, with its landmarks on the box's corners and its middle."""

    def setInputSize(self, size):  # noqa: N802
        self.size = size

    def detect(self, image):
        assert image.shape[:2] == self.size[::-1]
        self.image = image
        down, across = np.nonzero(image[..., 2].astype(int) - image[..., 1] > 100)
        if not len(down):
            return 1, None
        left, top, right, bottom = across.min(), down.min(), across.max() + 1, down.max() + 1
        box = [left, top, right - left, bottom - top]
        marks = [left, top, right, top, (left + right) / 2, (top + bottom) / 2, left, bottom, right, bottom]
        return 1, np.array([[*box, *marks, 0.75], [*box, *marks, 0.95]], np.float32)


@pytest.fixture
def detector(monkeypatch):
    asked = Detector()
    monkeypatch.setattr(yunet, "_detector", lambda model: asked)
    return asked


@pytest.mark.parametrize("longest", [400, 160])
@pytest.mark.parametrize("room", [0.0, 0.25])
def test_boxes_and_landmarks_are_in_the_pictures_own_pixels(longest, room, detector):
    image = np.zeros((200, 400, 3), np.uint8)
    image[50:150, 100:140] = (255, 0, 0)
    sure, less_sure = yunet.find_faces(image, "model", longest, room)
    assert [sure.score, less_sure.score] == pytest.approx([0.95, 0.75])
    assert (sure.left, sure.top, sure.width, sure.height) == pytest.approx((100, 50, 40, 100), abs=3)
    assert sure.landmarks == pytest.approx(np.array([[100, 50], [140, 50], [120, 100], [100, 150], [140, 150]]), abs=3)
    assert sure.side == pytest.approx(100, abs=3)
    edge = int(room * longest)
    assert detector.size == (longest + 2 * edge, longest // 2 + 2 * edge)


def test_no_face_and_pictures_of_odd_shapes(detector):
    for shape in [(1, 1), (1, 5000), (3000, 2), (33, 31)]:
        assert yunet.find_faces(np.zeros((*shape, 3), np.uint8), "model", 320) == []
        assert min(detector.size) >= 31


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="no YuNet model"):
        yunet.check_model(str(tmp_path / "model.onnx"))


def test_each_thread_has_a_detector_of_its_own(monkeypatch):
    made = []

    def load(model):
        made.append(model)
        return Detector()

    monkeypatch.setattr(yunet, "_load", load)
    black = np.zeros((40, 40, 3), np.uint8)

    def search():
        for _ in range(3):
            yunet.find_faces(black, "each thread", 320)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["each thread"] * 3


@needs_yunet
def test_the_model_itself_finds_no_face_in_noise_and_takes_any_shape():
    model = os.environ["DFDETECT_FACE_MODEL"]
    yunet.check_model(model)
    for shape in [(300, 200), (1, 1), (2000, 3), (31, 500)]:
        noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)
        assert yunet.find_faces(soft, model, 320) == []


def a_face(width, height):
    return yunet.Face(0, 0, width, height, np.zeros((5, 2), np.float32), 0.9)


COARSE, FINE, WITH_ROOM = (320, 0.0), (640, 0.0), (320, 0.25)


@pytest.mark.parametrize(
    ("found", "side", "asked", "sides"),
    [
        ({COARSE: [(0, 0, 500, 450)]}, 1000, [COARSE], [500]),  # it fills the picture
        ({COARSE: [(0, 0, 90, 99)], FINE: [(2, 1, 92, 98), (500, 500, 40, 50)]}, 1000, [COARSE, FINE], [99, 50]),
        ({FINE: [(5, 5, 30, 30), (500, 5, 31, 30)]}, 1000, [COARSE, FINE], [31, 30]),
        ({WITH_ROOM: [(0, 0, 900, 900)]}, 1000, [COARSE, FINE, WITH_ROOM], [900]),
        ({}, 1000, [COARSE, FINE, WITH_ROOM], []),
        ({COARSE: [(0, 0, 9, 9)]}, 300, [COARSE], [9]),  # nothing was shrunk
        ({}, 300, [COARSE, WITH_ROOM], []),
    ],
)
def test_small_faces_count_beside_larger_ones(found, side, asked, sides, monkeypatch):
    searches = []

    def find(image, model, longest, room=0.0):
        searches.append((longest, room))
        boxes = found.get((longest, room), [])
        return [yunet.Face(x, y, w, h, np.zeros((5, 2), np.float32), 0.9) for x, y, w, h in boxes]

    monkeypatch.setattr(yunet, "find_faces", find)
    faces = yunet.search(np.zeros((side, side // 2, 3), np.uint8), "m")
    assert [one.side for one in faces] == sides
    assert searches == asked


@needs_yunet
def test_another_network_is_refused_where_a_face_model_is_asked_for(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", values[:1], values[1:])
    file = tmp_path / "other.onnx"
    file.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())
    assert onnx.load(file)
    with pytest.raises(UsageError, match="no YuNet model"):
        yunet.check_model(str(file))


@needs_yunet
def test_a_small_face_is_found_beside_a_larger_one():
    scene = np.full((1500, 2000, 3), 90, np.uint8)
    scene[100:700, 100:700] = draw_face(0, 1, size=600).image
    scene[1000:1160, 1500:1660] = draw_face(0, 2, size=160).image
    faces = yunet.search(scene, os.environ["DFDETECT_FACE_MODEL"])
    assert [round(one.left + one.width / 2, -2) for one in faces] == [400, 1600]


@needs_yunet
def test_drawn_faces_are_found_in_a_wide_picture_and_a_close_up_and_far_away():
    model = os.environ["DFDETECT_FACE_MODEL"]
    scene = np.full((900, 1600, 3), 90, np.uint8)
    for i, left in enumerate((100, 700, 1300)):
        scene[300:500, left : left + 200] = draw_face(0, i, size=200).image
    found = sorted(yunet.search(scene, model), key=lambda one: one.left)
    assert [round(one.left + one.width / 2, -2) for one in found] == [200, 800, 1400]
    far = np.full((1500, 3000, 3), 90, np.uint8)
    far[700:800, 1000:1100] = draw_face(0, 1, size=100).image
    assert [round(one.left, -2) for one in yunet.search(far, model)] == [1000]
    close = draw_face(0, 1, size=256).image
    assert len(yunet.search(close, model)) == 1
