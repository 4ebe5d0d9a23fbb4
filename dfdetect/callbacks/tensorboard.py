"""What TensorBoard shows besides scalars: configuration, an augmented batch, curves, each epoch's figures, HParams."""

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_only
from matplotlib.figure import Figure

from dfdetect.callbacks.access import find_callback, is_dry_run, run_folder
from dfdetect.callbacks.history import History
from dfdetect.callbacks.hparams import VALIDATED, configuration, fill_leaderboard, open_hparams
from dfdetect.callbacks.overlays import MAX_SHOWN, ShownImages, overlay_figure, shown_images
from dfdetect.callbacks.results import EvaluationResults, collect_predictions, draw_mistakes
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.errors import ExplainError, MissingExtraError, UsageError
from dfdetect.evaluation.canvas import message_figure
from dfdetect.evaluation.evaluate import evaluate
from dfdetect.evaluation.figures import (
    MAX_BATCH,
    batch_figure,
    confusion_matrix_figure,
    curves_figure,
    pr_figure,
    roc_figure,
)
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.trainer import data_of, is_fitting

_CHARTS = ("loss", "accuracy", "auroc", "f1", "precision", "recall")


class TensorBoardFigures(Callback):
    """Draws figures each validation epoch for the run's TensorBoardLogger; does nothing without one.

    Args:
        every_n_epochs: how often; 0 for never.
        overlays: so many validation images, always the same, are shown with what speaks for real and fake in them;
            0 for none.

    Raises:
        UsageError: a number of images out of its range.
    """

    def __init__(self, every_n_epochs: int = 1, overlays: int = 8) -> None:
        if not 0 <= overlays <= MAX_SHOWN:
            raise UsageError(f"figures.overlays is from 0 to {MAX_SHOWN} images, not {overlays}")
        self.every_n_epochs = every_n_epochs
        self.overlays = overlays
        self._shown: ShownImages | None = None
        self._without_overlays = False
        self._batch_drawn = False
        self._best: dict[str, float] = {}
        self._folder: Path | None = None

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put training beside validation in one chart, show the configuration, open the run's row in HParams."""
        writer = _writer(trainer)
        if writer is None:
            return
        charts = {name: ["Multiline", [f"^train/{name}$", f"^val/{name}$"]] for name in _CHARTS}
        writer.add_custom_scalars({"training and validation": charts})
        writer.add_text("configuration", _configuration_text(writer, trainer, pl_module))
        open_hparams(writer, trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Show the first batch as it comes to the network, before any mixing of its pictures."""
        writer = _writer(trainer)
        if self._batch_drawn or writer is None or not trainer.is_global_zero or not len(batch["label"]):
            return
        self._batch_drawn = True
        pixels = batch["image"][:MAX_BATCH].clamp(0, 255).byte()  # resized ones are floats
        images = list(pixels.permute(0, 2, 3, 1).cpu().numpy())
        figure = batch_figure(images, batch["label"][:MAX_BATCH].cpu().numpy(), "Augmented training images")
        writer.add_figure("training/augmented_batch", figure, trainer.global_step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw this epoch's validation."""
        writer = _writer(trainer)
        data = data_of(trainer)
        wanted = self.every_n_epochs and trainer.current_epoch % self.every_n_epochs == 0
        if trainer.sanity_checking or not is_fitting(trainer) or not wanted or data is None:
            return
        if not isinstance(pl_module, DeepfakeDetector):
            return
        predictions, rows = collect_predictions(pl_module, data.datasets["val"])
        if writer is None or not trainer.is_global_zero:
            return
        threshold = float(pl_module.facts["threshold"])
        label, p_fake = predictions.label, predictions.p_fake
        title = f"Validation, epoch {trainer.current_epoch}"
        matrix = np.asarray(evaluate(predictions, threshold, resamples=0)["confusion_matrix"])
        figures = {
            "confusion_matrix": confusion_matrix_figure(matrix, title),
            "roc": roc_figure(label, p_fake, title, threshold=threshold),
            "precision_recall": pr_figure(label, p_fake, title),
            "worst_mistakes": draw_mistakes(predictions, rows, data.datasets["val"], title, threshold),
        }
        figures |= self._evidence(pl_module, data, title)
        _add(writer, "val", figures, trainer.global_step)

    def _evidence(self, detector: DeepfakeDetector, data: DeepfakeDataModule, title: str) -> dict[str, Figure]:
        """The overlays; where there can be none a word why, once."""
        if not self.overlays or self._without_overlays:
            return {}
        if self._shown is None:
            self._shown = shown_images(data.datasets["val"], data.part_fingerprint("val"), self.overlays)
        try:
            return {"evidence": overlay_figure(detector, self._shown, title)}
        except (MissingExtraError, ExplainError) as error:
            self._without_overlays = True
            reason = f"{detector.hparams['backbone']} does not end in average pooling and a linear layer; {error}"
            rank_zero_info(f"No overlays in TensorBoard: {reason}")
            return {"evidence": message_figure("Where the network looks", "no overlays", fill(reason, 60))}

    @rank_zero_only
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the best validation metrics so far, which the HParams table compares, and the curves up to here."""
        writer = _writer(trainer)
        if writer is None:
            return
        metrics = trainer.callback_metrics
        score = float(metrics.get("val/auroc", float("nan")))
        if score > self._best.get("auroc", -1.0):
            self._best = {name: float(metrics[f"val/{name}"]) for name in VALIDATED if f"val/{name}" in metrics}
        for name, value in self._best.items():
            writer.add_scalar(f"val_best/{name}", value, trainer.global_step)

    @rank_zero_only
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the whole course of training and validation."""
        writer = _writer(trainer)
        history = find_callback(trainer, History)
        if writer is not None and history is not None and history.epochs:
            _add(
                writer,
                "training",
                {"curves": curves_figure(history.series(), "Training and validation")},
                trainer.global_step,
            )
            writer.flush()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask for the run's folder, while all ranks are here."""
        self._folder = run_folder(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """After a test whose results lie in the run, put them into its row; by now, whatever the callbacks' order."""
        results = find_callback(trainer, EvaluationResults)
        if stage != "test" or results is None or results.result is None or results.folder != self._folder:
            return  # on all ranks but the first, which alone writes results
        if (writer := _writer(trainer)) is not None:
            fill_leaderboard(writer, trainer, pl_module, results.result)

    def state_dict(self) -> dict[str, Any]:
        """The best metrics so far."""
        return {"best": dict(self._best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's best."""
        self._best = state_dict["best"]


def _writer(trainer: Trainer) -> Any:
    logger = next((one for one in trainer.loggers if isinstance(one, TensorBoardLogger)), None)
    return None if logger is None or is_dry_run(trainer) else logger.experiment


def _add(writer: Any, folder: str, figures: dict[str, Figure], step: int) -> None:
    for name, figure in figures.items():
        writer.add_figure(f"{folder}/{name}", figure, step)


def _configuration_text(writer: Any, trainer: Trainer, pl_module: LightningModule) -> str:
    """The run's config.yaml where the command line wrote one, else the settings of model and data; as Markdown."""
    file = Path(writer.log_dir) / "config.yaml"
    if file.is_file():
        return f"```yaml\n{file.read_text(encoding='utf-8')}\n```"
    rows = [f"| {name} | {value} |" for name, value in configuration(trainer, pl_module).items()]
    return "\n".join(["| setting | value |", "|---|---|", *rows])
