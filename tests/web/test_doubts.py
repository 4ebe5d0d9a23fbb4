from dataclasses import replace

import pytest

from dfdetect.deploy.verdicts import FaceVerdict, photo_row
from dfdetect.web.doubts import doubts_in_short, doubts_of_model, doubts_of_row, faces_word
from dfdetect.web.model_card import model_card
from tests.deploy.standin import BAND, FACTS


def titles(*faces, facts=BAND, kind="photo", more=0):
    row = replace(photo_row("a.jpg", facts, list(faces), (400, 300), more), kind=kind)
    return [doubt.title for doubt in doubts_of_row(row, facts)]


def face(p_fake=0.9, box=(10, 10, 90, 90), verdict="fake", reason=""):
    return FaceVerdict(box, p_fake, verdict, reason)


def test_a_clear_answer_on_a_large_face_has_no_doubt_of_its_own():
    assert titles(face()) == []


def test_no_face_and_whole_pictures():
    assert titles() == ["No face was found, so nothing was judged"]
    assert titles(face(box=None)) == ["The whole picture was judged"]


def test_faces_that_cannot_be_judged():
    small = face(None, (0, 0, 20, 20), "uncertain", "face too small (20 px, of 40)")
    assert titles(small) == ["No face could be judged"]
    assert titles(face(), small) == ["A face was passed over"]


def test_the_band_with_its_figures():
    row = photo_row("a.jpg", BAND, [face(0.55, verdict="uncertain")], (400, 300))
    (doubt,) = doubts_of_row(row, BAND)
    assert doubt.title == "Too close to the threshold"
    assert "Between 0.40 and 0.60" in doubt.text
    assert "10% of its answers" in doubt.text
    assert "80% of 500 photos" in doubt.text


def test_flips_small_faces_many_faces_and_clips():
    assert titles(face(reason="flips under mild re-encoding (2 of 5; JPEG 50: 0.31)")) == [
        "The answer flips when the photo is re-encoded"
    ]
    assert titles(face(), facts=replace(FACTS, input_size=224)) == ["A small face: 90 pixels"]
    assert titles(face(), face(0.1), face(0.2)) == ["3 faces, and the most fake one decides"]
    assert titles(face(), kind="video") == ["A clip, judged frame by frame"]


def test_what_the_metadata_says_stands_beside_every_answer():
    facts = replace(FACTS, test_summary="test part, n 260: AUROC 0.781", data_title="photos <of> people")
    said = doubts_in_short(photo_row("a.jpg", facts, [face()], (400, 300)), facts)
    assert any("n 260: AUROC 0.781" in doubt.text for doubt in said)
    assert any("photos <of> people" in doubt.text for doubt in said)
    untested = doubts_in_short(photo_row("a.jpg", FACTS, [face()], (400, 300)), FACTS)
    assert any("no test is recorded" in doubt.text for doubt in untested)


def test_a_models_limits_follow_its_metadata():
    def named(facts, margin=None):
        return [doubt.title for doubt in doubts_of_model(facts, margin)]

    assert "The score is not calibrated" in named(replace(FACTS, calibrated=False))
    assert "The score is not calibrated" not in named(FACTS)
    assert "It never says that it cannot tell" in named(FACTS)
    assert "It never says that it cannot tell" not in named(BAND)
    unrecorded = replace(FACTS, face_margin=None)
    assert "How closely it wants faces cut out is not recorded" in named(unrecorded, 0.17)
    assert "How closely it wants faces cut out is not recorded" not in named(unrecorded)
    assert "How closely it wants faces cut out is not recorded" not in named(FACTS, 0.0)
    cut = replace(FACTS, crop="face", face_margin=0.3)
    assert "It learned on faces cut out of their photos" in named(cut)
    assert "It learned on faces cut out of their photos" not in named(cut, 0.3)


@pytest.mark.parametrize(
    ("crop", "margin", "said"),
    [
        ("resize", None, "the whole picture at 32 x 32 pixels"),
        ("center", None, "the largest centred square at 32 x 32 pixels"),
        ("face", 0.3, "each face with a margin of 0.30 of its side, at 32 x 32 pixels"),
        ("native", 0.3, "the middle 32 x 32 pixels of each face with a margin of 0.30 of its side, not resized unless"),
    ],
)
def test_the_card_says_what_the_network_looks_at(crop, margin, said):
    assert said in model_card("m", replace(FACTS, crop=crop, face_margin=margin), "", margin)


def test_faces_are_counted_in_words():
    one = photo_row("a.jpg", FACTS, [face()], (400, 300))
    assert faces_word(one) == "1 face"
    assert faces_word(photo_row("a.jpg", FACTS, [], (400, 300))) == "no face"
    assert faces_word(replace(one, kind="video")) == "1 face followed"
