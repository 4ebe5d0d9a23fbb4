"""A test leaves all its files, and they say what the network said; so does a prediction."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from dfdetect.callbacks.guards import SkippedFiles
from dfdetect.callbacks.results import EvaluationResults, PredictionWriter, worst_mistakes
from dfdetect.data.samples import list_images
from dfdetect.errors import TrainingError, UsageError
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer

FIGURES = {f"{name}.png" for name in ("confusion_matrix", "roc", "pr", "reliability", "abstention", "mistakes")}
FILES = {"metrics.json", "predictions.csv"} | FIGURES


@pytest.fixture(scope="module")
def detector(fitted_run) -> DeepfakeDetector:
    return DeepfakeDetector.load_from_checkpoint(fitted_run / "checkpoints/last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def tested(tmp_path_factory, detector, generated_faces) -> tuple[Path, dict[str, float]]:
    """Folder of a test, and what Lightning logged."""
    folder = tmp_path_factory.mktemp("tested")
    trainer = quiet_trainer(folder, callbacks=[EvaluationResults()])
    results = trainer.test(detector, faces_data(generated_faces), verbose=False)
    return folder / "run/version_0", dict(results[0])


def rows_of(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_all_files_are_there(tested):
    folder, _ = tested
    assert {path.name for path in folder.iterdir()} >= FILES
    for picture in folder.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_predictions_name_each_test_image_once(tested, generated_faces):
    rows = rows_of(tested[0] / "predictions.csv")
    data = faces_data(generated_faces)
    data.setup("test")
    part = data.part("test")
    assert {row["path"]: row["label"] for row in rows} == {
        path: ("real", "fake")[label] for path, label in zip(part.paths, part.labels, strict=True)
    }
    assert {row["source"] for row in rows} == {"", "part_swap", "smoothed", "upsampled"}
    assert all(row["group"] == row["path"] for row in rows)
    assert all(0 <= float(row["p_fake"]) <= 1 for row in rows)


def test_what_lightning_logged_is_what_the_files_say(tested):
    folder, logged = tested
    written = json.loads((folder / "metrics.json").read_text())
    rows = rows_of(folder / "predictions.csv")
    recomputed = evaluate(
        Predictions(
            path=[row["path"] for row in rows],
            label=np.array([row["label"] == "fake" for row in rows], np.int64),
            p_fake=np.array([float(row["p_fake"]) for row in rows]),
            group=[row["group"] for row in rows],
            source=[row["source"] for row in rows],
        ),
        written["threshold"],
        temperature=written["temperature"],
    )
    assert written["n"] == 36
    assert written["temperature"] != 1
    assert set(written["per_source"]) == {"part_swap", "smoothed", "upsampled"}
    for name in ("accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer"):
        assert written[name] == recomputed[name], name
        shown = written.get(f"{name}_at_half", written[name])  # the training loop counts at 0.5
        value = math.nan if shown is None else shown
        assert logged[f"test/{name}"] == pytest.approx(value, abs=1e-6, nan_ok=True), name
    assert written["confusion_matrix"] == recomputed["confusion_matrix"]
    assert logged["test/loss"] == pytest.approx(written["log_loss_uncalibrated"], abs=1e-4)
    assert written["log_loss"] == pytest.approx(recomputed["log_loss"], abs=1e-6)


def test_columns_on_request_are_judged_and_written(tmp_path, detector, generated_faces):
    rows = [
        f"{file},{file.relative_to(generated_faces).parts[0]},{('phone', 'mirror')[i % 2]}"
        for i, file in enumerate(sorted(generated_faces.rglob("*.jpg")))
    ]
    (tmp_path / "m.csv").write_text("path,label,camera\n" + "\n".join(rows))
    data = faces_data(generated_faces, manifest=str(tmp_path / "m.csv"), allow_new_split=True)
    quiet_trainer(tmp_path, callbacks=[EvaluationResults(by=["camera"])]).test(detector, data, verbose=False)
    folder = tmp_path / "run/version_0"
    per_column = json.loads((folder / "metrics.json").read_text())["per_column"]
    assert list(per_column) == ["camera"]
    assert sum(values["n"] for values in per_column["camera"].values()) == 36
    assert {row["camera"] for row in rows_of(folder / "predictions.csv")} == {"phone", "mirror"}
    with pytest.raises(UsageError, match=r"has no column lens; it has camera"):
        quiet_trainer(tmp_path, callbacks=[EvaluationResults(by=["lens"])]).test(detector, data, verbose=False)


def test_notes_say_what_the_figures_are_worth(tested):
    notes = json.loads((tested[0] / "metrics.json").read_text())["notes"]
    assert any(note.startswith("Only 36 images") for note in notes)
    assert any("generated faces" in note for note in notes)


def test_the_table_is_printed(detector, tmp_path, generated_faces, capsys):
    quiet_trainer(tmp_path, callbacks=[EvaluationResults()]).test(detector, faces_data(generated_faces), verbose=False)
    printed = capsys.readouterr().out
    assert "part_swap" in printed
    assert "avg prec" in printed
    assert "mistakes.png" in printed


def test_a_validation_leaves_the_same_and_says_that_it_chose_the_checkpoint(
    detector, tmp_path, generated_faces, capsys
):
    trainer = quiet_trainer(tmp_path, callbacks=[EvaluationResults()])
    trainer.validate(detector, faces_data(generated_faces), verbose=False)
    folder = tmp_path / "run/version_0"
    assert {path.name for path in (folder / "validation").iterdir()} == FILES
    assert not (folder / "metrics.json").exists()
    written = json.loads((folder / "validation/metrics.json").read_text())
    assert written["n"] == len(rows_of(folder / "validation/predictions.csv")) == 36
    assert any("chosen by these images" in note for note in written["notes"])
    assert "Validation of tiny" in capsys.readouterr().out


def test_a_test_of_some_batches_says_so(detector, tmp_path, generated_faces):
    trainer = quiet_trainer(tmp_path, callbacks=[EvaluationResults()], limit_test_batches=2)
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    notes = json.loads((tmp_path / "run/version_0/metrics.json").read_text())["notes"]
    assert "Only 32 of 36 images were scored, as --trainer.limit_test_batches asks." in notes
    assert not any("could not be read" in note for note in notes)


def test_a_fit_validates_without_leaving_results(fitted_run):
    assert not (fitted_run / "validation").exists()


def test_the_worst_mistakes_come_first():
    p_fake = np.array([0.9, 0.2, 0.6, 0.1, 0.95, 0.5])
    label = np.array([0, 1, 0, 0, 1, 0])
    predictions = Predictions([""] * 6, label, p_fake, [""] * 6, [""] * 6)
    assert worst_mistakes(predictions, 0.5) == [0, 1, 2, 5]
    assert worst_mistakes(predictions, 0.5, most=2) == [0, 1]
    assert worst_mistakes(predictions, 0.97) == [1, 4]


@pytest.mark.filterwarnings("ignore:Skipped")
def test_predict_writes_a_row_for_every_file(detector, tmp_path, generated_faces, capsys):
    photos = tmp_path / "photos"
    (photos / "deeper").mkdir(parents=True)
    for i, file in enumerate(sorted((generated_faces / "real").iterdir())[:5]):
        shutil.copy(file, photos / "deeper" / f"{i}.jpg")
    (photos / "bad.jpg").write_bytes(b"no picture")
    (photos / "phone.heic").write_bytes(b"no ending that is known")
    trainer = quiet_trainer(tmp_path, callbacks=[SkippedFiles(), PredictionWriter()])
    trainer.predict(detector, faces_data(generated_faces, predict_root=str(photos), batch_size=2))
    rows = rows_of(tmp_path / "run/version_0/predict/predictions.csv")
    assert [row["path"] for row in rows] == sorted(list_images(photos).paths)
    bad, *good = rows
    assert (bad["path"], bad["p_fake"], bad["verdict"]) == ("bad.jpg", "", "")
    assert bad["error"]
    threshold = detector.facts["threshold"]
    assert all(row["verdict"] == ("fake" if float(row["p_fake"]) >= threshold else "real") for row in good)
    assert not any(row["error"] for row in good)
    assert "1 files with other endings than an image's were passed over" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Skipped")
def test_predict_survives_nothing_readable(detector, tmp_path, generated_faces):
    (tmp_path / "photos").mkdir()
    for i in range(3):
        (tmp_path / "photos" / f"{i}.png").write_bytes(b"")
    trainer = quiet_trainer(tmp_path, callbacks=[SkippedFiles(), PredictionWriter()])
    with pytest.raises(TrainingError, match="None of the 3 files could be read"):
        trainer.predict(detector, faces_data(generated_faces, predict_root=str(tmp_path / "photos"), batch_size=2))
    rows = rows_of(tmp_path / "run/version_0/predict/predictions.csv")
    assert [bool(row["error"]) for row in rows] == [True] * 3
