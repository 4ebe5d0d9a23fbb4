"""The run's own record: the data table at its start, its split on disk, its paths and curves at its end."""

import sys
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from dfdetect.callbacks.checkpoints import BEST, FOLDER, LAST
from dfdetect.callbacks.history import CURVES, History
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.generated import is_generated


class RunRecord(Callback):
    """Prints what is trained on, saves `split.csv`, and ends a fit with a summary of paths and next commands."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Show the data and save the split, before the first step of a fit."""
        data = getattr(trainer, "datamodule", None)
        if stage != "fit" or not isinstance(data, DeepfakeDataModule):
            return
        folder = run_folder(trainer)
        if trainer.is_global_zero:
            say(data.summary())
            if not trainer.fast_dev_run:
                folder.mkdir(parents=True, exist_ok=True)
                data.save_split(folder)

    @rank_zero_only
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves and say where everything lies."""
        if trainer.fast_dev_run:
            return
        folder = run_folder(trainer)
        history = next((c for c in trainer.callbacks if isinstance(c, History)), None)
        if history is not None:
            history.draw(folder, f"{folder.parent.name} {folder.name}")
        say("\n".join(_summary(trainer, folder, history)))


def _summary(trainer: Trainer, folder: Path, history: History | None) -> list[str]:
    lines = [f"\nRun       {folder}"]
    best = folder / FOLDER / BEST
    score = getattr(trainer.checkpoint_callback, "best_model_score", None)
    if best.exists():
        lines.append(f"Best      {best}" + (f"  ({trainer.checkpoint_callback.monitor} {float(score):.4f})" if score is not None else ""))
    lines.append(f"Last      {folder / FOLDER / LAST}")
    if history is not None and history.epochs:
        lines.append(f"Curves    {folder / CURVES}")
        if note := history.overfitting():
            lines.append(note)
    data = getattr(trainer, "datamodule", None)
    if isinstance(data, DeepfakeDataModule) and is_generated(data.root):
        lines.append(GENERATED_NOTE)
    return [*lines, f"Watch     tensorboard --logdir {folder.parent.parent}", "Test      dfdetect test"]


GENERATED_NOTE = (
    "These are generated faces: they demonstrate the tool, and no figure on them is evidence about real fakes."
)


def run_folder(trainer: Trainer) -> Path:
    """Folder of a trainer's run; call it on all ranks, it is agreed on between them."""
    return Path(trainer.log_dir or trainer.default_root_dir)


def say(text: str) -> None:
    """Print a block on standard output, clear of a progress bar's last line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
