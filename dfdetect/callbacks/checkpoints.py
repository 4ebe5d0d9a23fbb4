"""The two checkpoints of a run: `best.ckpt` by a validation metric, `last.ckpt` to go on from."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from torch import Tensor

from dfdetect.callbacks.access import is_dry_run, run_folder
from dfdetect.errors import UsageError
from dfdetect.files import remove_unfinished

FOLDER = "checkpoints"
BEST, LAST = "best.ckpt", "last.ckpt"


class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, chosen on validation only; a value that is undefined or not finite is never the best.

    Args:
        monitor: metric to choose by.
        mode: `max` where higher is better, `min` where lower is.
    """

    def __init__(self, monitor: str = "val/auroc", mode: str = "max") -> None:
        super().__init__(monitor=monitor, mode=mode, filename="best", save_top_k=1, enable_version_counter=False)

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether `current` beats what was kept."""
        finite = current is not None and bool(torch.isfinite(current))
        return finite and super().check_monitor_top_k(trainer, current)


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`: before the first step, after every epoch, and within epochs where asked for.

    `fit --ckpt_path last` goes on from it.

    Args:
        every_n_train_steps: also save after so many optimiser steps; 0 for epoch ends only.
    """

    def __init__(self, every_n_train_steps: int = 0) -> None:
        if every_n_train_steps < 0:
            raise UsageError(f"last_checkpoint.every_n_train_steps is at least 0, not {every_n_train_steps}")
        self.every_n_train_steps = every_n_train_steps
        self._step_before = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the start of a fresh fit, which then can be killed at any moment."""
        folder = run_folder(trainer) / FOLDER  # asked for on all ranks
        if trainer.is_global_zero and not is_dry_run(trainer):
            remove_unfinished(folder)  # of a process that was killed while it wrote
        if trainer.global_step == 0:
            self._save(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Remember whether this batch will complete a step."""
        self._step_before = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within an epoch, never between accumulated batches; an epoch's last batch is left to the epoch's end."""
        step = trainer.global_step
        due = self.every_n_train_steps > 0 and step != self._step_before and step % self.every_n_train_steps == 0
        if due and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save after validation and all other checkpoints of the epoch."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if is_dry_run(trainer):
            return
        trainer.save_checkpoint(run_folder(trainer) / FOLDER / LAST, weights_only=False)
