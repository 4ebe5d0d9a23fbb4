"""Counting faces: the padding and size that the detector is asked with; its own model only where one is at hand."""

import os

import cv2
import numpy as np
import pytest

from dfdetect.data.audit import faces
from dfdetect.errors import UsageError


class Detector:
    """Answers with as many rows as the picture has channels of pure colour."""

    def setInputSize(self, size):  # noqa: N802
        self.size = size

    def detect(self, image):
        assert image.shape[:2] == self.size[::-1]
        self.image = image
        count = int((image.reshape(-1, 3).max(axis=0) == 255).sum())
        return 1, np.zeros((count, 15), np.float32) if count else None


@pytest.mark.parametrize(("colour", "count"), [((0, 0, 0), 0), ((255, 0, 0), 1), ((255, 255, 0), 2)])
def test_rows_are_counted_on_a_small_padded_picture_in_opencvs_order(colour, count, monkeypatch):
    detector = Detector()
    monkeypatch.setattr(faces, "_detector", lambda model: detector)
    image = np.full((640, 320, 3), colour, np.uint8)
    assert faces.count_faces(image, "model") == count
    assert detector.size == (160 + 160, 320 + 160)
    assert tuple(detector.image[240, 160]) == colour[::-1]


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="no YuNet model"):
        faces.check_model(str(tmp_path / "model.onnx"))


@pytest.mark.skipif("DFDETECT_FACE_MODEL" not in os.environ, reason="set DFDETECT_FACE_MODEL to a YuNet file")
def test_the_model_itself_finds_no_face_in_noise():
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    faces.check_model(os.environ["DFDETECT_FACE_MODEL"])
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8)
    assert faces.count_faces(soft, os.environ["DFDETECT_FACE_MODEL"]) == 0
