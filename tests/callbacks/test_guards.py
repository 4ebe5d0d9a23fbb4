"""Bad files are recorded and counted; a loss that is not finite stops the fit before it is saved."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

from dfdetect.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from dfdetect.callbacks.guards import FiniteLoss, SkippedFiles
from dfdetect.errors import CheckpointError, TrainingError
from dfdetect.models.checkpoint import read_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer, tiny_detector


class Spoil(Callback):
    """Puts NaN into the head: in the second epoch's training, or just before its validation."""

    def __init__(self, when: str) -> None:
        self.when = when

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self._spoil(trainer, pl_module, "training")

    def on_validation_start(self, trainer, pl_module) -> None:
        self._spoil(trainer, pl_module, "validation")

    def _spoil(self, trainer, pl_module, now: str) -> None:
        if now == self.when and trainer.current_epoch == 1:
            torch.nn.init.constant_(pl_module.head.linear.bias, math.nan)


@pytest.mark.parametrize("when", ["training", "validation"])
def test_a_loss_that_is_not_finite_stops_the_fit_and_checkpoints_stay_good(tmp_path, generated_faces, when):
    callbacks = [Spoil(when), FiniteLoss(), BestCheckpoint(), LastCheckpoint(every_n_train_steps=1)]
    trainer = quiet_trainer(tmp_path, callbacks=callbacks, max_epochs=4, limit_train_batches=3)
    with pytest.raises(TrainingError, match=r"not finite at .*epoch 1.*run/version_0/checkpoints.*--model\.lr"):
        trainer.fit(tiny_detector(), faces_data(generated_faces))
    folder = tmp_path / "run/version_0/checkpoints"
    for name in ("best.ckpt", "last.ckpt"):
        assert all(torch.isfinite(tensor).all() for tensor in read_checkpoint(folder / name)["state_dict"].values())
        DeepfakeDetector.load_from_checkpoint(folder / name, weights_only=True)
    assert read_checkpoint(folder / "best.ckpt")["global_step"] == 3


@pytest.mark.parametrize("what", ["validate", "test", "predict"])
def test_broken_weights_are_never_taken_for_real_verdicts(what, tmp_path, generated_faces):
    detector = tiny_detector()
    torch.nn.init.constant_(detector.head.linear.bias, math.nan)
    detector.load_state_dict(detector.state_dict())  # as a file's
    trainer = quiet_trainer(tmp_path, callbacks=[FiniteLoss()])
    data = faces_data(generated_faces, predict_root=str(generated_faces / "real"))
    with pytest.raises(CheckpointError, match="not finite"):
        getattr(trainer, what)(detector, data)


def copy_faces(faces: Path, folder: Path, n: int, bad: int) -> Path:
    """A manifest of n training files and 8 to validate; those `bad` are broken that the first epoch reads last."""
    order = [int(key[1]) for batch in training_order(n) for key in batch]
    broken = set(order[n - bad :])
    rows = ["path,label,split"]
    files = {label: iter(sorted((faces / label).rglob("*.jpg"))) for label in ("real", "fake")}
    for i in range(n + 10):
        label = ("real", "fake")[i % 2]
        part = "train" if i < n else "val" if i < n + 8 else "test"
        name = f"{part}{i:03}.jpg"
        content = next(files[label]).read_bytes()
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content[:100] if i in broken else content)
        rows.append(f"{name},{label},{part}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def training_order(n: int) -> list[list[tuple[int, int]]]:
    from dfdetect.data.loader import EpochBatchSampler

    labels = np.arange(n, dtype=np.int8) % 2
    return list(EpochBatchSampler(labels, 16))


def rows_of(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def fit_with(root: Path, folder: Path, **trainer) -> Path:
    fitting = quiet_trainer(folder, callbacks=[SkippedFiles()], num_sanity_val_steps=0, **trainer)
    fitting.fit(tiny_detector(), faces_data(root))
    assert fitting.current_epoch == trainer.get("max_epochs", 1)
    return folder / "run/version_0/skipped.csv"


@pytest.mark.filterwarnings("ignore:Skipped")
def test_four_percent_bad_files_are_recorded_once_and_the_fit_goes_on(tmp_path, generated_faces):
    root = copy_faces(generated_faces, tmp_path / "data", 100, 4)
    with pytest.warns(UserWarning, match="Skipped train") as warnings:
        file = fit_with(root, tmp_path, max_epochs=2)
    rows = rows_of(file)
    assert len(rows) == len({row["path"] for row in rows}) == 4
    assert {row["part"] for row in rows} == {"train"}
    assert all(row["cause"] for row in rows)
    said = [str(warning.message) for warning in warnings if str(warning.message).startswith("Skipped")]
    assert sorted(said) == sorted(f"Skipped {row['path']}: {row['cause']}" for row in rows)


@pytest.mark.filterwarnings("ignore:Skipped")
def test_six_percent_bad_files_stop_the_fit(tmp_path, generated_faces):
    root = copy_faces(generated_faces, tmp_path / "data", 100, 6)
    with pytest.raises(TrainingError, match=r"6 of the first 100 train files .* more than 5% .*skipped\.csv"):
        fit_with(root, tmp_path)
    assert len(rows_of(tmp_path / "run/version_0/skipped.csv")) == 6


@pytest.mark.filterwarnings("ignore:Skipped")
def test_fewer_than_a_hundred_files_do_not_stop_the_fit(tmp_path, generated_faces):
    root = copy_faces(generated_faces, tmp_path / "data", 40, 20)
    assert len(rows_of(fit_with(root, tmp_path))) == 20


@pytest.mark.filterwarnings("ignore:Skipped")
def test_a_resumed_run_adds_no_second_row(tmp_path, generated_faces):
    root = copy_faces(generated_faces, tmp_path / "data", 40, 4)
    logger = quiet_trainer(tmp_path, callbacks=[]).logger
    for _ in range(2):
        quiet_trainer(tmp_path, callbacks=[SkippedFiles()], logger=logger).fit(tiny_detector(), faces_data(root))
    assert len(rows_of(tmp_path / "run/version_0/skipped.csv")) == 4


@pytest.mark.filterwarnings("ignore:Skipped")
@pytest.mark.parametrize("logger", [True, False], ids=["logger", "no logger"])
def test_a_dry_run_survives_a_bad_file(tmp_path, generated_faces, logger):
    root = copy_faces(generated_faces, tmp_path / "data", 16, 1)
    quiet_trainer(tmp_path / "runs", callbacks=[SkippedFiles()], fast_dev_run=True, logger=logger).fit(
        tiny_detector(), faces_data(root)
    )
    assert not list(tmp_path.rglob("skipped.csv"))
