"""The course of a fit is kept over restarts, and overfitting is said only where it is."""

import math

import pytest

from dfdetect.callbacks.checkpoints import LastCheckpoint
from dfdetect.callbacks.history import CURVES, History, overfitting_note
from dfdetect.models.checkpoint import read_checkpoint
from tests.fits import faces_data, quiet_trainer, tiny_detector

FALLING = [0.7, 0.5, 0.3, 0.2, 0.1, 0.05]


@pytest.mark.parametrize(
    "val_loss",
    [[0.7, 0.6, 0.65, 0.7, 0.8, 0.9], [0.6, 0.7, 0.5, 0.6, 0.7, 0.8], [0.7, math.nan, 0.5, math.nan, 0.7, 0.8]],
    ids=["widening", "later minimum", "not each epoch validated"],
)
def test_overfitting_is_said(val_loss):
    best = val_loss.index(min(val_loss, key=lambda v: math.inf if math.isnan(v) else v))
    note = overfitting_note(FALLING, val_loss)
    assert note is not None
    assert note.startswith(f"Overfitting: since epoch {best} the validation loss rose from {val_loss[best]:.3f} to")
    assert "best.ckpt is not affected" in note


@pytest.mark.parametrize(
    ("train_loss", "val_loss"),
    [
        (FALLING, FALLING),
        (FALLING, [0.7, 0.6, 0.5, 0.6, 0.7, 0.51]),
        (FALLING, [0.9, 0.8, 0.7, 0.5, 0.6, 0.8]),
        (FALLING[::-1], [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (FALLING[:3], [0.1, 0.5, 0.9]),
        ([], []),
        (FALLING, []),
        (FALLING, [math.nan] * 6),
    ],
    ids=["none", "within 5%", "too lately", "training rises too", "too short", "empty", "no validation", "undefined"],
)
def test_overfitting_is_not_said(train_loss, val_loss):
    assert overfitting_note(train_loss, val_loss) is None


def history_of(folder, root, ckpt_path=None, **trainer) -> History:
    history = History()
    short = {"limit_train_batches": 1, "limit_val_batches": 1}
    fitting = quiet_trainer(folder, callbacks=[history, LastCheckpoint()], **short | trainer)
    fitting.fit(tiny_detector(), faces_data(root), ckpt_path=ckpt_path)
    return history


def test_survives_a_resume(tmp_path, generated_faces):
    first = history_of(tmp_path, generated_faces, max_epochs=2)
    last = tmp_path / "run/version_0/checkpoints/last.ckpt"
    read_checkpoint(last)
    resumed = history_of(tmp_path, generated_faces, last, max_epochs=4)
    assert resumed.epochs == [0, 1, 2, 3]
    assert set(resumed.values) == set(first.values)
    assert {"train/loss", "val/loss", "val/auroc", "train/eer"} <= set(resumed.values)
    for name, values in first.values.items():
        assert resumed.values[name][:2] == pytest.approx(values, abs=0, nan_ok=True)
        assert len(resumed.values[name]) == 4


def test_an_epoch_without_validation_has_none(tmp_path, generated_faces):
    history = history_of(tmp_path, generated_faces, max_epochs=4, check_val_every_n_epoch=2)
    assert [math.isnan(value) for value in history.values["val/loss"]] == [True, False, True, False]
    assert not any(math.isnan(value) for value in history.values["train/loss"])


def test_series_pairs_epochs_with_values():
    history = History()
    history.load_state_dict({"epochs": [0, 1], "values": {"val/loss": [0.5, 0.4]}})
    assert history.series() == {"val/loss": [(0, 0.5), (1, 0.4)]}
    assert history.overfitting() is None


def test_curves_are_drawn(tmp_path):
    history = History()
    history.draw(tmp_path, "empty")
    assert not (tmp_path / CURVES).exists()
    history.load_state_dict({"epochs": [0, 1], "values": {"val/loss": [0.5, 0.4], "train/loss": [0.5, 0.3]}})
    history.draw(tmp_path, "run")
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
