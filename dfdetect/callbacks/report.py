"""The page of a run, written after its test."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from dfdetect.callbacks.access import is_dry_run, run_folder
from dfdetect.callbacks.run import say
from dfdetect.evaluation.limit import Limit
from dfdetect.evaluation.limits import find_limits
from dfdetect.evaluation.run_report import render
from dfdetect.evaluation.tables import REPORT, write_page
from dfdetect.models.run_contents import read_run
from dfdetect.models.trainer import data_of


class ReportPage(Callback):
    """Writes the run's `report.html` after a test: everything that lies in the run's folder, in plain words first.

    It comes after the callbacks whose results it shows.

    Args:
        enabled: write it; `dfdetect report RUN` does so at any time.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it, on the first process."""
        folder = run_folder(trainer)
        if not self.enabled or is_dry_run(trainer) or not trainer.is_global_zero or data_of(trainer) is None:
            return
        file, _ = write_report(folder)
        say(f"\nTo read: {file}")


def write_report(folder: Path, out: Path | None = None) -> tuple[Path, list[Limit]]:
    """Write the page of a run; returns the file and the limits that stand in it.

    Args:
        folder: of the run.
        out: the file; by default report.html in the folder.

    Raises:
        ResultsError: nothing to report lies there, or the page cannot be written.
    """
    file, contents = out or folder / REPORT, read_run(folder)
    limits = find_limits(contents)
    return write_page(file, render(contents, limits)), limits
