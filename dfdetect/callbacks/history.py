"""The course of a fit: metrics by epoch, training beside validation in one chart, a plain word about overfitting."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.figures import curves_figure

CURVES = "curves.png"
_LATER_EPOCHS = 3
_RISE = 1.05


class History(Callback):
    """Keeps every epoch's metrics, over restarts too, and draws `curves.png` into the run.

    Attributes:
        epochs: epoch numbers, from 0.
        values: metric name to its value in each of `epochs`; NaN where it was not measured.
    """

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.values: dict[str, list[float]] = {}
        self._validated = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember that this epoch was validated: a trainer keeps the last metrics through epochs that are not."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch's metrics."""
        stages = ("train/", "val/") if self._validated else ("train/",)
        self._validated = False
        measured = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith(stages)}
        for name in measured:
            self.values.setdefault(name, [float("nan")] * len(self.epochs))
        self.epochs.append(trainer.current_epoch)
        for name, values in self.values.items():
            values.append(measured.get(name, float("nan")))

    def series(self) -> dict[str, list[tuple[int, float]]]:
        """Metric name to (epoch, value) pairs."""
        return {name: list(zip(self.epochs, values, strict=True)) for name, values in self.values.items()}

    def overfitting(self) -> str | None:
        """See `overfitting_note`; None where nothing was validated."""
        return overfitting_note(self.values.get("train/loss", []), self.values.get("val/loss", []))

    @rank_zero_only
    def draw(self, folder: Path, title: str) -> None:
        """Write `curves.png` into a run's folder."""
        if self.epochs:
            save_figure(curves_figure(self.series(), title), folder / CURVES)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: primitives."""
        return {"epochs": list(self.epochs), "values": {name: list(values) for name, values in self.values.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's history."""
        self.epochs, self.values = state_dict["epochs"], state_dict["values"]


def overfitting_note(train_loss: Sequence[float], val_loss: Sequence[float]) -> str | None:
    """Say in a sentence that a fit overfits, or None.

    It does where validation loss has been above its minimum for at least 3 epochs and ends 5% above it, while training
    loss kept falling: the gap between the two keeps widening.

    Args:
        train_loss: one value an epoch; epochs with NaN are passed over.
        val_loss: one value an epoch; epochs with NaN are passed over.
    """
    if len(train_loss) != len(val_loss):
        return None
    measured = [e for e in range(len(val_loss)) if math.isfinite(train_loss[e]) and math.isfinite(val_loss[e])]
    if not measured:
        return None
    best, last = min(measured, key=lambda epoch: val_loss[epoch]), measured[-1]
    widened = val_loss[last] > _RISE * val_loss[best] and train_loss[last] < train_loss[best]
    if not widened or last - best < _LATER_EPOCHS:
        return None
    return (
        f"Overfitting: since epoch {best} the validation loss rose from {val_loss[best]:.3f} to {val_loss[last]:.3f} "
        f"while the training loss fell from {train_loss[best]:.3f} to {train_loss[last]:.3f}. More data, stronger "
        "augmentation, --model.weight_decay or early stopping would help; best.ckpt is not affected"
    )
