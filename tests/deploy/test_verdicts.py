from dataclasses import replace

import pytest

from dfdetect.deploy.verdicts import FaceVerdict, judged_face, photo_row, unreadable

from .standin import BAND, FACTS


def faces(*scores, facts=BAND):
    return [judged_face(facts, p, box=(0, 0, 50, 50)) for p in scores]


@pytest.mark.parametrize(
    ("scores", "verdict", "p_fake"),
    [
        ((0.1,), "real", 0.1),
        ((0.1, 0.9, 0.2), "fake", 0.9),
        ((0.1, 0.5), "uncertain", 0.5),
        ((0.61, 0.5, 0.9), "fake", 0.9),
        ((0.3, 0.39), "real", 0.39),
    ],
)
def test_a_photo_is_what_its_most_fake_face_is(scores, verdict, p_fake):
    row = photo_row("a.jpg", BAND, faces(*scores), (640, 480))
    assert (row.verdict, row.p_fake, row.threshold) == (verdict, p_fake, 0.5)
    assert row.faces[0].p_fake == p_fake
    assert ("too close to the threshold (0.400 to 0.600)" in row.reason) == (verdict == "uncertain")


def test_a_certain_fake_goes_before_a_doubted_one_of_a_higher_score():
    doubted = replace(faces(0.95)[0], verdict="uncertain", reason="flips")
    row = photo_row("a.jpg", BAND, [doubted, *faces(0.7, 0.1)], (9, 9))
    assert (row.verdict, row.p_fake) == ("fake", 0.7)
    assert photo_row("a.jpg", BAND, [doubted, *faces(0.1)], (9, 9)).reason == "flips"


def test_faces_that_cannot_be_judged_decide_nothing_but_are_counted():
    small = FaceVerdict((0, 0, 20, 20), None, "uncertain", "face too small (20 px, of 40)")
    row = photo_row("a.jpg", BAND, [small, small, *faces(0.1)], (9, 9), more=3)
    assert (row.verdict, row.p_fake) == ("real", 0.1)
    assert row.reason == "3 more faces not judged; 2 faces besides not judged"
    alone = photo_row("a.jpg", BAND, [small], (9, 9))
    assert (alone.verdict, alone.p_fake, alone.reason) == ("uncertain", None, "face too small (20 px, of 40)")


def test_no_face():
    row = photo_row("a.jpg", FACTS, [], (9, 9))
    assert (row.verdict, row.p_fake, row.reason) == ("uncertain", None, "no face found")


def test_rows_as_json():
    row = photo_row("a.jpg", FACTS, faces(0.123456789, facts=FACTS), (640, 480))
    assert row.as_json() == {
        "path": "a.jpg",
        "kind": "photo",
        "verdict": "real",
        "p_fake": 0.123457,
        "threshold": 0.5,
        "reason": "",
        "size": (640, 480),
        "faces": [{"box": (0, 0, 50, 50), "p_fake": 0.123457, "verdict": "real", "reason": ""}],
        "seconds": 0.0,
    }
    video = replace(row, kind="video", timeline=((0.12345, 0.5),))
    assert video.as_json()["timeline"] == [[0.123, 0.5]]
    bad = unreadable("b.jpg", "empty file", 0.5)
    assert bad.failed
    assert (bad.as_json()["verdict"], bad.as_json()["p_fake"]) == ("error", None)
