"""Cuts are told, and what moves within a shot is none."""

import numpy as np
import pytest

from dfdetect.data.synthetic import draw_face
from dfdetect.deploy.scenes import Scenes


def pair(first, second):
    scenes = Scenes()
    assert not scenes.cut(first)
    return scenes.cut(second)


@pytest.fixture(scope="module")
def faces():
    return [draw_face(0, place, size=160).image for place in range(8)]


def test_another_photo_is_a_cut(faces):
    cuts = [pair(one, other) for i, one in enumerate(faces) for other in faces[:i]]
    assert np.mean(cuts) > 0.9


def test_what_stays_moves_or_flashes_is_none(faces):
    for image in faces:
        assert not pair(image, image)
        assert not pair(image, np.roll(image, 4, axis=1))
        assert not pair(image, np.asarray(image // 2 + 100, np.uint8))
    lit = np.asarray(np.clip(faces[0].astype(int) + 40, 0, 255), np.uint8)
    assert not pair(faces[0], lit)


def test_the_size_of_the_picture_is_no_matter(faces):
    assert not pair(faces[0], np.repeat(np.repeat(faces[0], 3, axis=0), 3, axis=1))
