"""best.ckpt is chosen by a defined validation metric alone; last.ckpt is always there to go on from."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger

from dfdetect.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from dfdetect.errors import UsageError
from dfdetect.models.checkpoint import FACTS_KEY, read_checkpoint
from tests.fits import faces_data, quiet_trainer, tiny_detector


class Scores(BestCheckpoint):
    """Is told the monitored value instead of reading the detector's."""

    def __init__(self, values: list[float], mode: str = "max") -> None:
        super().__init__(mode=mode)
        self.values = values

    def _monitor_candidates(self, trainer: Trainer) -> dict[str, torch.Tensor]:
        return super()._monitor_candidates(trainer) | {"val/auroc": torch.tensor(self.values[trainer.current_epoch])}


def names(run: Path) -> set[str]:
    folder = run / "checkpoints"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def fit(folder: Path, root: Path, callbacks, **trainer) -> Path:
    settings = {
        "limit_train_batches": 2,
        "limit_val_batches": 1,
        "num_sanity_val_steps": 0,
    }
    fitting = quiet_trainer(folder, callbacks=callbacks, **settings | trainer)
    fitting.fit(tiny_detector(), faces_data(root))
    return folder / "run" / "version_0"


def test_a_fit_leaves_best_and_last(fitted_run):
    assert names(fitted_run) == {"best.ckpt", "last.ckpt"}
    best, last = (read_checkpoint(fitted_run / "checkpoints" / name) for name in ("best.ckpt", "last.ckpt"))
    assert last["global_step"] == 22
    assert best["global_step"] in (11, 22)
    fitted = {"threshold", "temperature"}  # each by its own validation
    assert {k: v for k, v in best[FACTS_KEY].items() if k not in fitted} == {
        k: v for k, v in last[FACTS_KEY].items() if k not in fitted
    }


@pytest.mark.parametrize(
    ("values", "mode", "step"),
    [
        ([0.6, 0.9, 0.7], "max", 4),
        ([0.6, 0.2, 0.7], "min", 4),
        ([math.nan, 0.4, math.nan], "max", 4),
        ([0.4, math.inf, math.nan], "max", 2),
        ([0.4, -math.inf, math.nan], "min", 2),
    ],
)
def test_best_is_the_best_defined_value(tmp_path, generated_faces, values, mode, step):
    run = fit(tmp_path, generated_faces, [Scores(values, mode)], max_epochs=3)
    assert names(run) == {"best.ckpt"}
    assert read_checkpoint(run / "checkpoints/best.ckpt")["global_step"] == step


def test_a_validation_of_one_class_is_never_the_best(tmp_path, generated_faces):
    rows = ["path,label,split"]
    for label, parts in {"real": ["train"] * 8 + ["test"], "fake": ["train"] * 8 + ["val"] * 4 + ["test"]}.items():
        files = sorted((generated_faces / label).rglob("*.jpg"))
        rows += [f"{file},{label},{part}" for file, part in zip(files, parts, strict=False)]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    run = fit(tmp_path, tmp_path / "manifest.csv", [BestCheckpoint(), LastCheckpoint()])
    assert names(run) == {"last.ckpt"}


@pytest.mark.parametrize(("every", "steps"), [(0, [0, 4, 8]), (2, [0, 2, 4, 6, 8]), (3, [0, 3, 4, 6, 8])])
def test_last_is_written_at_each_epochs_end_and_where_asked_for(tmp_path, generated_faces, monkeypatch, every, steps):
    saved: list[int] = []
    save = Trainer.save_checkpoint

    def note(trainer: Trainer, path, weights_only=None) -> None:
        saved.append(trainer.global_step)
        save(trainer, path, weights_only)

    monkeypatch.setattr(Trainer, "save_checkpoint", note)
    run = fit(tmp_path, generated_faces, [LastCheckpoint(every)], max_epochs=2, limit_train_batches=4)
    assert saved == steps
    assert names(run) == {"last.ckpt"}


def test_last_is_what_a_fit_goes_on_from(tmp_path, generated_faces):
    run = fit(tmp_path, generated_faces, [LastCheckpoint()])
    module: LightningModule = tiny_detector()
    resumed = quiet_trainer(tmp_path, callbacks=[], max_epochs=2, limit_train_batches=2, limit_val_batches=1)
    resumed.fit(module, faces_data(generated_faces), ckpt_path=run / "checkpoints/last.ckpt")
    assert resumed.global_step == 4


class Copies(LastCheckpoint):
    """Keeps every version of last.ckpt."""

    def _save(self, trainer: Trainer) -> None:
        super()._save(trainer)
        last = Path(trainer.log_dir or "") / "checkpoints/last.ckpt"
        shutil.copy(last, last.parent.parent / f"copy{len(list(last.parent.parent.glob('copy*')))}.ckpt")


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_fit_goes_on_bit_for_bit_from_its_start_and_from_between_accumulated_batches(
    tmp_path, generated_faces, accumulate
):
    settings = {
        "max_epochs": 2,
        "limit_train_batches": 8,
        "accumulate_grad_batches": accumulate,
        "limit_val_batches": 1,
    }

    def final(folder: Path, checkpoint: Path | None) -> dict[str, torch.Tensor]:
        trainer = quiet_trainer(folder, callbacks=[Copies(every_n_train_steps=1)], **settings)
        seed_everything(7)
        detector = tiny_detector(dropout=0.5)
        trainer.fit(detector, faces_data(generated_faces, batch_size=8), ckpt_path=checkpoint)
        return detector.state_dict()

    unbroken = final(tmp_path / "whole", None)
    copies = sorted((tmp_path / "whole/run/version_0").glob("copy*.ckpt"))
    assert len(copies) == (1 + 2 * 3 if accumulate == 3 else 1 + 2 * 8)
    for number, copy in enumerate(copies if accumulate == 3 else copies[:2]):
        resumed = final(tmp_path / f"again{number}", copy)
        assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken), copy.name


def test_a_dry_run_leaves_no_files(tmp_path, generated_faces):
    trainer = quiet_trainer(tmp_path / "runs", fast_dev_run=True)
    detector = tiny_detector()
    trainer.fit(detector, faces_data(generated_faces))
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    assert not list(tmp_path.rglob("*.c*"))


def test_half_written_files_of_a_killed_process_are_removed(tmp_path, generated_faces):
    folder = tmp_path / "run/version_0/checkpoints"
    folder.mkdir(parents=True)
    (folder / ".abc.part").write_bytes(b"half")
    trainer = quiet_trainer(tmp_path, callbacks=[LastCheckpoint()], max_steps=1, limit_val_batches=0)
    trainer.logger = TensorBoardLogger(str(tmp_path), name="run", version=0, default_hp_metric=False)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(UsageError, match="at least 0, not -1"):
        LastCheckpoint(every_n_train_steps=-1)
