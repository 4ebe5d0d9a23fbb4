"""A checkpoint is not tested on images that its training may have seen, unless that is asked for."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from dfdetect.errors import CheckpointError, UsageError
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.split_guard import changed_preprocessing
from tests.data.marked_faces import stand_in
from tests.fits import copy_as_others, faces_data, quiet_trainer, tiny_detector


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, generated_faces):
    folder = tmp_path_factory.mktemp("trained")
    trainer = quiet_trainer(folder, callbacks=[], limit_train_batches=1, limit_val_batches=1)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    trainer.save_checkpoint(folder / "x.ckpt")
    return folder / "x.ckpt"


def run_test(checkpoint: Path, folder: Path, data) -> Path:
    """Test with all callbacks; returns the run's folder."""
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True)
    trainer = quiet_trainer(folder)
    trainer.test(detector, data, verbose=False)
    return folder / "run" / "version_0"


def test_the_same_split_is_tested_without_a_word(checkpoint, tmp_path, generated_faces):
    run = run_test(checkpoint, tmp_path, faces_data(generated_faces))
    assert not any("split" in note for note in json.loads((run / "metrics.json").read_text())["notes"])


def test_another_split_of_the_same_root_is_refused(checkpoint, tmp_path, generated_faces):
    with pytest.raises(CheckpointError, match=r"another split.*36 images.*--allow-new-split"):
        run_test(checkpoint, tmp_path, faces_data(generated_faces, split_seed=1))
    assert not list(tmp_path.rglob("metrics.json"))


@pytest.mark.parametrize("absolute", [False, True])
def test_a_manifest_of_the_same_files_is_no_other_data(checkpoint, tmp_path, generated_faces, absolute):
    rows = []
    for file in sorted(generated_faces.rglob("*.jpg"))[20:]:
        inner = file.relative_to(generated_faces)
        rows.append(f"{file if absolute else inner},{inner.parts[0]}")
    (tmp_path / "some.csv").write_text("\n".join(["path,label", *rows]))
    with pytest.raises(CheckpointError, match=r"another split.*--allow-new-split"):
        run_test(checkpoint, tmp_path, faces_data(generated_faces, manifest=str(tmp_path / "some.csv")))


def test_another_validation_part_is_refused_too(checkpoint, tmp_path, generated_faces):
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True)
    trainer = quiet_trainer(tmp_path)
    with pytest.raises(CheckpointError, match=r"another split.*its val part had 36 images.*--allow-new-split"):
        trainer.validate(detector, faces_data(generated_faces, split_seed=1), verbose=False)
    trainer.validate(detector, faces_data(generated_faces, split_seed=1, allow_new_split=True), verbose=False)
    assert list(tmp_path.rglob("validation/metrics.json"))


def test_another_split_is_tested_where_allowed_and_the_result_says_so(checkpoint, tmp_path, generated_faces):
    run = run_test(checkpoint, tmp_path, faces_data(generated_faces, split_seed=1, allow_new_split=True))
    assert any("training may have seen" in note for note in json.loads((run / "metrics.json").read_text())["notes"])


def test_a_copy_of_the_data_is_the_same_data(checkpoint, tmp_path, generated_faces):
    shutil.copytree(generated_faces, tmp_path / "copy")
    run = run_test(checkpoint, tmp_path, faces_data(tmp_path / "copy"))
    assert (run / "metrics.json").is_file()
    assert not (run / "cross-dataset").exists()


def test_another_root_is_cross_dataset(checkpoint, tmp_path, generated_faces, caplog):
    copy_as_others(generated_faces, tmp_path / "other")
    (tmp_path / "other/real").rename(tmp_path / "other/original")
    with caplog.at_level("INFO"):
        run = run_test(checkpoint, tmp_path, faces_data(tmp_path / "other"))
    assert f"cross-dataset: trained on {generated_faces}" in caplog.text
    folder = run / "cross-dataset" / "other"
    assert not (run / "metrics.json").exists()
    result = json.loads((folder / "metrics.json").read_text())
    assert any(note.startswith(f"cross-dataset: trained on {generated_faces}") for note in result["notes"])
    with open(folder / "predictions.csv", newline="") as stream:
        assert {row["path"].split("/")[0] for row in csv.DictReader(stream)} == {"original", "fake"}


@pytest.mark.parametrize("given", [False, True])
def test_another_data_set_is_judged_whole_unless_it_has_a_test_part(
    checkpoint, tmp_path, generated_faces, given, caplog, capsys
):
    other = tmp_path / "other"
    for number, file in enumerate(
        sorted(generated_faces.rglob("*.jpg"))[:60:2] + sorted(generated_faces.rglob("*.jpg"))[-30:]
    ):
        part = ("train", "test")[number % 2] if given else ""
        place = other / part / file.relative_to(generated_faces).parts[0] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    with caplog.at_level("INFO"):
        run = run_test(checkpoint, tmp_path, faces_data(other))
    result = json.loads((run / "cross-dataset/other/metrics.json").read_text())
    assert result["n"] == (30 if given else 60)
    assert result["threshold"] == DeepfakeDetector.load_from_checkpoint(checkpoint).facts["threshold"]
    assert 0 < result["best_threshold"] < 1
    part = "the test part that comes with it, 30 of its 60 images; the other 30 were left out"
    judged = part if given else "all its 60 images"
    assert result["judged"] == judged
    said = f"cross-dataset: trained on {generated_faces}, tested on {other}: {judged}"
    assert f"{said}." in result["notes"]
    assert f"Note: {said}." in capsys.readouterr().out
    assert said in caplog.text
    assert f"<p>other: {judged}.</p>" in (run / "report.html").read_text()
    assert any("best threshold for these images" in note for note in result["notes"])
    assert not list(run.glob("metrics.json"))


@pytest.mark.parametrize("how", ["few groups", "only val", "two images"])
def test_another_data_set_is_judged_whole_even_if_it_cannot_be_divided(checkpoint, tmp_path, generated_faces, how):
    other, rows = tmp_path / "other", ["path,label,group"]
    files = sorted(generated_faces.rglob("*.jpg"))
    for number, file in enumerate([files[0], files[-1]] if how == "two images" else files[:10] + files[-10:]):
        kind = file.relative_to(generated_faces).parts[0]
        place = other / ("val" if how == "only val" else "") / kind / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
        rows.append(f"{place},{kind},one person")
    if how == "few groups":
        (other / "manifest.csv").write_text("\n".join(rows))
    run = run_test(checkpoint, tmp_path, faces_data(other))
    result = json.loads((run / "cross-dataset/other/metrics.json").read_text())
    assert result["n"] == len(rows) - 1
    assert result["judged"] == f"all its {len(rows) - 1} images"


def test_own_data_without_a_test_part_are_refused_with_a_way_on(checkpoint, tmp_path, generated_faces):
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True)
    data = faces_data(generated_faces, split_ratios=(0.7, 0.3, 0.0), allow_new_split=True)
    with pytest.raises(UsageError, match=r"(?s)The test part of .* is empty: .*Say in a manifest's column `split`"):
        quiet_trainer(tmp_path).test(detector, data, verbose=False)


def test_a_validation_on_another_data_set_says_that_it_is_of_a_part(checkpoint, tmp_path, generated_faces):
    copy_as_others(generated_faces / "real", tmp_path / "other/real")
    copy_as_others(generated_faces / "fake/smoothed", tmp_path / "other/fake")
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True)
    quiet_trainer(tmp_path).validate(detector, faces_data(tmp_path / "other"), verbose=False)
    result = json.loads((tmp_path / "run/version_0/cross-dataset/other/validation/metrics.json").read_text())
    assert result["judged"] == "its validation part, 24 of its 160 images; the other 136 were left out"


def test_a_detector_that_was_just_trained_knows_another_data_set_too(tmp_path, generated_faces):
    other = tmp_path / "other"
    copy_as_others(generated_faces / "real", other / "real")
    copy_as_others(generated_faces / "fake" / "smoothed", other / "fake")
    trainer, detector = quiet_trainer(tmp_path, limit_train_batches=1), tiny_detector()
    trainer.fit(detector, faces_data(generated_faces))
    trainer.test(detector, faces_data(other), verbose=False)
    result = json.loads((tmp_path / "run/version_0/cross-dataset/other/metrics.json").read_text())
    assert (result["n_real"], result["n_fake"]) == (120, 40)


def test_other_preprocessing_than_in_training_is_said(generated_faces, monkeypatch, tmp_path):
    data = faces_data(generated_faces, normalise_encoding=80)
    facts = {"preprocessing": faces_data(generated_faces).preprocessing_facts()}
    assert changed_preprocessing(facts, data) == ["normalise_encoding: trained with None, now 80"]
    del facts["preprocessing"]["normalise_encoding"]  # a checkpoint of the time before
    assert changed_preprocessing(facts, data) == ["normalise_encoding: trained with None, now 80"]
    assert changed_preprocessing(facts, faces_data(generated_faces)) == []
    trained = {"preprocessing": data.preprocessing_facts()}
    assert changed_preprocessing(trained, data) == []
    assert changed_preprocessing(trained, faces_data(generated_faces, image_size=64)) == [
        "image_size: trained with 32, now 64",
        "normalise_encoding: trained with 80, now None",
    ]
    stand_in(monkeypatch, tmp_path)
    faces = faces_data(generated_faces, crop="face", face_margin=0.3)
    assert changed_preprocessing(trained, faces) == [
        "crop: trained with resize, now face",
        "normalise_encoding: trained with 80, now None",
        "face_margin: trained with None, now 0.3",
        f"face_model: trained with None, now {faces.preprocessing_facts()['face_model']}",
    ]
    assert changed_preprocessing({"preprocessing": faces.preprocessing_facts()}, faces) == []
    assert changed_preprocessing({}, data) == []
