"""`dfdetect crossval` trains each fold once, goes on after an interruption, and refuses what would mix things up."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dfdetect import crossval
from dfdetect.crossval import Fold, _gpus, _run_all
from dfdetect.errors import TrainingError
from dfdetect.evaluation.tables import write_json
from dfdetect.main import main


@pytest.fixture
def manifest(generated_faces, tmp_path) -> Path:
    """60 generated faces in groups of two."""
    files = sorted((generated_faces / "real").iterdir())[:30] + sorted((generated_faces / "fake").rglob("*.jpg"))[::4]
    rows = [f"{file},{file.relative_to(generated_faces).parts[0]},g{i // 2}" for i, file in enumerate(files)]
    (tmp_path / "faces.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    return Path(tmp_path / "faces.csv")


def tiny(manifest: Path) -> list[str]:
    return [
        "crossval", "--config", "demo", f"--data.manifest={manifest}", "--data.image_size=32", "--data.batch_size=16",
        "--data.num_workers=0", "--trainer.max_epochs=1", "--figures.every_n_epochs=0",
        "--trainer.enable_model_summary=false",
    ]  # fmt: skip


@pytest.mark.slow
def test_each_image_is_tested_once_by_a_detector_that_has_not_seen_its_group(manifest, capsys):
    assert main([*tiny(manifest), "--folds", "3", "--jobs", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["n"], result["folds"], len(result["per_fold"])) == (60, 3, 3)
    out = Path("lightning_logs/demo-crossval")
    with open(out / "predictions.csv", newline="") as stream:
        assert len({row["path"] for row in csv.DictReader(stream)}) == 60
    for fold in range(3):
        run = out / f"repeat0-fold{fold}"
        with open(run / "split.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        homes = {(row["group"], row["split"]) for row in rows}
        assert len(homes) == len({row["group"] for row in rows})
        assert (run / "checkpoints/best.ckpt").is_file()
    times = {file: file.stat().st_mtime_ns for file in out.glob("repeat*/metrics.json")}
    assert main([*tiny(manifest), "--folds", "3", "--against", str(out)]) == 0
    assert times == {file: file.stat().st_mtime_ns for file in out.glob("repeat*/metrics.json")}
    assert "3-fold cross-validation: 60 images in 30 groups" in capsys.readouterr().out
    assert json.loads((out / "metrics.json").read_text())["against"]["auroc"]["difference"] == 0
    assert main([*tiny(manifest), "--folds", "3", "--against", str(out / "repeat0-fold0")]) == 2
    assert "repeat0-fold0 is one run and no cross-validation" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_cross_validation_goes_on(manifest):
    command = [sys.executable, "-m", "dfdetect", *tiny(manifest), "--folds", "2", "--trainer.max_epochs=3"]
    first = Path("lightning_logs/demo-crossval/repeat0-fold0")
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 240
    while not (first / "checkpoints/best.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (first / "metrics.json").exists()
    subprocess.run(command, check=True)
    assert "Settings: " in (first / "log.txt").read_text()  # it went on from last.ckpt
    assert len(list(Path("lightning_logs/demo-crossval").glob("repeat*/metrics.json"))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data.folds=3"], "crossval sets --data.folds for each fold by itself"),
        (["--seed_everything", "4"], "crossval sets --seed_everything"),
        (["--folds", "1"], "--folds of at least 2"),
        (["--repeats", "0"], "--repeats and --jobs of at least 1"),
        (["--jobs", "-1"], "--repeats and --jobs of at least 1"),
        (["--config", "nothing"], "No configuration 'nothing'"),
    ],
)
def test_what_cannot_be_is_a_usage_error(arguments, said, capsys):
    assert main(["crossval", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_failing_fold_is_named_with_its_last_word(capsys):
    assert main(["crossval", "--data.root=nowhere", "--folds", "2"]) == 1
    error = capsys.readouterr().err
    assert "repeat0-fold0: fit failed" in error
    assert "log.txt" in error
    assert "nowhere: no such folder" in error
    assert "no such folder" in Path("lightning_logs/dfdetect-crossval/repeat0-fold0/log.txt").read_text()


def test_another_cross_validation_is_not_mixed_in(capsys):
    write_json(Path("cv/plan.json"), {"folds": 5, "training": ["--model.lr=1"]})
    assert main(["crossval", "--out", "cv", "--folds", "5", "--model.lr=2"]) == 2
    assert "cv holds another cross-validation" in capsys.readouterr().err


def test_a_configuration_that_was_changed_in_between_is_not_mixed_in(capsys):
    config, training = Path("my.yaml"), ["--config", "my.yaml", "--data.root=nowhere"]
    config.write_text("trainer: {max_epochs: 1}")
    write_json(Path("cv/plan.json"), {"folds": 5, "training": training})  # as an earlier version wrote it
    assert main(["crossval", "--out", "cv", *training]) == 1
    assert "nowhere: no such folder" in capsys.readouterr().err
    config.write_text("trainer: {max_epochs: 2}")
    assert main(["crossval", "--out", "cv", *training]) == 2
    assert "my.yaml was changed since folds in cv began. Put it back" in capsys.readouterr().err
    write_json(Path("cv/plan.json"), {"folds": 5, "training": training, "configs": 7})
    assert main(["crossval", "--out", "cv", *training]) == 2
    assert "my.yaml was changed" in capsys.readouterr().err


def test_a_damaged_plan_is_named(capsys):
    Path("cv").mkdir()
    Path("cv/plan.json").write_text("{")
    assert main(["crossval", "--out", "cv"]) == 2
    assert "plan.json is damaged" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no such lock")
def test_a_fold_that_another_process_trains_is_left_alone(tmp_path):
    import fcntl

    fold = Fold(tmp_path, 0, 0, 2)
    fold.run.mkdir()
    with open(fold.run / "log.txt", "a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        with pytest.raises(TrainingError, match="still being trained by another process"):
            _run_all([fold], [], 1)


def test_folds_are_dealt_out_to_the_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert _gpus() == ["3", "5"]
    seen = []

    def work(fold, training, device):
        time.sleep(0.05)
        seen.append(device)

    monkeypatch.setattr(crossval, "_run_fold", work)
    _run_all([Fold(tmp_path, 0, number, 6) for number in range(6)], [], None)
    assert sorted(seen) == ["3"] * 3 + ["5"] * 3
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    seen.clear()
    monkeypatch.setattr(crossval, "_gpus", list)
    _run_all([Fold(tmp_path, 0, 0, 6)], [], None)
    assert seen == [None]
