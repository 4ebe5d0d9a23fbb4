"""Landmarks: found once and kept, given by a file, and what is left out of a training."""

import os

import numpy as np
import pytest

from dfdetect.data import face_crop
from dfdetect.data.blending import faces
from dfdetect.data.blending.faces import real_photos
from dfdetect.data.cache import Decoder
from dfdetect.data.samples import load_samples
from dfdetect.data.synthetic import draw_face, generate_faces
from dfdetect.data.yunet import Face
from dfdetect.errors import DownloadError, UsageError

from ..helpers import draw_classes
from .faces import USUAL, write_landmarks

SIZE = 32


class Finder:
    """Says that the face of every picture lies in its middle, but for those numbered in `faceless`."""

    def __init__(self, faceless=()):
        self.asked, self.faceless = 0, faceless

    def __call__(self, image, model):
        self.asked += 1
        face = Face(0, 0, 20, 20, USUAL * len(image), 0.9)
        return [] if self.asked - 1 in self.faceless else [face]


@pytest.fixture
def finder(monkeypatch, tmp_path):
    (tmp_path / "yunet.onnx").write_bytes(b"model")
    monkeypatch.setattr(faces, "face_model", lambda named, without: str(tmp_path / "yunet.onnx"))
    finder = Finder()
    monkeypatch.setattr(face_crop, "search", finder)
    return finder


def photos_of(root, masks=("face",), given=None, kept=None):
    decoder = Decoder(SIZE)
    return real_photos(load_samples(root), "train", list(masks), given, decoder, decoder, kept)


def test_only_real_photos_with_a_whole_face_and_the_rest_is_counted(tmp_path, finder):
    finder.faceless = (1, 4)
    root = draw_classes(tmp_path / "faces", 20)
    (root / "real/000.png").write_bytes(b"")
    photos = photos_of(root)
    assert len(photos.samples) == 8
    assert photos.samples.labels.tolist() == [0] * 8
    assert [one is None for one in photos.landmarks] == [True] + [False] * 7  # a broken file is told as it is read
    assert (photos.faceless, len(photos.fakes)) == (2, 10)
    note = photos.note()
    assert note.startswith("8 real photos, each beside its self-blended fake; left out: 2 real photos")
    assert note.endswith("the 10 fakes of the train part are not used")


def test_a_face_that_lies_partly_outside_is_none(tmp_path, finder, monkeypatch):
    root = draw_classes(tmp_path / "faces", 4)
    monkeypatch.setattr(face_crop, "search", lambda image, model: [Face(0, 0, 9, 9, USUAL * SIZE + 14, 0.9)])
    with pytest.raises(UsageError, match="none of the 2 real photos of the train part shows a whole face"):
        photos_of(root)


def test_found_once_and_kept_until_the_file_changes(tmp_path, finder):
    root, kept = draw_classes(tmp_path / "faces", 8), tmp_path / "cache"
    first = photos_of(root, kept=kept)
    again = photos_of(root, kept=kept)
    assert finder.asked == 4
    np.testing.assert_array_equal(np.stack(first.landmarks), np.stack(again.landmarks))
    (root / "real/000.png").write_bytes((root / "real/002.png").read_bytes())
    photos_of(root, kept=kept)
    assert finder.asked == 5
    entry = next(kept.rglob("*.npz"))
    entry.write_bytes(entry.read_bytes()[:50])
    photos_of(root, kept=kept)
    assert finder.asked == 6
    (tmp_path / "yunet.onnx").write_bytes(b"another model")
    photos_of(root, kept=kept)
    assert finder.asked == 10
    photos_of(root)
    photos_of(root)
    assert finder.asked == 18


def test_given_landmarks_are_shares_of_the_picture(tmp_path):
    root = draw_classes(tmp_path / "faces", 8)
    file = write_landmarks(tmp_path / "marks.npz", root, without=("real/004.png",))
    photos = photos_of(root, given=str(file))
    assert photos.samples.paths == ["real/000.png", "real/002.png", "real/006.png"]
    assert photos.faceless == 1
    for one in photos.landmarks:
        np.testing.assert_allclose(one, USUAL * SIZE)


@pytest.mark.parametrize(
    ("points", "masks", "said"),
    [
        (np.zeros((2, 2)), ["face"], "real/000.png has float64 .2, 2., not .L, 2. with 3 or more"),
        (np.zeros((5, 3)), ["face"], "real/000.png has float64 .5, 3."),
        (np.array(["left eye"]), ["face"], "real/000.png has <U8"),
        (np.full((12, 2), 0.5), ["face", "mouth", "eyes"], "12 landmarks give no eyes, mouth; 5 or 68 do"),
        (np.array([None]), ["face"], "Object arrays cannot be loaded"),
    ],
)
def test_landmarks_that_are_none_are_refused(points, masks, said, tmp_path):
    root = draw_classes(tmp_path / "faces", 4)
    np.savez(tmp_path / "marks.npz", **{"real/000.png": points})
    with pytest.raises(UsageError, match=said):
        photos_of(root, masks, str(tmp_path / "marks.npz"))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_refused(content, tmp_path):
    root = draw_classes(tmp_path / "faces", 4)
    if content is not None:
        (tmp_path / "marks.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"data.landmarks .*marks.npz: "):
        photos_of(root, given=str(tmp_path / "marks.npz"))


def test_without_a_face_model_the_way_on_is_named(tmp_path, monkeypatch):
    from dfdetect.data import face_model

    def refuse(url):
        raise OSError("offline")

    monkeypatch.delenv("DFDETECT_FACE_MODEL", raising=False)
    monkeypatch.setattr(face_model, "_fetch", refuse)
    with pytest.raises(DownloadError, match=r"offline(.|\n)*3. name landmarks: --data.landmarks FILE"):
        photos_of(draw_classes(tmp_path / "faces", 4))


@pytest.mark.skipif("DFDETECT_FACE_MODEL" not in os.environ, reason="set DFDETECT_FACE_MODEL to a YuNet file")
def test_the_model_itself_finds_generated_faces(tmp_path):
    generate_faces(tmp_path / "faces", 24, size=160, progress=False)
    decoder = Decoder(160)
    photos = real_photos(load_samples(tmp_path / "faces"), "train", ["nose"], None, decoder, decoder, None)
    assert len(photos.samples) >= 8
    assert np.abs(np.stack(photos.landmarks) / 160 - USUAL).max() < 0.12  # type: ignore[arg-type]
    assert draw_face(0, 0, size=160).image.shape == (160, 160, 3)
