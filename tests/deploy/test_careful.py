"""Answers that flip when the face is re-encoded."""

from dataclasses import replace

import numpy as np
import pytest

from dfdetect.data.encoding import reencode
from dfdetect.deploy.careful import MILD, doubted, version_scores
from dfdetect.deploy.verdicts import FaceVerdict, judged_face

from .standin import FACTS, Standin, textured


def test_the_changes_are_mild():
    face = textured(90, 70, 120)
    smooth = np.asarray(face // 8 + 100, np.uint8)
    for name, change in MILD.items():
        changed = change(smooth)
        assert changed.shape == smooth.shape, name
        difference = np.abs(changed.astype(int) - smooth).mean()
        assert 0 < difference < 12, name
    np.testing.assert_array_equal(MILD["JPEG 75"](face), reencode(face, 75))


def test_scores_of_the_versions_come_in_one_batch():
    detector = Standin()
    face = textured(64, 64, 140)
    scores = version_scores(detector, face)
    assert detector.batches == [len(MILD)]
    assert len(scores) == len(MILD)
    expected = [np.mean(detector.prepare(change(face))[..., 0]) / 255 for change in MILD.values()]
    assert scores == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("p_fake", "versions", "verdict"),
    [
        (0.6, (0.7, 0.6, 0.51, 0.9, 0.5), "fake"),
        (0.6, (0.7, 0.6, 0.49, 0.9, 0.5), "uncertain"),
        (0.1, (0.2, 0.1, 0.3, 0.0, 0.49), "real"),
        (0.1, (0.5, 0.1, 0.3, 0.0, 0.2), "uncertain"),
    ],
)
def test_one_version_on_the_other_side_is_enough(p_fake, versions, verdict):
    found = doubted(replace(judged_face(FACTS, p_fake), versions=versions), 0.5)
    assert found.verdict == verdict
    assert ("flips under mild re-encoding (1 of 5" in found.reason) == (verdict == "uncertain")


def test_what_is_uncertain_or_not_judged_stays_as_it_is():
    small = FaceVerdict((0, 0, 9, 9), None, "uncertain", "face too small")
    assert doubted(small, 0.5) is small
