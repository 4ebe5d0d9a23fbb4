"""Two processes on the CPU: a fit trains, and evaluation counts every image once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.callbacks.test_tensorboard import read_events
from tests.test_cli import rows_of

pytestmark = pytest.mark.slow
TWO = ["--trainer.devices=2", "--trainer.strategy=ddp", "--trainer.accelerator=cpu"]
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.precision=32-true"]


def dfdetect(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DFDETECT_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "dfdetect", *arguments, *QUIET]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """An odd number of images, with one broken file in the training part's class."""
    from dfdetect.data.synthetic import generate_faces

    root = tmp_path_factory.mktemp("ddp") / "faces"
    generate_faces(root, 91, size=64, progress=False)
    (root / "real/broken.jpg").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory, faces):
    folder = tmp_path_factory.mktemp("ddp-run")
    settings = [f"--data.root={faces}", "--data.image_size=32", "--data.batch_size=8", "--data.num_workers=1"]
    dfdetect(folder, "fit", "--config", "demo", *settings, "--trainer.max_epochs=2", "--model.freeze_epochs=1", *TWO)
    return folder


def test_two_processes_train_one_run(trained):
    runs = list((trained / "lightning_logs/demo").iterdir())
    assert [run.name for run in runs] == ["version_0"]
    assert (runs[0] / "checkpoints/best.ckpt").exists()
    assert (runs[0] / "curves.png").exists()


def test_one_process_draws_the_overlays_of_each_epoch(trained):
    events = read_events(trained / "lightning_logs/demo/version_0")
    assert len(events.Images("val/evidence")) == 2


def test_evaluation_counts_every_image_once_and_agrees_with_one_process(trained):
    run = trained / "lightning_logs/demo/version_0"
    results, rows = {}, {}
    for name, extra in (("two", TWO), ("one", ["--trainer.devices=1", "--trainer.strategy=auto"])):
        dfdetect(trained, "test", *extra)
        results[name] = json.loads((run / "metrics.json").read_text())
        rows[name] = rows_of(run / "predictions.csv")
    paths = [row["path"] for row in rows["two"]]
    assert len(paths) == len(set(paths)) == results["two"]["n"]
    assert paths == [row["path"] for row in rows["one"]]
    for metric in ("accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer"):
        assert results["two"][metric] == pytest.approx(results["one"][metric], abs=1e-6)
    for two, one in zip(rows["two"], rows["one"], strict=True):
        assert float(two["p_fake"]) == pytest.approx(float(one["p_fake"]), abs=2e-6)


def test_validation_agrees_too(trained):
    values = []
    for extra in (TWO, ["--trainer.devices=1", "--trainer.strategy=auto"]):
        dfdetect(trained, "validate", *extra)
        values.append(json.loads((trained / "lightning_logs/demo/version_0/validation/metrics.json").read_text()))
    assert values[0]["n"] == values[1]["n"]
    assert values[0]["auroc"] == pytest.approx(values[1]["auroc"], abs=1e-6)


def test_predictions_of_both_processes_end_in_one_file(trained, faces):
    dfdetect(trained, "predict", f"--data.predict_root={faces}", *TWO)
    rows = rows_of(trained / "lightning_logs/demo/version_0/predict/predictions.csv")
    assert len(rows) == len({row["path"] for row in rows}) == 92
    assert [row["path"] for row in rows if row["error"]] == ["real/broken.jpg"]


def test_robustness_curves_of_both_processes_are_those_of_one(trained):
    run = trained / "lightning_logs/demo/version_0"
    wanted = ["--robustness", "--robustness.corruptions={jpeg: [40], noise: [20]}"]
    rows = []
    for extra in (TWO, ["--trainer.devices=1", "--trainer.strategy=auto"]):
        dfdetect(trained, "test", *wanted, *extra)
        rows.append(rows_of(run / "robustness.csv"))
    assert len(rows[0]) == 3
    for two, one in zip(*rows, strict=True):
        assert two["corruption"] == one["corruption"]
        assert two["n"] == one["n"] == str(json.loads((run / "metrics.json").read_text())["n"])
        for column in ("auroc", "accuracy"):
            assert float(two[column]) == pytest.approx(float(one[column]), abs=1e-6)
        assert (two["flips_to_fake"], two["flips_to_real"]) == (one["flips_to_fake"], one["flips_to_real"])
