import numpy as np
import pytest
from PIL import Image

from dfdetect.data.samples import load_samples
from dfdetect.data.yunet import Face
from dfdetect.explain.cases import collect
from dfdetect.explain.maps import cam
from tests.deploy.standin import Standin

from .helpers import floats

MARKS = floats([[30, 40], [50, 40], [40, 50], [33, 60], [47, 60]])
FACE = Face(20, 20, 40, 55, MARKS, 0.9)


def faces_of(image):
    """A face, but in pictures that are black."""
    return [FACE] if image.any() else []


@pytest.fixture
def ciplab(tmp_path):
    for name, level in (
        ("real/real_00001.jpg", 100),
        ("real/real_00002.jpg", 0),
        ("fake/easy_1_1000.jpg", 200),
        ("fake/mid_2_0011.jpg", 0),
        ("fake/hard_3_111.jpg", 90),
    ):
        file = tmp_path / "ciplab" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((80, 80, 3), level, np.uint8)).save(file)
    (tmp_path / "ciplab" / "real" / "broken.jpg").write_bytes(b"no picture")
    return load_samples(tmp_path / "ciplab")


def test_names_faces_and_broken_files(ciplab):
    detector = Standin()
    found = collect(ciplab, detector, cam(detector), faces_of)
    assert (found.unread, found.faceless) == (1, 1)
    truths = {case.path: case.truth for case in found.cases}
    truth = truths.pop("fake/easy_1_1000.jpg")
    assert truth is not None
    assert truth.edited == {"right_eye"}
    assert len(truths) == 4
    assert set(truths.values()) == {None}
    for case in found.cases:
        assert case.picture.shape == (32, 32, 3)
        assert case.p_fake == pytest.approx(case.picture[..., 0].mean() / 255, abs=1e-6)
        assert case.evidence.shape == (4, 4)
        assert case.group == case.path
    assert sum(case.label for case in found.cases) == 3


def test_without_a_face_detector_names_say_nothing(ciplab):
    detector = Standin()
    found = collect(ciplab, detector, cam(detector), None)
    assert all(case.truth is None for case in found.cases)
    assert found.faceless == 0


def test_generated_fakes_have_their_masks(generated_faces):
    samples = load_samples(generated_faces).select(np.arange(0, 240, 7))
    detector = Standin()
    found = collect(samples, detector, cam(detector), None)
    assert len(found.cases) == len(samples)
    for case in found.cases:
        assert (case.truth is not None) == (case.label == 1)
        if case.truth is not None:
            assert case.truth.mask.shape == (32, 32)
            assert 0 < case.truth.mask.mean() < 1
            assert case.source in ("part_swap", "upsampled", "smoothed")
