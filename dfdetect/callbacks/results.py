"""What `test` and `predict` leave behind: tables, CSV and JSON files, figures."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from dfdetect.callbacks.access import data_of, is_dry_run, run_folder
from dfdetect.callbacks.run import GENERATED_NOTE, say
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.synthetic import is_generated
from dfdetect.evaluation.figures import (
    MAX_MISTAKES,
    confusion_matrix_figure,
    mistakes_figure,
    pr_figure,
    roc_figure,
    save_figure,
)
from dfdetect.evaluation.metrics import Predictions, evaluate
from dfdetect.evaluation.tables import metrics_table, write_json, write_predictions, write_rows
from dfdetect.models.detector import DeepfakeDetector


def collect_predictions(
    detector: DeepfakeDetector, dataset: DeepfakeDataset
) -> tuple[Predictions, np.ndarray[Any, Any]]:
    """The last validation or test pass as `Predictions`, and each one's place in the data set; call it on all ranks."""
    index, label, margin = detector.predictions.compute()
    samples = dataset.samples
    rows = index.cpu().numpy()
    groups, sources = samples.groups(), samples.column("source")
    predictions = Predictions(
        path=[samples.paths[i] for i in rows],
        label=label.cpu().numpy().astype(np.int64),
        p_fake=detector.p_fake(margin).double().cpu().numpy(),
        group=[groups[i] for i in rows],
        source=[sources[i] for i in rows],
    )
    return predictions, rows


def worst_mistakes(predictions: Predictions, threshold: float, most: int = MAX_MISTAKES) -> list[int]:
    """Positions of the most confident errors, worst first."""
    wrong = np.flatnonzero((predictions.p_fake >= threshold) != (predictions.label == 1))
    order = np.argsort(-np.abs(predictions.p_fake[wrong] - threshold), kind="stable")
    return [int(i) for i in wrong[order][:most]]


def draw_mistakes(
    predictions: Predictions, rows: np.ndarray[Any, Any], dataset: DeepfakeDataset, title: str, threshold: float
) -> Any:
    """The figure of the most confident errors, with their pictures."""
    worst = worst_mistakes(predictions, threshold)
    images = [dataset.pixels(int(rows[i])) for i in worst]
    label, p_fake = predictions.label[worst], predictions.p_fake[worst]
    names = [predictions.path[i] for i in worst]
    return mistakes_figure(images, label, p_fake, names, title, n=len(predictions.label), threshold=threshold)


class TestResults(Callback):
    """Prints the table of a test and writes metrics.json, predictions.csv and four figures.

    They go into the run of the checkpoint; a test on other data than the run's goes into `cross-dataset/NAME` there.
    """

    __test__ = False  # no pytest class, whatever its name says

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write everything, on the first process."""
        data = data_of(trainer)
        if data is None or not isinstance(pl_module, DeepfakeDetector):
            return
        dataset = data.datasets["test"]
        predictions, rows = collect_predictions(pl_module, dataset)
        folder = run_folder(trainer)
        if not trainer.is_global_zero or is_dry_run(trainer):
            return
        cross = pl_module.is_cross_dataset(data)
        if cross:
            folder = folder / "cross-dataset" / data.root.resolve().name
        threshold = float(pl_module.facts["threshold"])
        result = evaluate(predictions, threshold)
        result["notes"] += _origin_notes(pl_module, data, cross, len(rows))
        result |= {"checkpoint": str(trainer.ckpt_path or ""), "root": str(data.root), **data.preprocessing_facts()}
        say("\n" + metrics_table(result, f"Test of {pl_module.hparams['backbone']} on {data.root}"))
        write_json(folder / "metrics.json", result)
        write_predictions(folder / "predictions.csv", predictions)
        title = f"Test: {data.root.name}"
        save_figure(
            confusion_matrix_figure(np.asarray(result["confusion_matrix"]), title), folder / "confusion_matrix.png"
        )
        save_figure(roc_figure(predictions.label, predictions.p_fake, title, threshold=threshold), folder / "roc.png")
        save_figure(pr_figure(predictions.label, predictions.p_fake, title), folder / "pr.png")
        save_figure(draw_mistakes(predictions, rows, dataset, title, threshold), folder / "mistakes.png")
        say(f"\nWritten to {folder}: metrics.json predictions.csv confusion_matrix.png roc.png pr.png mistakes.png")


def _origin_notes(detector: DeepfakeDetector, data: DeepfakeDataModule, cross: bool, n: int) -> list[str]:
    """What a reader must know of where the test images come from."""
    trained = detector.facts.get("split")
    notes = []
    if cross:
        notes.append(f"cross-dataset: trained on {detector.facts['split']['root']}, tested on {data.root}")
    elif trained and trained["test_fingerprint"] != data.split_facts()["test_fingerprint"]:
        notes.append("Another split than the training's was allowed: training may have seen these images.")
    notes += [f"Other preprocessing than in training: {change}" for change in detector.changed_preprocessing(data)]
    unread = len(data.part("test")) - n
    if unread:
        notes.append(f"{unread} of {unread + n} files could not be read and are not counted; see skipped.csv.")
    if is_generated(data.root):
        notes.append(GENERATED_NOTE)
    return notes


class PredictionWriter(Callback):
    """Writes `predict/predictions.csv`: path, p_fake, verdict, and the error where a file could not be read."""

    def __init__(self) -> None:
        self._rows: list[list[Any]] = []

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin an empty list."""
        self._rows = []

    def on_predict_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Keep a batch's rows."""
        index, p_fake = outputs
        data = data_of(trainer)
        if data is None or not isinstance(pl_module, DeepfakeDetector):
            return
        paths, threshold = data.datasets["predict"].samples.paths, pl_module.facts["threshold"]
        for i, score in zip(index.tolist(), p_fake.float().tolist(), strict=True):
            self._rows.append([paths[i], f"{score:.9g}", "fake" if score >= threshold else "real", ""])
        self._rows += [[path, "", "", cause] for path, cause in batch["skipped"]]

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gather all processes' rows and write them, sorted by path."""
        shares = [self._rows]
        if trainer.world_size > 1:
            import torch.distributed

            shares = [[] for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(shares, self._rows)
        file = run_folder(trainer) / "predict" / "predictions.csv"
        if not trainer.is_global_zero or is_dry_run(trainer):
            return
        rows = sorted(row for share in shares for row in share)
        write_rows(Path(file), ["path", "p_fake", "verdict", "error"], rows)
        called, failed = sum(row[2] == "fake" for row in rows), sum(bool(row[3]) for row in rows)
        say(f"\n{len(rows)} images: {called} called fake, {failed} unreadable. Written to {file}")
