"""A run says what it trained on, keeps its split, and ends with where everything lies."""

import csv

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from dfdetect.callbacks.checkpoints import LastCheckpoint
from dfdetect.callbacks.history import History
from dfdetect.callbacks.run import RunRecord
from dfdetect.models.checkpoint import FACTS_KEY, read_checkpoint
from tests.fits import faces_data, fit_run, quiet_trainer, tiny_detector


def test_the_split_is_kept(fitted_run):
    with open(fitted_run / "split.csv", newline="") as stream:
        parts = [row["split"] for row in csv.DictReader(stream)]
    assert {part: parts.count(part) for part in set(parts)} == {"train": 168, "val": 36, "test": 36}
    split = read_checkpoint(fitted_run / "checkpoints/last.ckpt")[FACTS_KEY]["split"]
    assert (fitted_run / "split.sha256").read_text().strip() == split["fingerprint"]


def test_the_saved_split_is_a_manifest(fitted_run, generated_faces):
    again = faces_data(generated_faces, manifest=str(fitted_run / "split.csv"))
    again.setup("fit")
    split = read_checkpoint(fitted_run / "checkpoints/last.ckpt")[FACTS_KEY]["split"]
    assert again.split_facts()["test_fingerprint"] == split["test_fingerprint"]


def test_the_summary_names_data_paths_and_next_steps(tmp_path, generated_faces, capsys):
    run = fit_run(tmp_path, generated_faces, limit_train_batches=1)
    printed = capsys.readouterr().out
    for part in ("train        168", f"Run       {run}", "best.ckpt", "(val/auroc 0.", "last.ckpt", "curves.png"):
        assert part in printed
    assert f"tensorboard --logdir {tmp_path}" in printed
    assert f"dfdetect test --ckpt_path {run}/checkpoints/best.ckpt" in printed  # it is not in ./lightning_logs
    assert "These are generated faces" in printed
    assert (run / "curves.png").is_file()


def test_the_summary_names_no_file_where_it_is_found_by_itself(tmp_path, generated_faces, capsys):
    fit_run(tmp_path / "lightning_logs", generated_faces, limit_train_batches=1)
    assert capsys.readouterr().out.splitlines()[-1] == "Test      dfdetect test"


@pytest.mark.parametrize(
    ("place", "named", "watched"),
    [({"name": "run"}, False, ""), ({"name": ""}, False, ""), ({"name": "run", "version": "mine"}, True, "/run/mine")],
)
def test_the_dashboard_is_pointed_at_all_runs_or_at_the_folder_that_was_named(
    place, named, watched, tmp_path, generated_faces, capsys
):
    """Never at what lies above: TensorBoard would search a whole home folder."""
    logs = tmp_path / "my logs"
    logger = TensorBoardLogger(str(logs), default_hp_metric=False, **place)
    callbacks = [LastCheckpoint(), RunRecord(run_is_named=named)]
    trainer = quiet_trainer(tmp_path, callbacks, logger=logger, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    assert f"Watch     tensorboard --logdir '{logs}{watched}'\n" in capsys.readouterr().out


def test_without_a_dashboard_none_is_named(tmp_path, generated_faces, capsys):
    fit_run(tmp_path, generated_faces, limit_train_batches=1, logger=CSVLogger(str(tmp_path), name="plain"))
    assert "tensorboard" not in capsys.readouterr().out


def test_overfitting_ends_in_a_word(tmp_path, generated_faces, capsys):
    history = History()
    history.epochs = [0, 1, 2, 3]
    history.values = {"train/loss": [0.9, 0.8, 0.7, 0.6], "val/loss": [0.1, 0.2, 0.3, 0.4]}
    trainer = quiet_trainer(tmp_path, callbacks=[history, RunRecord()], limit_train_batches=1, limit_val_batches=0)
    history.on_train_epoch_end = lambda *_: None  # type: ignore[method-assign]
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    assert "Overfitting: since epoch 0 the validation loss rose from 0.100 to 0.400" in capsys.readouterr().out
