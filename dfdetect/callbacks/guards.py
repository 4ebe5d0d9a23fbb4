"""Guards of a run: bad files are recorded and counted, a loss that is not finite stops the fit before it is saved."""

import csv
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from dfdetect.callbacks.access import is_dry_run, run_folder
from dfdetect.callbacks.checkpoints import FOLDER
from dfdetect.errors import TrainingError
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.trainer import any_rank, data_of, is_fitting
from dfdetect.runs import SKIPPED

MAX_BAD_SHARE = 0.05
COUNT_FROM = 100


class SkippedFiles(Callback):
    """One warning and one row in the run's `skipped.csv` for each file that could not be read.

    The run goes on without it. Where more than 5% of at least 100 files are bad, something else is wrong: it stops.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._named: set[str] = set()
        self._folder = Path()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for the run's folder while all processes do: a bad file comes to one of them."""
        self._folder = run_folder(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Record a training batch's bad files."""
        self._take(trainer, "train", batch)

    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        """Record a validation batch's bad files."""
        self._take(trainer, "val", batch)

    def on_test_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        """Record a test batch's bad files."""
        self._take(trainer, "test", batch)

    def on_predict_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, *_: Any) -> None:
        """Record the bad files of a batch to predict; however many, each has its row and the rest is predicted."""
        self._record(trainer, "predict", batch)

    def _take(self, trainer: Trainer, part: str, batch: Any) -> None:
        dataset = None if (data := data_of(trainer)) is None else data.datasets[part]
        images_a_file = 1 if dataset is None else dataset.together
        self._bad[part] += self._record(trainer, part, batch)
        self._seen[part] += (len(batch["label"]) + len(batch["skipped"])) // images_a_file
        if dataset is not None:  # later epochs see the same files again
            self._seen[part] = min(self._seen[part], len(dataset) // images_a_file)
        seen, bad = self._seen[part], self._bad[part]
        if any_rank(trainer, seen >= COUNT_FROM and bad > MAX_BAD_SHARE * seen):
            raise TrainingError(
                f"{bad} of the first {seen} {part} files cannot be read; more than {MAX_BAD_SHARE:.0%} bad files point "
                f"at the wrong folder or a broken copy. They are listed in {self._folder / SKIPPED}"
            )

    def _record(self, trainer: Trainer, part: str, batch: Any) -> int:
        """Name the bad files that were not named before; returns how many."""
        new = [(path, cause) for path, cause in batch["skipped"] if path not in self._named]
        for path, cause in new:
            self._named.add(path)
            if is_dry_run(trainer) or _append(self._folder / SKIPPED, part, path, cause):
                warnings.warn(f"Skipped {path}: {cause}", stacklevel=2)  # on any rank: each reads files of its own
        return len(new)


class FiniteLoss(Callback):
    """Stops a fit whose loss is NaN or infinite, before any checkpoint of it is written."""

    def __init__(self) -> None:
        self._folder = Path()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Ask for the run's folder, which the message names."""
        self._folder = run_folder(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the batch's loss, and agree on it over all processes."""
        if any_rank(trainer, not bool(torch.isfinite(outputs["loss"]))):
            self._stop(trainer, f"epoch {trainer.current_epoch}, step {trainer.global_step}")

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the collected predictions before a checkpoint is chosen by them."""
        if trainer.sanity_checking or not isinstance(pl_module, DeepfakeDetector):
            return
        margin = pl_module.predictions.compute()[2]
        if is_fitting(trainer) and not bool(torch.isfinite(margin).all()):
            self._stop(trainer, f"the validation of epoch {trainer.current_epoch}")

    def _stop(self, trainer: Trainer, where: str) -> None:
        raise TrainingError(
            f"The loss is not finite at {where}; the fit stops. Checkpoints in {self._folder / FOLDER} were "
            "written before. Try a lower --model.lr, --trainer.gradient_clip_val 1, or --trainer.precision 32-true"
        )


def _append(file: Path, part: str, path: str, cause: str) -> bool:
    """Add one row, unless another process or an earlier session has added this path; returns whether it did."""
    if file.exists():
        with open(file, newline="", encoding="utf-8") as stream:
            if any(row and row[0] == path for row in csv.reader(stream)):
                return False
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with open(file, "a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator=os.linesep)
        if is_new:
            writer.writerow(["path", "part", "cause"])
        writer.writerow([path, part, cause])
    return True
