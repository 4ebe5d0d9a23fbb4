"""Robustness curves of a test, against scoring each image under each corruption by itself."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

from dfdetect.callbacks.results import EvaluationResults
from dfdetect.callbacks.robustness import RobustnessCurves
from dfdetect.data.decode import decode
from dfdetect.data.resize import resize
from dfdetect.errors import TrainingError, UsageError
from dfdetect.evaluation.corruptions import corrupt
from dfdetect.models.detector import DeepfakeDetector
from tests.callbacks.test_results import rows_of
from tests.fits import faces_data, quiet_trainer

WANTED: dict[str, list[float]] = {"jpeg": [20, 60], "noise": [25], "shared": [0.5]}
FILES = ("robustness.json", "robustness.csv", "robustness.png")


@pytest.fixture(scope="module")
def detector(fitted_run) -> DeepfakeDetector:
    """A detector whose threshold lies amid its scores, so that verdicts do flip."""
    return DeepfakeDetector.load_from_checkpoint(fitted_run / "checkpoints/last.ckpt", weights_only=True)


def run_test(
    folder: Path, detector: DeepfakeDetector, root: Path, seed: int = 0, others: tuple[Callback, ...] = (), **settings
):
    curves = RobustnessCurves(enabled=True, corruptions=WANTED, seed=seed)
    trainer = quiet_trainer(folder, callbacks=[*others, curves], **settings)
    data = faces_data(root, batch_size=10)
    trainer.test(detector, data, verbose=False)
    return folder / "run/version_0", data


def result_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "robustness.json").read_text()))


def test_every_point_is_that_of_a_plain_loop(detector, tmp_path, generated_faces, capsys):
    threshold = float(np.median(plain_scores(detector, faces_data(generated_faces), None)))
    detector.facts["threshold"] = threshold
    folder, data = run_test(tmp_path, detector, generated_faces, seed=5, others=(EvaluationResults(),))
    result = result_of(folder)
    label = data.part("test").labels
    before = plain_scores(detector, data, None) >= threshold
    for curve in result["corruptions"].values():
        for point in curve["severities"]:
            scores = plain_scores(detector, data, (point["corruption"], point["severity"]), seed=5)
            pairs = (scores[label == 1][:, None] - scores[label == 0][None]).ravel()
            assert point["auroc"] == pytest.approx(np.mean(np.sign(pairs) + 1) / 2, abs=0.01)
            near = np.abs(scores - threshold) < 1e-5  # rounding may decide on these
            assert point["flips"] == pytest.approx(np.mean((scores >= threshold) != before), abs=near.mean() + 1e-9)
            assert point["accuracy"] == pytest.approx(np.mean((scores >= threshold) == label), abs=near.mean() + 1e-9)
    assert result["n"] == len(label) == 36
    assert any(point["flips"] > 0 for curve in result["corruptions"].values() for point in curve["severities"])
    assert [point["severity"] for point in result["corruptions"]["jpeg"]["severities"]] == [60, 20]
    assert any("generated faces" in note for note in result["notes"])
    printed = capsys.readouterr().out
    assert "Robustness of tiny" in printed
    assert printed.index("mistakes.png") < printed.index("Robustness of tiny")


def plain_scores(detector, data, variant, seed=0):
    """p_fake of each test image, decoded, corrupted, resized and scored by itself."""
    data.setup("test")
    part = data.part("test")
    detector.eval()
    scores = []
    for index, path in enumerate(part.paths):
        pixels = decode(part.file(index))
        pixels = resize(pixels if variant is None else corrupt(pixels, variant, seed, path), data.image_size)
        with torch.no_grad():
            logits = detector(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])[0].double()
        scores.append(1 / (1 + np.exp(float(logits[0] - logits[1]) / detector.facts["temperature"])))
    return np.array(scores)


def test_the_clean_pass_is_the_tests_own(detector, tmp_path, generated_faces):
    folder, _ = run_test(tmp_path, detector, generated_faces, others=(EvaluationResults(),))
    metrics, result = json.loads((folder / "metrics.json").read_text()), result_of(folder)
    for name in ("auroc", "accuracy"):
        assert result["clean"][name] == metrics[name]
        assert result["clean"]["intervals"][name] == pytest.approx(metrics["intervals"][name])
    assert result["threshold"] == metrics["threshold"]
    assert len(rows_of(folder / "robustness.csv")) == 5


def test_batch_size_and_workers_change_nothing(detector, tmp_path, generated_faces):
    results = []
    for name, settings in (("one", {"batch_size": 3}), ("two", {"batch_size": 64, "num_workers": "auto"})):
        curves = RobustnessCurves(enabled=True, corruptions=WANTED)
        trainer = quiet_trainer(tmp_path / name, callbacks=[curves])
        trainer.test(detector, faces_data(generated_faces, **settings), verbose=False)
        with open(tmp_path / name / "run/version_0/robustness.csv", newline="") as stream:
            results.append(list(csv.DictReader(stream)))
    for one, two in zip(*results, strict=True):
        assert one["corruption"] == two["corruption"]
        assert float(one["auroc"]) == pytest.approx(float(two["auroc"]), abs=0.01)


def test_other_noise_with_another_seed(detector, tmp_path, generated_faces):
    first, _ = run_test(tmp_path / "0", detector, generated_faces, seed=0)
    other, _ = run_test(tmp_path / "1", detector, generated_faces, seed=1)
    one, two = result_of(first), result_of(other)
    assert one["corruptions"]["jpeg"] == two["corruptions"]["jpeg"]
    assert one["corruptions"]["noise"] != two["corruptions"]["noise"]
    assert (one["seed"], two["seed"]) == (0, 1)


def test_without_being_asked_for_there_are_none(detector, tmp_path, generated_faces):
    trainer = quiet_trainer(tmp_path, callbacks=[RobustnessCurves()])
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    assert not any((tmp_path / "run/version_0" / file).exists() for file in FILES)


def test_only_what_the_test_scored_is_corrupted(detector, tmp_path, generated_faces):
    folder, _ = run_test(tmp_path, detector, generated_faces, limit_test_batches=2)
    assert result_of(folder)["n"] == 20
    assert all((folder / file).stat().st_size > 0 for file in FILES)


def test_files_that_vanish_in_between_are_told(detector, tmp_path, generated_faces, monkeypatch):
    gone: set[str] = set()

    def forgetful(path):
        pixels = decode(path)
        if not gone or path in gone:
            gone.add(path)
            return decode(tmp_path / "gone.jpg")
        return pixels

    monkeypatch.setattr("dfdetect.data.corrupted.decode", forgetful)
    result = result_of(run_test(tmp_path, detector, generated_faces)[0])
    assert result["n"] == 35
    assert "1 of 36 files could not be read again and are not counted." in result["notes"]


def test_nothing_readable_is_an_error(detector, tmp_path, generated_faces, monkeypatch):
    monkeypatch.setattr("dfdetect.data.corrupted.decode", lambda path: decode(tmp_path / "gone.jpg"))
    with pytest.raises(TrainingError, match="could be read again"):
        run_test(tmp_path, detector, generated_faces)


def test_a_wrong_severity_is_refused_before_anything_runs():
    with pytest.raises(UsageError, match="JPEG quality"):
        RobustnessCurves(corruptions={"jpeg": [400]})
