"""Where a trainer's run lies and which callbacks it has; `dfdetect.models.trainer` tells of its state and data."""

import os
from pathlib import Path
from typing import TypeVar

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

C = TypeVar("C", bound=Callback)


def run_folder(trainer: Trainer) -> Path:
    """Folder of a trainer's run; call it on all ranks, they agree on it.

    A TensorBoard or CSV logger's own folder where there is one; for other loggers the one ModelCheckpoint takes too.
    """
    loggers = trainer.loggers
    own = [str(logger.log_dir) for logger in loggers if isinstance(logger, TensorBoardLogger | CSVLogger)]
    if own:
        folder = own[0]
    elif loggers:
        version = loggers[0].version
        version = version if isinstance(version, str) else f"version_{version}"
        folder = os.path.join(loggers[0].save_dir or trainer.default_root_dir, str(loggers[0].name), version)
    else:
        folder = trainer.default_root_dir
    return Path(trainer.strategy.broadcast(folder))


def is_dry_run(trainer: Trainer) -> bool:
    """Whether this is a `fast_dev_run`, which leaves no files."""
    return bool(getattr(trainer, "fast_dev_run", False))


def find_callback(trainer: Trainer, kind: type[C]) -> C | None:
    """The trainer's first callback of a class."""
    callbacks: list[Callback] = getattr(trainer, "callbacks", [])
    return next((callback for callback in callbacks if isinstance(callback, kind)), None)
