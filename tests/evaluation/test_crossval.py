"""A cross-validation's result is the mean of its folds, and its intervals are those of a plain loop."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as reference

from dfdetect.errors import ResultsError
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.crossval import difference, summarise
from dfdetect.evaluation.crossval_text import crossval_table, difference_table
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.intervals import resample_average
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.evaluation.out_of_fold import read_folds
from dfdetect.evaluation.tables import write_json, write_predictions


def write_folds(
    out: Path,
    folds: int = 4,
    repeats: int = 1,
    n: int = 160,
    skill: float = 1.0,
    seed: int = 0,
    sources: tuple[str, ...] = ("",),
    temperature: float = 1.0,
) -> list[Path]:
    """A finished cross-validation with made-up scores; groups of two images of one fold; sources of fakes in turn."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) // 2 % 2
    source = ["" if y == 0 else sources[i % len(sources)] for i, y in enumerate(label.tolist())]
    runs = []
    for repeat in range(repeats):
        home = np.repeat(rng.permutation(n // 2) % folds, 2)
        for fold in range(folds):
            own = np.flatnonzero(home == fold)
            score = 1 / (1 + np.exp(-(skill * (2 * label[own] - 1) + rng.normal(size=len(own)))))
            predictions = Predictions(
                [f"{i:03d}.png" for i in own],
                label[own],
                score,
                [f"g{i // 2:03d}" for i in own],
                [source[i] for i in own],
            )
            run = out / f"repeat{repeat}-fold{fold}"
            write_predictions(run / "predictions.csv", predictions)
            at = 0.4 + 0.05 * fold
            write_json(run / "metrics.json", evaluate(predictions, at, resamples=0, temperature=temperature))
            runs.append(run)
    write_json(out / "plan.json", {"folds": folds, "training": ["--data.split", "grouped"]})
    return runs


def result_of(runs: list[Path], of: int = 4, resamples: int = 200) -> Results:
    return summarise(read_folds(runs), of, resamples)[0]


def read(run: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = [line.split(",") for line in (run / "predictions.csv").read_text().splitlines()[1:]]
    return np.array([row[1] == "fake" for row in rows]), np.array([float(row[2]) for row in rows])


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_result_is_the_mean_of_the_folds(tmp_path, repeats):
    runs = write_folds(tmp_path, repeats=repeats)
    result = result_of(runs)
    areas = [reference.roc_auc_score(*read(run)) for run in runs]
    assert result["auroc"] == pytest.approx(np.mean(areas), abs=1e-7)
    assert result["spread"]["auroc"]["min"] == pytest.approx(min(areas), abs=1e-7)
    assert result["spread"]["auroc"]["sd"] == pytest.approx(np.std(areas, ddof=1), abs=1e-6)
    counts = (result["n"], result["n_real"], result["n_fake"], result["n_groups"], result["finished"])
    assert counts == (160, 80, 80, 80, 4 * repeats)
    assert (result["folds"], result["repeats"], len(result["per_fold"])) == (4, repeats, 4 * repeats)
    assert f"{result['auroc']:.4f}" in crossval_table(result)


def test_each_metric_is_that_of_the_reference_at_each_folds_own_threshold(tmp_path):
    runs = write_folds(tmp_path, temperature=2.0)
    result = result_of(runs)
    scores = [read(run) for run in runs]
    at = [0.4 + 0.05 * fold for fold in range(4)]
    before = [1 / (1 + np.exp(-2.0 * np.log(p / (1 - p)))) for _, p in scores]

    def mean(values):
        return pytest.approx(np.mean(list(values)), abs=1e-6)

    called = [(y, p >= t) for (y, p), t in zip(scores, at, strict=True)]
    assert result["accuracy"] == mean(reference.accuracy_score(*pair) for pair in called)
    assert result["recall"] == mean(reference.recall_score(*pair) for pair in called)
    assert result["specificity"] == mean(reference.recall_score(*pair, pos_label=0) for pair in called)
    assert result["f1_at_half"] == mean(reference.f1_score(y, p >= 0.5) for y, p in scores)
    assert result["average_precision"] == mean(reference.average_precision_score(*pair) for pair in scores)
    assert result["brier"] == mean(reference.brier_score_loss(*pair) for pair in scores)
    assert result["log_loss_uncalibrated"] == mean(
        reference.log_loss(y, p) for (y, _), p in zip(scores, before, strict=True)
    )
    assert result["verdicts"] == sum(reference.confusion_matrix(*pair) for pair in called).tolist()
    for name in result["spread"]:
        low, high = result["intervals"][name]
        assert low <= result[name] <= high


def test_predictions_are_each_images_mean_over_the_repetitions(tmp_path):
    runs = write_folds(tmp_path, repeats=2)
    _, pooled = summarise(read_folds(runs), 4, 0)
    scores: dict[str, list[float]] = {}
    for run in runs:
        for line in (run / "predictions.csv").read_text().splitlines()[1:]:
            scores.setdefault(line.split(",")[0], []).append(float(line.split(",")[2]))
    assert list(pooled.path) == sorted(scores)
    for path, label, p_fake in zip(pooled.path, pooled.label, pooled.p_fake, strict=True):
        assert p_fake == pytest.approx(np.mean(scores[path]), abs=1e-8)
        assert len(scores[path]) == 2
        assert label == int(path[:3]) // 2 % 2


def test_the_worst_mistakes_are_the_furthest_on_the_wrong_side_of_their_own_thresholds(tmp_path):
    runs = write_folds(tmp_path)
    result = result_of(runs, resamples=0)
    wrong = {}
    for fold, run in enumerate(runs):
        for line in (run / "predictions.csv").read_text().splitlines()[1:]:
            path, label, p_fake = line.split(",")[:3]
            above = float(p_fake) - (0.4 + 0.05 * fold)
            if (above >= 0) != (label == "fake"):
                wrong[path] = abs(above)
    expected = sorted(wrong, key=lambda path: -wrong[path])[:16]
    assert [one["path"] for one in result["mistakes"]] == expected
    assert all(len(one["tested_in"]) == 1 for one in result["mistakes"])


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
            reference.roc_auc_score(np.repeat(y, counts[g]), np.repeat(s, counts[g]))
            for y, s, g in parts
            if len(set(np.repeat(y, counts[g]))) == 2
        ]
        assert value == pytest.approx(np.mean(areas), abs=1e-5)


def test_a_difference_is_paired_and_of_the_same_images(tmp_path):
    write_folds(tmp_path / "a", skill=1.5)
    write_folds(tmp_path / "b", skill=0.2, seed=1)
    write_json(tmp_path / "b/plan.json", {"folds": 4, "training": ["--data.split=random", "--model.lr", "1"]})
    result = difference(tmp_path / "a", tmp_path / "b")
    low, high = result["auroc"]["interval"]
    assert 0 < low < result["auroc"]["difference"] < high
    assert f"{result['auroc']['difference']:+.4f}" in difference_table(result)
    assert result["only_here"] == ["--data.split=grouped"]
    assert result["only_there"] == ["--data.split=random", "--model.lr=1"]
    assert (result["leak_here"], result["leak_there"]) == (False, False)
    metrics = json.loads((tmp_path / "b/repeat0-fold1/metrics.json").read_text())
    write_json(tmp_path / "b/repeat0-fold1/metrics.json", metrics | {"notes": ["Leak: torn."]})
    assert difference(tmp_path / "a", tmp_path / "b", 10)["leak_there"]
    same = difference(tmp_path / "a", tmp_path / "a")
    assert same["auroc"] == {"difference": 0.0, "interval": [0.0, 0.0]}
    write_folds(tmp_path / "c", n=120)
    with pytest.raises(ResultsError, match="not cross-validated on the same images"):
        difference(tmp_path / "a", tmp_path / "c")
    with pytest.raises(ResultsError, match="holds no finished fold"):
        difference(tmp_path / "a", tmp_path)


def test_folds_that_are_not_those_of_one_data_set_are_refused(tmp_path):
    runs = write_folds(tmp_path, repeats=2)
    with pytest.raises(ResultsError, match="Repetition 0 does not test each image of the data once"):
        result_of([runs[0], *runs], 4)
    rows = (runs[5] / "predictions.csv").read_text().splitlines()
    (runs[5] / "predictions.csv").write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(ResultsError, match="Repetition 1 does not test"):
        result_of(runs)


def test_folds_that_are_finished_so_far_can_be_summarised(tmp_path):
    runs = write_folds(tmp_path, repeats=2)
    result = result_of(runs[:6])
    assert (result["n"], result["finished"], result["repeats"]) == (160, 6, 2)
    result = result_of(runs[:3])
    assert (result["n"], result["finished"], result["repeats"]) == (120, 3, 1)


def test_what_no_fold_defines_is_null_and_a_dash(tmp_path):
    runs = write_folds(tmp_path)
    for run in runs:
        metrics = json.loads((run / "metrics.json").read_text())
        write_json(run / "metrics.json", metrics | {"threshold": 1.0})
    result = result_of(runs)
    assert result["precision"] is None
    assert result["spread"]["precision"] is None
    row = next(line for line in crossval_table(result).splitlines() if line.startswith("precision "))
    assert row.split()[1:] == ["-"] * 5
    same = difference(tmp_path, tmp_path)
    assert same["precision"] == {"difference": None, "interval": None}
    assert any(note.startswith("Only 160 images") for note in result["notes"])


def test_notes_of_the_folds_are_gathered_and_those_on_their_size_are_not(tmp_path):
    runs = write_folds(tmp_path)
    said = [["Leak: the split tears 3 groups apart."], ["Leak: the split tears 12 groups apart."], [], []]
    for run, notes in zip(runs, said, strict=True):
        metrics = json.loads((run / "metrics.json").read_text())
        write_json(
            run / "metrics.json",
            metrics
            | {"notes": [*metrics["notes"], *notes, "Everywhere.", f"{len(notes)} of 1,000 files, 0.{run.name[-1]}."]},
        )
    notes = result_of(runs, resamples=0)["notes"]
    assert "Everywhere." in notes
    assert "0 to 1 of 1,000 files, 0.0 to 0.3." in notes
    assert "Leak: the split tears 3 to 12 groups apart (in 2 of 4 folds)." in notes
    assert [note for note in notes if "images: chance" in note] == [notes[0]]


def test_a_threshold_that_is_none_is_named(tmp_path):
    runs = write_folds(tmp_path)
    write_json(runs[1] / "metrics.json", {"threshold": None})
    with pytest.raises(ResultsError, match=r"fold1.metrics.json: not what dfdetect test writes"):
        read_folds(runs)
