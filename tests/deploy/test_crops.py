"""The same picture through the data module and through a deployed detector, by each crop; and where that looked."""

from dataclasses import replace

import numpy as np
import pytest

from dfdetect.data.decode import decode
from dfdetect.data.face_crop import Cut, cut_square
from dfdetect.data.resize import CROPS
from dfdetect.data.yunet import Face
from dfdetect.deploy import photos
from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.drawing import still
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.photos import Settings, look
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import DamagedModelError, DownloadError, UsageError
from dfdetect.explain import photos as explained
from dfdetect.explain.maps import cam
from dfdetect.explain.photos import explain_picture
from tests.data.marked_faces import draw_marked, stand_in
from tests.fits import faces_data, quiet_trainer, tiny_detector

from .standin import FACTS, Standin, find_marked, marked, textured


class Kept:
    """An engine that keeps what it was given."""

    name, provider, threads = "kept", "none", 1

    def __init__(self, facts):
        self.facts, self.batches = facts, []

    def __call__(self, batch):
        self.batches.append(batch)
        return np.full(len(batch), 0.5, np.float32), np.zeros((len(batch), 2, 2), np.float32)


def facts_with(crop, **others):
    return replace(FACTS, crop=crop, face_margin=0.3 if crop == "face" else None, **others)


@pytest.fixture
def finder(monkeypatch, tmp_path):
    for module in (photos, explained):
        monkeypatch.setattr(module, "search", find_marked)
    return stand_in(monkeypatch, tmp_path)


@pytest.mark.parametrize("quality", [None, 50])
@pytest.mark.parametrize("crop", CROPS)
def test_training_and_deployment_give_the_network_the_same_pixels(crop, quality, finder, tmp_path):
    root = draw_marked(tmp_path / "faces", 20, without=(0, 5))
    margin = {"face_margin": 0.3} if crop == "face" else {}
    data = faces_data(root, crop=crop, normalise_encoding=quality, augment=[], **margin)
    data.setup("fit")
    data.setup("test")
    detector = Detector(Kept(facts_with(crop, normalise_encoding=quality)))
    for dataset in data.datasets.values():
        files = [dataset.samples.file(place) for place in range(len(dataset))]
        assert detector.predict(files)[0].p_fake == 0.5
        detector.predict([decode(file) for file in files])
        trained = np.stack([dataset.pixels(place) for place in range(len(dataset))])
        for batch in detector.engine.batches[-2:]:  # type: ignore[attr-defined]
            np.testing.assert_array_equal(batch, trained)


def test_what_a_scan_cuts_out_is_what_training_cut_out_and_is_searched_once(finder, tmp_path):
    root = draw_marked(tmp_path / "faces", 20)
    data = faces_data(root, crop="face", face_margin=0.3)
    data.setup("test")
    detector = Detector(Kept(facts_with("face")))
    asked = finder.asked
    judged = 0
    for place in range(len(data.datasets["test"])):
        faces, _ = look(decode(data.datasets["test"].samples.file(place)), Settings(detector, "yunet.onnx"))
        if faces[0].p_fake is not None:  # the smallest of these faces are none to judge
            judged += 1
            batch = detector.engine.batches[-1]  # type: ignore[attr-defined]
            np.testing.assert_array_equal(batch[0], data.datasets["test"].pixels(place))
    assert judged > 0
    assert finder.asked == asked


def test_a_photo_that_is_not_searched_is_taken_for_a_cut_and_that_is_said(finder):
    image = marked(textured(90, 140, 120), (20, 12, 40, 200))
    detector = Detector(Kept(facts_with("face")))
    settings = Settings(detector, None)
    (verdict,), _ = look(image, settings)
    np.testing.assert_array_equal(detector.engine.batches[-1][0], Detector(Kept(facts_with("center"))).prepare(image))  # type: ignore[attr-defined]
    assert verdict.square == (25, 0, 90)
    assert "faces cut out with a margin of 0.3" in str(settings.takes_cuts)
    assert Settings(detector, "yunet.onnx").takes_cuts is None
    assert Settings(Detector(Kept(facts_with("center"))), None).takes_cuts is None
    assert finder.asked == 0


@pytest.mark.parametrize("crop", CROPS)
def test_heatmaps_lie_where_the_network_looked_in_a_face(crop, finder):
    image = marked(textured(90, 140, 120), (20, 12, 40, 200))
    detector = Standin(facts_with(crop))
    settings = Settings(detector, "yunet.onnx", margin=0.2)
    face = find_marked(image)[0]
    cut = cut_square(image, face, 0.2)
    (verdict,), _ = look(image, settings)
    side = len(cut.pixels)
    inside = (side - 32) // 2 if crop == "native" else 0
    assert verdict.square == (cut.left + inside, cut.top + inside, 32 if crop == "native" else side)
    (one,) = explain_picture(image, settings, cam(detector), "cam")
    assert one.verdict.square == verdict.square
    assert one.frame is not None
    left, top, side = (int(value) for value in one.frame[:3])
    assert verdict.square == (left, top, side)
    np.testing.assert_array_equal(one.pixels, image[top : top + side, left : left + side])
    if crop == "native":
        np.testing.assert_array_equal(one.pixels, detector.prepare(cut.pixels))


@pytest.mark.parametrize(
    ("crop", "square"), [("resize", None), ("center", (25, 0, 90)), ("face", (25, 0, 90)), ("native", (54, 29, 32))]
)
def test_heatmaps_lie_where_the_network_looked_in_a_whole_picture(crop, square, finder):
    image = textured(90, 140, 120)
    image[:, :25] = image[:, 115:] = 0  # outside of the middle
    detector = Standin(facts_with(crop))
    (verdict,), _ = look(image, Settings(detector, None))
    assert verdict.square == square
    panel = still(image, [verdict], detector.facts).panels[0]
    assert (panel[:, :20].mean() > 50) == (crop != "resize")
    (one,) = explain_picture(image, Settings(detector, None), cam(detector), "cam")
    assert one.pixels is not None
    assert one.pixels.shape[:2] == ((90, 140) if square is None else (square[2],) * 2)


def test_what_was_forged_is_looked_up_where_the_network_looked():
    facts = facts_with("face", input_size=32)
    cut = Cut(np.zeros((50, 50, 3), np.uint8), 30, 7)
    assert facts.seen_of(cut) == (30, 7, 50, 50)
    assert replace(facts, crop="native").seen_of(cut) == (39, 16, 32, 32)
    assert replace(facts, crop="resize").seen((90, 140)) == (0, 0, 140, 90)


@pytest.mark.parametrize("crop", CROPS)
def test_metadata_keeps_the_crop(crop):
    facts = facts_with(crop)
    assert ModelFacts.from_strings(facts.to_strings()) == facts


def test_a_crop_of_faces_without_its_margin_is_damage():
    strings = facts_with("face").to_strings()
    del strings["dfdetect.face_margin"]
    with pytest.raises(DamagedModelError, match="crop is face, and there is no face_margin"):
        ModelFacts.from_strings(strings)


@pytest.mark.parametrize(("crop", "margin"), [("face", 0.4), ("native", None)])
def test_a_checkpoint_keeps_crop_and_margin(crop, margin, finder, tmp_path):
    from dfdetect.models.checkpoint import read_detector_checkpoint

    root = draw_marked(tmp_path / "faces", 40)
    data = faces_data(root, crop=crop, **{"face_margin": margin} if margin else {})
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=1, limit_val_batches=1)
    trainer.fit(tiny_detector(), data)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    read = read_detector_checkpoint(tmp_path / "x.ckpt")
    facts = facts_of_checkpoint(read, tmp_path / "x.ckpt")
    assert (facts.crop, facts.face_margin) == (crop, margin)
    assert read["datamodule_hyper_parameters"]["crop"] == crop
    detector = Detector.load(tmp_path / "x.ckpt")
    file = data.datasets["val"].samples.file(0)
    np.testing.assert_array_equal(detector.whole.load(0, file), data.datasets["val"].pixels(0))
    del read["dfdetect"]["preprocessing"]["normalise_encoding"]
    read["dfdetect"]["preprocessing"] |= {"crop": "center"}
    read["dfdetect"]["preprocessing"].pop("face_margin", None)
    assert facts_of_checkpoint(read, tmp_path / "x.ckpt").face_margin is None  # one of the time before


def test_whole_pictures_need_a_face_model_and_faces_that_are_cut_out_none(monkeypatch):
    from dfdetect.data import face_model

    def refuse(url):
        raise OSError("offline")

    image = textured(90, 140, 120)
    monkeypatch.delenv("DFDETECT_FACE_MODEL", raising=False)
    monkeypatch.setattr(face_model, "_fetch", refuse)
    detector = Detector(Kept(facts_with("face")))
    assert detector.prepare(image).shape == (32, 32, 3)
    with pytest.raises(DownloadError, match=r"DFDETECT_FACE_MODEL\n  3\. cut faces out yourself"):
        detector.predict([image])
    with pytest.raises(UsageError, match=r"Face model missing\.onnx: no such file"):
        Detector(Kept(facts_with("face")), face_model="missing.onnx").predict([image])
    assert Detector(Kept(facts_with("native"))).predict([image])[0].p_fake == 0.5


def test_a_face_is_found_by_the_model_that_was_named(finder, tmp_path, monkeypatch):
    monkeypatch.delenv("DFDETECT_FACE_MODEL")
    detector = Detector(Kept(facts_with("face")), face_model=str(tmp_path / "yunet.onnx"))
    image = marked(textured(90, 140, 120), (20, 12, 40, 200))
    detector.predict(image)
    face: Face = find_marked(image)[0]
    wanted = detector.prepare(cut_square(image, face, 0.3).pixels)
    np.testing.assert_array_equal(detector.engine.batches[-1][0], wanted)  # type: ignore[attr-defined]
