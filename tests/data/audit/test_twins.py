"""Twins of every kind are found, strangers are not."""

import cv2
import numpy as np
import pytest

from dfdetect.data.audit import geometry, twins
from dfdetect.data.audit.candidates import PARTNERS
from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.twins import Description, describe, find_twins
from dfdetect.data.synthetic import KINDS, draw_face
from tests.data.audit.pictures import DERIVATIONS, encoded, photo, replaced

STRANGERS = 24


@pytest.fixture(scope="module")
def strangers() -> list[Description]:
    """Photos that have nothing to do with each other, faces all in the same place."""
    return [describe(photo(i)) for i in range(STRANGERS)]


@pytest.fixture
def compared(monkeypatch) -> list[int]:
    """Grows by one with each pair that is compared."""
    calls: list[int] = []

    def counting(similarity):
        calls.append(1)
        return geometry.match(similarity)

    monkeypatch.setattr(twins, "match", counting)
    return calls


def pairs(found: list[twins.Twin]) -> list[tuple[int, int, bool]]:
    return [(twin.first, twin.second, twin.mirrored) for twin in found]


@pytest.mark.parametrize("kind", DERIVATIONS)
def test_a_derived_picture_is_its_photos_twin_and_nobody_elses(kind, strangers):
    derived = describe(DERIVATIONS[kind](photo(5)))
    found = find_twins([*strangers, derived])
    assert pairs(found) == [(5, STRANGERS, "mirrored" in kind)]
    assert geometry.LEAST_INLIERS <= found[0].inliers <= 300
    assert 0.3 <= found[0].agreement <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_photo_is_the_twin_of_its_original(kind, strangers):
    assert pairs(find_twins([*strangers, describe(encoded(photo(3, kind), 80))])) == [(3, STRANGERS, False)]


def test_two_derivations_of_one_photo_are_twins_of_each_other(strangers):
    made = [describe(DERIVATIONS[kind](photo(51))) for kind in ("cropped", "mirrored", "recoloured")]
    found = find_twins([*made, *strangers])
    assert {(0, 1, True), (0, 2, False), (1, 2, True)} == set(pairs(found))


def test_scale_says_how_much_larger_the_second_shows_it(strangers):
    (twin,) = find_twins([*strangers, describe(DERIVATIONS["zoomed in 1.5 times"](photo(5)))])
    assert twin.scale == pytest.approx(1.5, rel=0.03)


def test_bare_generated_faces_are_strangers():
    """Drawn by one hand, each face in the middle of the picture: the likeliest to be mistaken for one another."""
    assert find_twins([describe(draw_face(0, i, size=128).image) for i in range(60)]) == []


def marked(image):
    """With an agency's words across it."""
    mark = np.zeros((256, 256, 3), np.uint8)
    for line, text in enumerate(("PHOTO AGENCY", "all rights reserved", "www.example.org/q7?x=83")):
        cv2.putText(mark, text, (8, 190 + 24 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return np.maximum(image, mark)


def test_a_shared_watermark_makes_no_twins():
    assert find_twins([describe(marked(photo(i))) for i in range(8)]) == []


def test_a_shared_frame_makes_no_twins():
    rng = np.random.default_rng(0)
    frame = np.repeat(np.repeat(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), 4, axis=0), 4, axis=1)
    framed = []
    for i in range(8):
        image = frame.copy()
        image[12:-12, 12:-12] = photo(i)[12:-12, 12:-12]
        framed.append(describe(image))
    assert find_twins(framed) == []


def test_a_watermark_hides_no_true_twins():
    plain = [photo(i) for i in range(8)] + [encoded(photo(2), 60), replaced(photo(4))]
    found = find_twins([describe(marked(image)) for image in plain])
    assert pairs(found) == [(2, 8, False), (4, 9, False)]


def test_identical_files_are_tied_without_comparing_them(strangers, compared):
    found = find_twins([*strangers[:3], *[strangers[5]] * 1000])
    assert pairs(found) == [(3, i, False) for i in range(4, 1003)]
    assert len(compared) <= 4 * PARTNERS


def test_one_photo_re_encoded_many_times_is_one_group_at_a_bounded_cost(compared):
    count = 30
    found = find_twins([describe(encoded(photo(1), 30 + i)) for i in range(count)])
    assert len(set(join_groups(count, [(twin.first, twin.second) for twin in found]))) == 1
    assert len(compared) <= count * PARTNERS


@pytest.mark.parametrize("size", [1, 5, 16])
def test_flat_and_tiny_pictures_have_no_twins(size, strangers):
    flat, tiny = describe(np.full((200, 200, 3), 200, np.uint8)), describe(photo(0, size=64)[:size, :size])
    assert find_twins([flat, flat, tiny, *strangers[:2]]) == []


def test_one_image_and_none():
    assert find_twins([]) == []
    assert find_twins([describe(photo(0))]) == []


def test_twins_are_listed_in_order_each_pair_once():
    images = [photo(i) for i in (3, 1, 2)]
    symmetric = np.concatenate([images[0], images[0][:, ::-1]], axis=1)  # its own mirror image
    found = find_twins([describe(encoded(image, 90)) for image in [symmetric, *images, symmetric[:, ::-1].copy()]])
    keys = [(twin.first, twin.second) for twin in found]
    assert keys == sorted(set(keys))
    assert (0, 4) in keys
