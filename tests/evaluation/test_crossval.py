"""A cross-validation's report is the mean of its folds, and its intervals are those of a plain loop."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dfdetect.errors import ResultsError
from dfdetect.evaluation.crossval import difference, report
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.intervals import resample_average
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.evaluation.tables import write_json, write_predictions


def write_folds(out: Path, folds: int = 4, repeats: int = 1, n: int = 160, skill: float = 1.0, seed: int = 0):
    """A finished cross-validation with made-up scores; groups of two images of one fold."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) // 2 % 2
    runs = []
    for repeat in range(repeats):
        home = np.repeat(rng.permutation(n // 2) % folds, 2)
        for fold in range(folds):
            own = np.flatnonzero(home == fold)
            score = 1 / (1 + np.exp(-(skill * (2 * label[own] - 1) + rng.normal(size=len(own)))))
            predictions = Predictions(
                [f"{i:03d}.png" for i in own], label[own], score, [f"g{i // 2:03d}" for i in own], [""] * len(own)
            )
            run = out / f"repeat{repeat}-fold{fold}"
            write_predictions(run / "predictions.csv", predictions)
            write_json(run / "metrics.json", evaluate(predictions, 0.4, resamples=0))
            runs.append(run)
    return [runs[r * folds : (r + 1) * folds] for r in range(repeats)]


def read(run: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = [line.split(",") for line in (run / "predictions.csv").read_text().splitlines()[1:]]
    return np.array([row[1] == "fake" for row in rows]), np.array([float(row[2]) for row in rows])


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_report_is_the_mean_of_the_folds(tmp_path, repeats):
    folders = write_folds(tmp_path, repeats=repeats)
    result, text = report(folders, tmp_path)
    areas = [roc_auc_score(*read(run)) for runs in folders for run in runs]
    assert result["auroc"] == pytest.approx(np.mean(areas), abs=1e-7)
    assert result["spread"]["auroc"]["min"] == pytest.approx(min(areas), abs=1e-7)
    assert result["spread"]["auroc"]["sd"] == pytest.approx(np.std(areas, ddof=1), abs=1e-6)
    low, high = result["intervals"]["auroc"]
    assert low < result["auroc"] < high
    assert (result["n"], result["n_groups"], len(result["per_fold"])) == (160, 80, 4 * repeats)
    assert json.loads((tmp_path / "metrics.json").read_text()) == result
    assert f"{result['auroc']:.4f}" in text
    assert (tmp_path / "roc.png").is_file()


def test_predictions_are_each_images_mean_over_the_repetitions(tmp_path):
    folders = write_folds(tmp_path, repeats=2)
    report(folders, tmp_path)
    scores: dict[str, list[float]] = {}
    for run in (run for runs in folders for run in runs):
        for line in (run / "predictions.csv").read_text().splitlines()[1:]:
            scores.setdefault(line.split(",")[0], []).append(float(line.split(",")[2]))
    rows = [line.split(",") for line in (tmp_path / "predictions.csv").read_text().splitlines()[1:]]
    assert len(rows) == 160
    for row in rows:
        assert float(row[2]) == pytest.approx(np.mean(scores[row[0]]), abs=1e-8)
        assert len(scores[row[0]]) == 2


def test_resamples_are_those_of_a_plain_loop():
    rng = np.random.default_rng(1)
    parts = []
    for _ in range(3):
        label, score, group = np.arange(30) % 2, rng.random(30), rng.integers(0, 12, 30)
        parts.append((label, score, group))
    tables = [(ScoreTable(label, score), group) for label, score, group in parts]
    drawn = resample_average(tables, 12, resamples=20, seed=7)["auroc"]
    generator = np.random.default_rng(7)
    for value in drawn:
        counts = np.bincount(generator.integers(0, 12, 12, dtype=np.uint32), minlength=12)
        areas = [
            roc_auc_score(np.repeat(y, counts[g]), np.repeat(s, counts[g]))
            for y, s, g in parts
            if len(set(np.repeat(y, counts[g]))) == 2
        ]
        assert value == pytest.approx(np.mean(areas), abs=1e-5)


def test_a_difference_is_paired_and_of_the_same_images(tmp_path):
    write_folds(tmp_path / "a", skill=1.5)
    write_folds(tmp_path / "b", skill=0.2, seed=1)
    result, text = difference(tmp_path / "a", tmp_path / "b")
    low, high = result["auroc"]["interval"]
    assert 0 < low < result["auroc"]["difference"] < high
    assert f"{result['auroc']['difference']:+.4f}" in text
    same, _ = difference(tmp_path / "a", tmp_path / "a")
    assert same["auroc"] == {"difference": 0.0, "interval": [0.0, 0.0]}
    write_folds(tmp_path / "c", n=120)
    with pytest.raises(ResultsError, match="not cross-validated on the same images"):
        difference(tmp_path / "a", tmp_path / "c")
    with pytest.raises(ResultsError, match="holds no finished fold"):
        difference(tmp_path / "a", tmp_path)


def test_folds_that_are_not_those_of_one_data_set_are_refused(tmp_path):
    folders = write_folds(tmp_path, repeats=2)
    with pytest.raises(ResultsError, match="Repetition 0 does not test each image of the data once"):
        report([[folders[0][0], *folders[0]], folders[1]], tmp_path)
    with pytest.raises(ResultsError, match="Repetition 1 does not test"):
        report([folders[0], folders[1][1:]], tmp_path)


def test_what_no_fold_defines_is_null_and_a_dash(tmp_path):
    folders = write_folds(tmp_path)
    for run in folders[0]:
        metrics = json.loads((run / "metrics.json").read_text())
        write_json(run / "metrics.json", metrics | {"threshold": 1.0, "precision": None})
    result, text = report(folders, tmp_path)
    assert result["precision"] is None
    assert result["spread"]["precision"] is None
    row = next(line for line in text.splitlines() if line.startswith("precision"))
    assert row.split()[1:] == ["-"] * 5
    assert json.loads((tmp_path / "metrics.json").read_text()) == result
    same, text = difference(tmp_path, tmp_path)
    assert same["precision"] == {"difference": None, "interval": None}
    assert any(note.startswith("Only 160 images") for note in result["notes"])
