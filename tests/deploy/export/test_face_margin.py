"""Which margin a file records, and when none."""

import os

import numpy as np
import pytest

from dfdetect.data.synthetic import draw_face
from dfdetect.deploy import faces
from dfdetect.deploy.export.face_margin import MEASURED_ON, choose_margin
from dfdetect.deploy.export.pictures import Pictures
from dfdetect.errors import DecodeError, ExportError

from ..standin import face

needs_yunet = pytest.mark.skipif("DFDETECT_FACE_MODEL" not in os.environ, reason="set DFDETECT_FACE_MODEL")


def numbered(n, broken=()):
    """Pictures of 100 x 100 that carry their number."""

    def load(place):
        if place in broken:
            raise DecodeError(f"{place}", "broken")
        return np.full((100, 100, 3), place % 256, np.uint8)

    names = [str(i) for i in range(n)]
    return Pictures("the train part of some", names, None, names, load)


@pytest.fixture
def sides(monkeypatch):
    """Sides of the face in each picture by its number; 0 for no face."""
    found: dict[int, float] = {}

    def search(image, model):
        side = found[int(image[0, 0, 0])]
        return [face(0, 0, side, side)] if side else []

    monkeypatch.setattr(faces, "search", search)
    return found


def test_the_median_and_how_far_it_spreads(sides):
    sides |= {i: 50.0 if i < 10 else 80.0 for i in range(30)} | {30: 0.0, 31: 0.0}
    chosen = choose_margin(None, "m", numbered(33, broken={32}))
    assert chosen.value == 0.125
    assert chosen.words == (
        "Margin around faces 0.12: median of the faces in 30 of 32 pictures (the train part of some), "
        "half of them from 0.12 to 0.50"
    )


def test_a_large_part_is_sampled_always_alike(sides):
    sides |= {i: 20.0 + i % 60 for i in range(256)}
    first, second = (choose_margin(None, "m", numbered(5000)) for _ in range(2))
    assert first == second
    assert f"in {MEASURED_ON} of {MEASURED_ON} pictures ({MEASURED_ON} of 5000 images of the train part" in first.words


@pytest.mark.parametrize(("with_face", "value"), [(10, 0.5), (9, None), (0, None)])
def test_pictures_that_mostly_show_no_face_give_none(with_face, value, sides):
    sides |= {i: 50.0 if i < with_face else 0.0 for i in range(20)}
    chosen = choose_margin(None, "m", numbered(20))
    assert chosen.value == value
    if value is None:
        assert f"one was found in {with_face} of 20 pictures" in chosen.words
        assert chosen.words.endswith("only. State it: --face-margin M")


def test_faces_too_small_for_a_margin_that_can_be_recorded(sides):
    sides |= dict.fromkeys(range(5), 4.0)
    chosen = choose_margin(None, "m", numbered(5))
    assert chosen.value is None
    assert "too small, with 12.0 of their side" in chosen.words


def test_not_one_picture_can_be_read(sides):
    assert choose_margin(None, "m", numbered(3, broken={0, 1, 2})).value is None


def test_a_stated_margin_is_taken_unseen():
    pictures = numbered(3, broken={0, 1, 2})
    assert choose_margin(0.0, "m", pictures).value == 0.0
    assert choose_margin(0.25, None, None).words == "Margin around faces 0.25, as stated"


@needs_yunet
def test_drawn_faces_have_the_margin_that_cutting_them_out_takes_for_granted():
    model = os.environ["DFDETECT_FACE_MODEL"]
    scenes = []
    for i in range(12):
        scenes.append(np.full((400, 400, 3), 90, np.uint8))
        scenes[-1][100:300, 100:300] = draw_face(0, i, size=200).image

    def margin(images):
        names = [str(i) for i in range(len(images))]
        value = choose_margin(None, model, Pictures("drawn", names, None, names, lambda i: images[i])).value
        assert value is not None
        return value

    whole, apart = margin([draw_face(0, i, size=200).image for i in range(12)]), margin(scenes)
    assert 1 + 2 * apart == pytest.approx(2 * (1 + 2 * whole), rel=0.05)  # twice the picture around the same face


def test_a_training_that_cut_faces_out_has_stated_its_margin_itself():
    chosen = choose_margin(None, None, None, trained=0.25)
    assert (chosen.value, chosen.words) == (0.25, "Margin around faces 0.25, as the training cut them out")
    assert choose_margin(0.25, "yunet.onnx", numbered(3), trained=0.25) == chosen
    with pytest.raises(
        ExportError, match=r"--face-margin 0\.3: the training cut faces out with data\.face_margin 0\.25"
    ):
        choose_margin(0.3, None, None, trained=0.25)
