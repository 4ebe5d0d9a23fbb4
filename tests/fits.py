"""One tiny detector, its data and a trainer, so that a whole fit takes a second."""

import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import nn
from torch.nn import functional
from torchvision.models import MobileNet_V2_Weights

from dfdetect.callbacks.access import run_folder
from dfdetect.callbacks.defaults import default_callbacks
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.models.backbones import BACKBONES, Backbone
from dfdetect.models.checkpoint import SafeCheckpointIO
from dfdetect.models.detector import DeepfakeDetector


def copy_as_others(source: Path, target: Path) -> None:
    """Copy images into another data set: no file is the same, every picture is."""

    def copy(file: str, copied: str) -> None:
        Path(copied).write_bytes(Path(file).read_bytes() + b"\0")

    shutil.copytree(source, target, copy_function=copy)


def build_tiny() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
    )


BACKBONES["tiny"] = Backbone(
    build=build_tiny,
    channels=16,
    dropout=0.1,
    weights=MobileNet_V2_Weights.IMAGENET1K_V1,
    prefix="features.",
    head_prefix="classifier.",
)


def tiny_detector(**settings: Any) -> DeepfakeDetector:
    small: dict[str, Any] = {"backbone": "tiny", "weights": "none", "lr": 1e-3}
    return DeepfakeDetector(**small | settings)


def faces_data(root: Path | str, **settings: Any) -> DeepfakeDataModule:
    small: dict[str, Any] = {"image_size": 32, "batch_size": 16, "num_workers": 0, "cache": "off"}
    return DeepfakeDataModule(root=str(root), **small | settings)


def quiet_trainer(folder: Path, callbacks: list[Callback] | None = None, **settings: Any) -> Trainer:
    """A trainer as the command line builds it, on the CPU; its runs lie in FOLDER/run/version_N."""
    fixed: dict[str, Any] = {
        "accelerator": "cpu",
        "logger": TensorBoardLogger(str(folder), name="run", default_hp_metric=False),
        "callbacks": default_callbacks() if callbacks is None else callbacks,
        "enable_checkpointing": callbacks is None or any(isinstance(callback, Checkpoint) for callback in callbacks),
        "plugins": [SafeCheckpointIO()],
        "max_epochs": 1,
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "default_root_dir": str(folder),
    }
    return Trainer(**fixed | settings)


def fit_run(folder: Path, root: Path | str, **trainer: Any) -> Path:
    """Fit the tiny detector with all default callbacks; returns the run's folder."""
    fitting = quiet_trainer(folder, **trainer)
    fitting.fit(tiny_detector(), faces_data(root))
    return run_folder(fitting)


class MemoryLogger(Logger):
    """A logger that has no folder, as those of remote services."""

    name = "memory"
    version = 1

    def __init__(self) -> None:
        super().__init__()
        self.metrics: dict[str, float] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.metrics |= metrics

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        return


def train_briefly(detector: DeepfakeDetector, pixels, labels) -> None:
    """A few steps, so that the network tells something apart: random ones blow up every rounding."""
    images, label = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(detector.parameters(), lr=1e-3)
    for _ in range(25):
        optimizer.zero_grad()
        functional.cross_entropy(detector.train()(images), label).backward()
        optimizer.step()
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean: running ones lag behind
    with torch.no_grad():
        detector(images)
    detector.eval()
