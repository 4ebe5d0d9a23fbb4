"""TensorBoard's HParams: a row a run, with its settings, its best validation and the columns of `dfdetect compare`."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from dfdetect.evaluation.comparison import COMPARED
from dfdetect.models.cost import measure_costs, parameter_count
from dfdetect.models.trainer import data_of

VALIDATED = ("auroc", "accuracy", "f1", "precision", "recall", "average_precision", "eer", "loss")
"""Metrics of the validation that a run is compared by."""
_BOARD = "leaderboard"
_COSTS = ("parameters", "megabytes", "cpu_ms")
_HPARAMS = (
    "backbone",
    "frontend",
    "weights",
    "freeze_epochs",
    "tune",
    "layer_decay",
    "dropout",
    "drop_path",
    "label_smoothing",
    "mixing",
    "mixing_alpha",
    "localisation",
    "test_time_flip",
    "lr",
    "weight_decay",
    "optimizer",
    "scheduler",
    "warmup_epochs",
    "image_size",
    "batch_size",
    "blending",
    "own_fakes",
    "erase_parts",
    "class_balance",
    "split",
    "split_seed",
    "folds",
    "fold",
    "normalise_encoding",
    "max_epochs",
    "precision",
    "seed",
)
_DIGITS = 12
"""Of a fingerprint, as the leaderboard shows it."""


def configuration(trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
    """Settings of model and data; without the names with an underscore, which are LightningCLI's own."""
    data = data_of(trainer)
    chosen = {**pl_module.hparams, **({} if data is None else {**data.hparams, "seed": data.seed})}
    chosen |= {"max_epochs": trainer.max_epochs, "precision": trainer.precision}
    return {name: value for name, value in chosen.items() if not name.startswith("_")}


def open_hparams(writer: Any, trainer: Trainer, pl_module: LightningModule) -> None:
    """Open the run's row: Lightning writes hyperparameters without metrics, and nothing then compares runs.

    Columns are named once and for all here; a later `dfdetect test`, which logs into the same run, fills its own.
    """
    from torch.utils.tensorboard.summary import hparams

    chosen, data = configuration(trainer, pl_module), data_of(trainer)
    plain = {name: _plain(chosen[name]) for name in _HPARAMS if chosen.get(name) is not None}
    if data is not None:
        plain["data_fingerprint"] = str(data.split_facts()["data_fingerprint"])[:_DIGITS]
    first, *others = [f"val_best/{name}" for name in VALIDATED]
    columns = [first, *board_columns(), *others]  # TensorBoard shows the first five until more are ticked
    for summary in hparams(plain, dict.fromkeys(columns, 0.0)):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)


def _plain(value: Any) -> Any:
    """A setting as TensorBoard takes it: no list."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def board_columns() -> list[str]:
    """Tags of the leaderboard's columns: each metric with the bounds of its 95% interval, n, threshold, cost."""
    metrics = [f"{_BOARD}/{name}{end}" for name in COMPARED for end in ("", "_low", "_high")]
    return [*metrics, *(f"{_BOARD}/{name}" for name in ("n", "n_groups", "threshold", *_COSTS))]


def fill_leaderboard(writer: Any, trainer: Trainer, pl_module: LightningModule, result: dict[str, Any]) -> None:
    """Fill the row with the result of `evaluate` on the run's own test part; what is undefined stays empty."""
    values = {name: result[name] for name in (*COMPARED, "n", "n_groups", "threshold")} | _costs(trainer, pl_module)
    for name in COMPARED:
        low, high = result["intervals"].get(name) or (None, None)
        values |= {f"{name}_low": low, f"{name}_high": high}
    for name, value in values.items():
        if value is not None:
            writer.add_scalar(f"{_BOARD}/{name}", value, trainer.global_step)
    writer.flush()


def _costs(trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
    """Parameters, and where a file was tested its size and the time of an image on one thread of this CPU."""
    file = Path(trainer.ckpt_path or "")
    if not file.is_file():
        return {"parameters": parameter_count(pl_module)}
    with torch.random.fork_rng(devices=[]):  # it builds a detector of its own, with random numbers of its own
        (cost,) = measure_costs([file])
    return {name: cost[name] for name in _COSTS}
