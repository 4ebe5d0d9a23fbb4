"""Reading and writing checkpoints safely.

A checkpoint is only ever read with `weights_only=True` from a local file, so a pickle payload never runs, and it is
written beside its place and renamed, so a kill or a full disk never leaves half of one.
"""

import io
import os
import pickle
from collections.abc import Container, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO

from dfdetect import __version__
from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import CheckpointError
from dfdetect.files import replacing

FACTS_KEY = "dfdetect"
"""Where a checkpoint keeps what belongs to the detector but is no hyperparameter: see `DeepfakeDetector.facts`."""
_VERSION = "pytorch-lightning_version"
_FACTS = ("threshold", "temperature", "calibrated", "preprocessing", "split", "dropout_seed", "class_names", "versions")
_SPLIT_FACTS = ("root", "data_fingerprint", "fingerprint", "val_fingerprint", "test_fingerprint", "n_val", "n_test")


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
    check_contents(checkpoint, str(path))
    return checkpoint


def check_contents(checkpoint: dict[str, Any], name: str = "The checkpoint") -> None:
    """Refuse what one of our fits did not write, or what has lost a part since; raises `CheckpointError`."""
    _require(
        checkpoint, ("state_dict", "hyper_parameters", FACTS_KEY, _VERSION), f"{name}: not a checkpoint of dfdetect"
    )
    for key in ("state_dict", "hyper_parameters", FACTS_KEY):
        if not isinstance(checkpoint[key], dict):
            raise CheckpointError(f"{name}: damaged: its {key} is a {type(checkpoint[key]).__name__}")
    _require(checkpoint[FACTS_KEY], _FACTS, f"{name}: damaged: its facts")
    if split := checkpoint[FACTS_KEY]["split"]:
        _require(split, _SPLIT_FACTS, f"{name}: damaged: its split")
    for key, value in checkpoint["state_dict"].items():
        if not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{name}: damaged: {key} is a {type(value).__name__}, no tensor")


def settings_of(checkpoint: Mapping[str, Any], known: Container[str], name: str = "The checkpoint") -> dict[str, Any]:
    """Hyperparameters of a checkpoint of ours; raises `CheckpointError` for one that is not `known`."""
    settings = {key: value for key, value in checkpoint["hyper_parameters"].items() if not key.startswith("_")}
    if unknown := next((key for key in settings if key not in known), None):
        raise CheckpointError(f"{name}: has a setting that is not known here: {unknown}")
    return settings


def facts_to_store(facts: Mapping[str, Any], dropout_seed: int | None) -> dict[str, Any]:
    """What a checkpoint needs to be used without its configuration, primitives only; `check_contents` asks for it."""
    versions = {name: version(name) for name in ("torch", "torchvision", "lightning", "albumentations")}
    return {
        "preprocessing": None,
        "split": None,
        **facts,
        "class_names": list(CLASS_NAMES),
        "dropout_seed": dropout_seed,
        "versions": versions | {"dfdetect": __version__},
    }


def check_training_state(checkpoint: dict[str, Any]) -> None:
    """Refuse to go on with a fit whose progress or optimiser is not in the checkpoint; raises `CheckpointError`."""
    _require(checkpoint, ("optimizer_states", "lr_schedulers", "loops"), "The checkpoint cannot go on with its fit")


def check_shapes(own: Mapping[str, torch.Tensor], loaded: Mapping[str, torch.Tensor], network: str) -> None:
    """Refuse tensors that are not the network's; raises `CheckpointError`."""
    if own.keys() != loaded.keys():
        raise CheckpointError(
            f"The checkpoint does not fit {network}: it lacks {sorted(own.keys() - loaded.keys())[:3]} "
            f"and has {sorted(loaded.keys() - own.keys())[:3]} besides"
        )
    for key, tensor in own.items():
        if tensor.shape != loaded[key].shape:
            shapes = f"{key} is {tuple(loaded[key].shape)}, not {tuple(tensor.shape)}"
            raise CheckpointError(f"The checkpoint does not fit {network}: {shapes}")


def _require(content: Mapping[str, Any], keys: Sequence[str], complaint: str) -> None:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{complaint}: a {type(content).__name__} instead")
    if missing := [key for key in keys if key not in content]:
        raise CheckpointError(f"{complaint}: it has no {', '.join(missing)}")


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


def read_safely(trainer: Trainer) -> None:
    """Have a trainer read and write checkpoints by `SafeCheckpointIO`, unless it was given a plugin of its own."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = SafeCheckpointIO()
