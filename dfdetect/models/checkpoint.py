"""Reading and writing checkpoints safely.

A checkpoint is only ever read with `weights_only=True` from a local file, so a pickle payload never runs, and it is
written beside its place and renamed, so a kill or a full disk never leaves half of one.
"""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from dfdetect.errors import CheckpointError
from dfdetect.files import replacing

FACTS_KEY = "dfdetect"
"""Where a checkpoint keeps what belongs to the detector but is no hyperparameter: see `DeepfakeDetector.facts`."""


def read_checkpoint(path: str | Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Load a checkpoint or state dict without running any code in it.

    Raises:
        CheckpointError: a URL, no such file, not a checkpoint, or one that holds pickled code.
    """
    if "://" in str(path):
        raise CheckpointError(f"{path}: a checkpoint is read from a local file only; download it and check it first")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: refused: not a plain checkpoint, or it holds pickled code, which is never run"
        ) from None
    except Exception as error:  # zipfile, EOF, RuntimeError of torch's reader: all mean the same
        raise CheckpointError(f"{path}: refused: not a checkpoint, or damaged ({type(error).__name__})") from None
    if not isinstance(checkpoint, dict):
        raise CheckpointError(f"{path}: not a checkpoint: it holds a {type(checkpoint).__name__}")
    return checkpoint


def read_detector_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint that one of our fits wrote; raises `CheckpointError` for any other file."""
    checkpoint = read_checkpoint(path)
    missing = {"state_dict", "hyper_parameters", FACTS_KEY} - set(checkpoint)
    if missing:
        raise CheckpointError(f"{path}: not a checkpoint of dfdetect: it has no {', '.join(sorted(missing))}")
    return checkpoint


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written in one atomic rename and read by `read_checkpoint`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write beside `path`, then rename: the old file stays whole until the new one is."""
        content = io.BytesIO()
        torch.save(checkpoint, content)  # not into the file: torch hides that a disk is full
        with replacing(path) as temporary, open(temporary, "wb") as stream:
            stream.write(content.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read safely, whatever `weights_only` says."""
        return read_checkpoint(path, map_location or "cpu")
