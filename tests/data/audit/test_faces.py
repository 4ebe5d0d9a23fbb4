"""Counting faces: the room and size that the detector is asked with."""

import numpy as np

from dfdetect.data.audit import faces
from dfdetect.data.yunet import Face


def test_a_small_picture_with_room_around_it_is_asked_for(monkeypatch):
    asked = []

    def find(image, model, longest, room):
        asked.append((image.shape, model, longest, room))
        return [Face(0, 0, 9, 9, np.zeros((5, 2), np.float32), 0.9)] * 2

    monkeypatch.setattr(faces, "find_faces", find)
    assert faces.count_faces(np.zeros((640, 320, 3), np.uint8), "model") == 2
    assert asked == [((640, 320, 3), "model", 320, 0.25)]
