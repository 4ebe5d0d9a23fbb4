"""The run's own record: the data table at its start, its split on disk, its paths and curves at its end."""

import shlex
import sys
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from dfdetect.callbacks.access import find_callback, is_dry_run, run_folder
from dfdetect.callbacks.checkpoints import BEST, FOLDER, LAST, BestCheckpoint
from dfdetect.callbacks.history import CURVES, History
from dfdetect.models.trainer import data_of, is_fitting
from dfdetect.runs import newest_checkpoint, note_command


class RunRecord(Callback):
    """Prints what is trained on, saves `split.csv`, and ends a fit with a summary of paths and next commands.

    Args:
        command: the command line, which is noted in the run's `commands.txt`; empty where there is none.
        run_is_named: whether it names the run's folder, which then lies among anything, not among runs.
    """

    def __init__(self, command: str = "", run_is_named: bool = False) -> None:
        self.command = command
        self.run_is_named = run_is_named
        self._folder = Path()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Show the data of a fit."""
        data = data_of(trainer)
        if stage == "fit" and data is not None and trainer.is_global_zero:
            say(data.summary())

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the split, once a resumed checkpoint has agreed to it."""
        data = data_of(trainer)
        folder = self._folder = run_folder(trainer)  # all ranks are here; after Ctrl-C they are not
        if data is not None and trainer.is_global_zero and not is_dry_run(trainer):
            folder.mkdir(parents=True, exist_ok=True)
            data.division.save(folder)
        self._note_command(trainer, folder)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how it was tested."""
        self._note_command(trainer, run_folder(trainer))

    def _note_command(self, trainer: Trainer, folder: Path) -> None:
        if self.command and trainer.is_global_zero and not is_dry_run(trainer):
            note_command(folder, self.command)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves and say where everything lies."""
        folder = run_folder(trainer)
        if is_dry_run(trainer) or not trainer.is_global_zero:
            return
        history = find_callback(trainer, History)
        if history is not None:
            history.draw(folder, f"{folder.parent.name} {folder.name}")
        say("\n".join(_summary(trainer, folder, history, self.run_is_named)))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """After Ctrl-C, say how to go on."""
        if isinstance(exception, KeyboardInterrupt) and is_fitting(trainer) and trainer.is_global_zero:
            begun = (self._folder / FOLDER / LAST).exists()
            say("\nInterrupted" + ("; last.ckpt is whole. Go on with: dfdetect fit --ckpt_path last" if begun else "."))


def _summary(trainer: Trainer, folder: Path, history: History | None, run_is_named: bool) -> list[str]:
    lines = [f"\nRun       {folder}"]
    best = folder / FOLDER / BEST
    chosen = find_callback(trainer, BestCheckpoint)
    if best.exists():
        score = None if chosen is None else chosen.best_model_score
        lines.append(
            f"Best      {best}"
            + ("" if chosen is None or score is None else f"  ({chosen.monitor} {float(score):.4f})")
        )
    elif chosen is not None:
        lines.append(f"Best      none: {chosen.monitor} was never defined; does validation hold both classes?")
    lines.append(f"Last      {folder / FOLDER / LAST}")
    if history is not None and history.epochs:
        lines.append(f"Curves    {folder / CURVES}")
        if note := history.overfitting():
            lines.append(note)
    data = data_of(trainer)
    if data is not None and data.is_generated():
        lines.append(GENERATED_NOTE)
    boards = [logger.save_dir for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
    if boards:  # that of all runs, beside which this one is best looked at
        lines.append(f"Watch     tensorboard --logdir {shlex.quote(str(folder if run_is_named else boards[0]))}")
    found = newest_checkpoint("best")
    is_newest = found is not None and best.exists() and found.samefile(best)
    file = best if best.exists() else folder / FOLDER / LAST
    return [*lines, "Test      dfdetect test" + ("" if is_newest else f" --ckpt_path {file}")]


GENERATED_NOTE = (
    "These are generated faces: they demonstrate the tool, and no figure on them is evidence about real fakes."
)


def say(text: str) -> None:
    """Print a block on standard output, clear of a progress bar's last line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
