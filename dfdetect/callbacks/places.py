"""Where the results of a test go, and what a later command knows them by."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Trainer

from dfdetect.callbacks.access import run_folder
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import ResultsError
from dfdetect.evaluation.stored import read_metrics
from dfdetect.evaluation.tables import METRICS
from dfdetect.files import sha256_of
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.split_guard import is_cross_dataset


def results_folder(trainer: Trainer, detector: DeepfakeDetector, data: DeepfakeDataModule) -> Path:
    """Where the results of `data` go; call it on all ranks, they agree on it.

    That is the run, for other data than the run's `cross-dataset/NAME` in it, and where another data set of that name
    has its results there, `cross-dataset/NAME-` with 8 hexadecimal digits made of the data's location.
    """
    folder = run_folder(trainer)
    if not is_cross_dataset(detector.facts, data):
        return folder
    location = data.origin.resolve()
    folder = folder / "cross-dataset" / data.title
    if _is_taken(folder, location):
        folder = folder.with_name(f"{folder.name}-{hashlib.sha256(str(location).encode()).hexdigest()[:8]}")
    return Path(trainer.strategy.broadcast(folder))


def tested_identity(
    trainer: Trainer, data: DeepfakeDataModule, part: Literal["val", "test"], limited: bool
) -> dict[str, Any]:
    """What was tested on what, so that a later command knows whether it need be done again."""
    checkpoint = Path(trainer.ckpt_path or "")
    return {
        "checkpoint_sha256": sha256_of(checkpoint) if checkpoint.is_file() else None,
        "location": str(data.origin.resolve()),
        "data_fingerprint": data.split_facts()["data_fingerprint"],
        "part_fingerprint": data.part_fingerprint(part),
        "preprocessing": data.preprocessing_facts(),
        "limited": limited,
    }


def _is_taken(folder: Path, location: Path) -> bool:
    """Whether results of another data set of that name lie in the folder."""
    for file in (folder / METRICS, folder / "validation" / METRICS):
        try:
            content = read_metrics(file)
        except ResultsError:  # there are none, or nothing is lost with them
            continue
        of = content["tested"]["location"] if "tested" in content else content.get("root", "")
        if Path(of).resolve() != location:
            return True
    return False
