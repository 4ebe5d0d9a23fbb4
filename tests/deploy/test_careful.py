"""Answers that flip when the face is re-encoded."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from dfdetect.data.encoding import reencode
from dfdetect.deploy.careful import MILD, doubted, version_scores
from dfdetect.deploy.photos import Settings, scan_photo
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


class TraceDetector(Standin):
    """Takes fine detail for a forger's trace: p_fake rises with what a small blur takes away."""

    def judge(self, batch):
        grey = np.asarray(batch, np.float32)[..., 1]
        detail = np.array([np.abs(one - cv2.blur(one, (3, 3))).mean() for one in grey])
        return 1 / (1 + np.exp(2.0 - detail)), None


def traced(folder, seed, is_fake):
    """A smooth picture as PNG; fakes have a grid that outlives JPEG, some of both classes noise that does not."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:96, :96]
    image = 110 + 30 * np.sin(across / 40 + seed) + 20 * np.cos(down / 30)
    if is_fake:
        image += rng.uniform(4, 14) * ((down // 4 + across // 4) % 2)
    image += rng.normal(0, rng.uniform(0, 5), image.shape)
    file = folder / f"{seed}.png"
    Image.fromarray(np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)).save(file)
    return str(file)


def test_it_errs_less_where_it_answers(tmp_path):
    """Of a detector that noise misleads: what misleads it is what mild re-encoding takes away."""
    detector = TraceDetector(facts=replace(FACTS, input_size=96))
    is_fake = np.arange(80) % 2 == 1
    files = [traced(tmp_path, seed, bool(one)) for seed, one in enumerate(is_fake)]
    plain, careful = (
        np.array([scan_photo(file, Settings(detector, None, careful=asked)).verdict for file in files])
        for asked in (False, True)
    )
    wrong, answered = plain != np.where(is_fake, "fake", "real"), careful != "uncertain"
    assert "uncertain" not in plain
    np.testing.assert_array_equal(careful[answered], plain[answered])
    assert 0.3 < answered.mean() < 0.9
    assert 0.3 < is_fake[answered].mean() < 0.7
    assert 0 < wrong[answered].mean() < wrong.mean() / 2
