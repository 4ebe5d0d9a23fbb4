"""What `validate`, `test` and `predict` leave behind: tables, CSV and JSON files, figures."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from dfdetect.callbacks.access import data_of, is_dry_run, run_folder
from dfdetect.callbacks.run import GENERATED_NOTE, say
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.figures import (
    MAX_MISTAKES,
    confusion_matrix_figure,
    mistakes_figure,
    pr_figure,
    roc_figure,
)
from dfdetect.evaluation.tables import metrics_table, write_json, write_predictions, write_rows
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.split_guard import Facts, changed_preprocessing, is_another_part, is_cross_dataset


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


class EvaluationResults(Callback):
    """Prints the table of a test or a validation and writes it: metrics.json, predictions.csv, four figures.

    They go into the run of the checkpoint, a validation's in `validation/` there; those of other data than the run's go
    into `cross-dataset/NAME`.
    """

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write everything, on the first process."""
        _write_results(trainer, pl_module, "test", Path())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same for `validate`; during a fit the logger has the figures."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            _write_results(trainer, pl_module, "val", Path("validation"))


def _write_results(trainer: Trainer, detector: LightningModule, part: Literal["val", "test"], below: Path) -> None:
    data = data_of(trainer)
    if data is None or not isinstance(detector, DeepfakeDetector):
        return
    dataset = data.datasets[part]
    predictions, rows = collect_predictions(detector, dataset)
    folder = run_folder(trainer)
    if not trainer.is_global_zero or is_dry_run(trainer):
        return
    if is_cross_dataset(detector.facts, data):
        below = Path("cross-dataset", data.origin.resolve().stem) / below
    folder = folder / below
    threshold = float(detector.facts["threshold"])
    result = evaluate(predictions, threshold)
    limited = getattr(trainer, f"limit_{part}_batches") not in (None, 1.0)
    result["notes"] += _origin_notes(detector.facts, data, part, len(rows), limited)
    result |= {"checkpoint": str(trainer.ckpt_path or ""), "root": str(data.origin), **data.preprocessing_facts()}
    name = {"val": "Validation", "test": "Test"}[part]
    say("\n" + metrics_table(result, f"{name} of {detector.hparams['backbone']} on {data.origin}"))
    write_json(folder / "metrics.json", result)
    write_predictions(folder / "predictions.csv", predictions)
    title = f"{name}: {data.origin.stem}"
    figures = {
        "confusion_matrix": confusion_matrix_figure(np.asarray(result["confusion_matrix"]), title),
        "roc": roc_figure(predictions.label, predictions.p_fake, title, threshold=threshold),
        "pr": pr_figure(predictions.label, predictions.p_fake, title),
        "mistakes": draw_mistakes(predictions, rows, dataset, title, threshold),
    }
    for stem, figure in figures.items():
        save_figure(figure, folder / f"{stem}.png")
    say(f"\nWritten to {folder}: metrics.json predictions.csv " + " ".join(f"{stem}.png" for stem in figures))


def _origin_notes(
    facts: Facts, data: DeepfakeDataModule, part: Literal["val", "test"], n: int, limited: bool
) -> list[str]:
    """What a reader must know of where the images come from."""
    notes = []
    if is_cross_dataset(facts, data):
        notes.append(f"cross-dataset: trained on {facts['split']['root']}, tested on {data.origin}")
    elif is_another_part(facts, data, part):
        notes.append("Another split than the training's was allowed: training may have seen these images.")
    if part == "val":
        notes.append("The checkpoint was chosen by these images: the figures are too good for an estimate.")
    notes += [f"Other preprocessing than in training: {change}" for change in changed_preprocessing(facts, data)]
    unread = len(data.part(part)) - n
    if unread and limited:
        notes.append(f"Only {n} of {unread + n} images were scored, as --trainer.limit_{part}_batches asks.")
    elif unread:
        notes.append(f"{unread} of {unread + n} files could not be read and are not counted; see skipped.csv.")
    if data.is_generated():
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
