"""Masks of generated faces against the difference of the fake and the real drawing, and parts by name."""

import numpy as np
import pytest

from dfdetect.data.ciplab import PARTS
from dfdetect.data.decode import decode
from dfdetect.data.resize import Frame, seen
from dfdetect.data.synthetic import KINDS, draw_face, generate_faces
from dfdetect.data.yunet import Face
from dfdetect.errors import DataLayoutError
from dfdetect.explain.regions import regions
from dfdetect.explain.truth import generated_folder, truth_of_drawing, truth_of_parts

from .helpers import floats

MARKS = floats([[80, 90], [120, 90], [100, 112], [84, 132], [116, 132]])
FACE = Face(60, 50, 80, 110, MARKS, 0.9)
WHOLE = Frame(0, 0, 200, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawings_mask_is_where_it_differs_from_the_real_drawing(kind, generated_faces):
    for file in sorted((generated_faces / "fake" / kind).glob("*.jpg"))[:3]:
        image = decode(file)
        truth = truth_of_drawing(str(file), image, seen(image.shape, len(image), "resize"), len(image))
        fake, real = (draw_face(0, int(file.stem), one, len(image)).image for one in (kind, "real"))
        assert not (fake != real).any(axis=2)[~truth.mask].any()
        assert truth.mask.any()
        assert truth.partly
        assert not truth.parts


def test_a_mask_follows_size_and_crop(generated_faces):
    file = next((generated_faces / "fake" / "part_swap").glob("*.jpg"))
    image = decode(file)
    whole = truth_of_drawing(str(file), image, Frame(0, 0, 80, 80), 80).mask
    np.testing.assert_array_equal(
        truth_of_drawing(str(file), image, Frame(20, 10, 40, 40), 40).mask, whole[10:50, 20:60]
    )
    doubled = truth_of_drawing(str(file), image, Frame(0, 0, 80, 80), 160).mask
    np.testing.assert_array_equal(doubled[::2, ::2], whole)


def test_what_is_not_the_drawing_of_its_name_is_refused(tmp_path, generated_faces):
    generate_faces(tmp_path / "other", 6, seed=5, size=80, progress=False)
    for file in (tmp_path / "other" / "fake").rglob("*.jpg"):
        with pytest.raises(DataLayoutError, match="Draw the faces anew"):
            truth_of_drawing(str(file), decode(file), Frame(0, 0, 80, 80), 80)
    known = next((generated_faces / "fake" / "smoothed").glob("*.jpg"))
    for name in ("fake/smoothed/photo.jpg", f"fake/unknown/{known.name}", f"fake/smoothed/{known.stem}1.jpg"):
        with pytest.raises(DataLayoutError):
            truth_of_drawing(name, decode(known), Frame(0, 0, 80, 80), 80)


def test_generated_faces_are_known_by_their_folder(generated_faces, tmp_path):
    assert generated_folder(str(next(generated_faces.rglob("fake/*/*.jpg")))) == generated_faces.resolve()
    assert generated_folder(str(tmp_path / "fake" / "a.jpg")) is None


def test_the_frame_is_what_is_judged():
    assert seen((100, 300), 40, "resize") == (0, 0, 300, 100)
    assert seen((100, 300), 40, "center") == seen((100, 300), 40, "face") == (100, 0, 100, 100)
    assert seen((301, 100), 40, "center") == (0, 100, 100, 100)
    assert seen((301, 100), 40, "native") == (30, 130, 40, 40)
    assert seen((301, 30), 40, "native") == (0, 135, 30, 30)


def test_parts_of_a_name_are_the_persons_own():
    truth = truth_of_parts("fake/easy_1_1001.jpg", FACE, WHOLE, 200)
    assert truth is not None
    assert truth.edited == {"right_eye", "mouth"}
    masks = regions(FACE, WHOLE, (200, 200))
    np.testing.assert_array_equal(truth.mask, masks["right_eye"] | masks["mouth"])
    assert truth.mask[90, 80]  # the person's right eye is on the picture's left
    assert not truth.mask[90, 120]
    assert tuple(truth.parts) == PARTS
    assert truth.partly


def test_a_fake_of_which_all_was_replaced_is_not_partly_edited():
    truth = truth_of_parts("fake/easy_1_1111.jpg", FACE, WHOLE, 200)
    assert truth is not None
    assert not truth.partly


@pytest.mark.parametrize("path", ["fake/easy_1_0000.jpg", "fake/easy_1_111.jpg", "photo.jpg"])
def test_names_that_say_nothing_have_no_truth(path):
    assert truth_of_parts(path, FACE, WHOLE, 200) is None


def test_a_part_outside_of_the_frame_is_no_truth():
    assert truth_of_parts("easy_1_0001.jpg", FACE, Frame(0, 0, 60, 60), 32) is None
