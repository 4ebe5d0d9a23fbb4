"""The callbacks every run of the command line has, for use from Python too."""

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor

from dfdetect.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from dfdetect.callbacks.guards import FiniteLoss, SkippedFiles
from dfdetect.callbacks.history import History
from dfdetect.callbacks.report import ReportPage
from dfdetect.callbacks.results import EvaluationResults, PredictionWriter
from dfdetect.callbacks.robustness import RobustnessCurves
from dfdetect.callbacks.run import RunRecord
from dfdetect.callbacks.tensorboard import TensorBoardFigures
from dfdetect.callbacks.throughput import Throughput


def fixed_callbacks(logs: bool = True, command: str = "", run_is_named: bool = False) -> list[Callback]:
    """What needs no setting: guards, history, speed, records and results.

    Args:
        logs: whether there is a logger.
        command: the command line, for the run's record.
        run_is_named: whether it names the run's folder.
    """
    return [
        SkippedFiles(),
        FiniteLoss(),
        Throughput(),
        *([LearningRateMonitor("epoch")] if logs else []),
        History(),
        RunRecord(command, run_is_named),
        PredictionWriter(),
    ]


def default_callbacks() -> list[Callback]:
    """All of the command line's callbacks: `Trainer(callbacks=default_callbacks())`."""
    chosen = [BestCheckpoint(), LastCheckpoint(), EvaluationResults(), RobustnessCurves(), ReportPage()]
    return [*fixed_callbacks(), TensorBoardFigures(), *chosen]
