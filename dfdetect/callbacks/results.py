"""What `validate`, `test` and `predict` leave behind: tables, CSV and JSON files, figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from matplotlib.figure import Figure

from dfdetect.callbacks.access import is_dry_run, run_folder
from dfdetect.callbacks.places import results_folder, tested_identity
from dfdetect.callbacks.run import GENERATED_NOTE, say
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.dataset import DeepfakeDataset
from dfdetect.data.pairs import PairDataset
from dfdetect.data.summary import torn_note
from dfdetect.errors import TrainingError, UsageError
from dfdetect.evaluation.calibration import choose_threshold
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.confidence import abstention_figure, reliability_figure
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.figures import (
    MAX_MISTAKES,
    confusion_matrix_figure,
    mistakes_figure,
    pr_figure,
    roc_figure,
)
from dfdetect.evaluation.metrics import retempered
from dfdetect.evaluation.plain_words import apart
from dfdetect.evaluation.tables import METRICS, PREDICTIONS, metrics_table, write_json, write_predictions, write_rows
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.split_guard import (
    Facts,
    changed_preprocessing,
    cross_dataset_note,
    is_another_part,
    is_cross_dataset,
    is_taken_for_a_copy,
    judged_images,
)
from dfdetect.models.trainer import data_of


def collect_predictions(
    detector: DeepfakeDetector, dataset: DeepfakeDataset, by: Sequence[str] = ()
) -> tuple[Predictions, np.ndarray[Any, Any]]:
    """The last validation or test pass as `Predictions`, and each one's place in the data set; call it on all ranks.

    `by` names the columns that the predictions are to carry along.
    """
    index, label, margin = detector.predictions.compute()
    samples = dataset.samples
    rows = index.cpu().numpy()
    groups, sources = samples.groups(), samples.column("source")
    predictions = Predictions(
        path=[samples.paths[i] for i in rows],
        label=label.cpu().numpy().astype(np.int64),
        p_fake=detector.p_fake(margin.cpu().double()).numpy(),
        group=[groups[i] for i in rows],
        source=[sources[i] for i in rows],
        columns={name: [values[i] for i in rows] for name in by for values in [samples.column(name)]},
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
    """Prints the table of a test or a validation and writes it: metrics.json, predictions.csv, figures.

    They go into the run of the checkpoint, a validation's in `validation/` there; those of other data than the run's go
    into `cross-dataset/NAME`.

    Args:
        by: columns of the manifest whose values get figures of their own, as each `source` does.

    Attributes:
        folder: where the last results were written; None before that.
        result: what was written there into metrics.json.
    """

    def __init__(self, by: list[str] | None = None) -> None:
        self.by = by or []
        self.folder: Path | None = None
        self.result: dict[str, Any] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a column that the data does not have, before hours of work; raises `UsageError`."""
        data = data_of(trainer)
        if data is None or stage == "predict" or not self.by:
            return
        has = data.part("test").columns
        if missing := [name for name in self.by if name not in has]:
            raise UsageError(f"results.by: {data.origin} has no column {', '.join(missing)}; it has {', '.join(has)}")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write everything, on the first process."""
        self._write(trainer, pl_module, "test", Path())

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The same for `validate`; during a fit the logger has the figures."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._write(trainer, pl_module, "val", Path("validation"))

    def _write(self, trainer: Trainer, detector: LightningModule, part: Literal["val", "test"], below: Path) -> None:
        data = data_of(trainer)
        if data is None or not isinstance(detector, DeepfakeDetector):
            return
        dataset = data.datasets[part]
        predictions, rows = collect_predictions(detector, dataset, self.by)
        folder = results_folder(trainer, detector, data) / below
        if not trainer.is_global_zero or is_dry_run(trainer):
            return
        threshold, temperature = float(detector.facts["threshold"]), float(detector.facts["temperature"])
        result = evaluate(predictions, threshold, temperature=temperature)
        limit = getattr(trainer, f"limit_{part}_batches")
        limited = limit is not None and (limit != 1 or isinstance(limit, int))  # 1.0 is all batches, 1 is one
        result["notes"] += _origin_notes(detector.facts, data, part, len(rows), limited)
        if is_cross_dataset(detector.facts, data):
            result["judged"] = judged_images(data, part)
            result |= _best_threshold_here(predictions, threshold, result)
        result |= {"checkpoint": str(trainer.ckpt_path or ""), "root": str(data.origin), **data.preprocessing_facts()}
        result["tested"] = tested_identity(trainer, data, part, limited)
        name = {"val": "Validation", "test": "Test"}[part]
        say("\n" + metrics_table(result, f"{name} of {detector.hparams['backbone']} on {data.origin}"))
        write_predictions(folder / PREDICTIONS, predictions)
        title = f"{name}: {data.title}"
        figures = _figures(predictions, result, title)
        figures["mistakes"] = draw_mistakes(predictions, rows, dataset, title, threshold)
        for stem, figure in figures.items():
            save_figure(figure, folder / f"{stem}.png")
        write_json(folder / METRICS, result)  # last: where it is, the others are
        self.folder, self.result = folder, result
        say(f"\nWritten to {folder}: {METRICS} {PREDICTIONS} " + " ".join(f"{stem}.png" for stem in figures))


def _figures(predictions: Predictions, result: dict[str, Any], title: str) -> dict[str, Figure]:
    label, p_fake, threshold = predictions.label, predictions.p_fake, result["threshold"]
    before = None if result["temperature"] == 1 else retempered(p_fake, result["temperature"], 1.0)
    return {
        "confusion_matrix": confusion_matrix_figure(np.asarray(result["confusion_matrix"]), title),
        "roc": roc_figure(label, p_fake, title, threshold=threshold),
        "pr": pr_figure(label, p_fake, title),
        "reliability": reliability_figure(label, p_fake, title, uncalibrated=before),
        "abstention": abstention_figure(label, p_fake, title, threshold=threshold),
    }


def _best_threshold_here(predictions: Predictions, threshold: float, result: dict[str, Any]) -> dict[str, Any]:
    """How far the best threshold moved on another data set; it is shown, and never used."""
    if result["n_real"] == 0 or result["n_fake"] == 0:
        return {}
    best = choose_threshold(predictions.label, predictions.p_fake)
    if np.array_equal(predictions.p_fake >= best, predictions.p_fake >= threshold):
        best = threshold  # every verdict is the same
    accuracy = evaluate(predictions, best, resamples=0)["accuracy"]
    shown, stored = apart(best, threshold)
    note = (
        f"The stored threshold, {stored}, is the best for these images too."
        if best == threshold
        else f"The best threshold for these images would be {shown}, with accuracy {accuracy:.4f}, not the stored "
        f"{stored}, with {result['accuracy']:.4f}. It is not used: it is known from these labels only."
    )
    return {"best_threshold": best, "accuracy_at_best_threshold": accuracy, "notes": [*result["notes"], note]}


def _origin_notes(
    facts: Facts, data: DeepfakeDataModule, part: Literal["val", "test"], n: int, limited: bool
) -> list[str]:
    """What a reader must know of where the images come from."""
    notes = []
    if not facts["calibrated"]:
        notes.append("Threshold and temperature are uncalibrated: no validation of both classes has fitted them.")
    if is_cross_dataset(facts, data):
        notes.append(f"{cross_dataset_note(facts, data, part)}.")
    elif is_another_part(facts, data, part):
        notes.append("Another split than the training's was allowed: training may have seen these images.")
    elif torn := torn_note(facts.get("split") or {}, part):
        notes.append(torn)
    if is_taken_for_a_copy(facts, data):
        notes.append(f"Taken for a copy of {facts['split']['root']}, whose file names and labels {data.origin} has.")
    if part == "val":
        notes.append("The checkpoint was chosen by these images: the figures are too good for an estimate.")
    notes += [f"Other preprocessing than in training: {change}" for change in changed_preprocessing(facts, data)]
    if isinstance(data.datasets[part], PairDataset):
        notes.append("There are no fakes here but those that were blended from these very photos.")
    unread = len(data.datasets[part]) - n
    if unread and limited:
        notes.append(f"Only {n} of {unread + n} images were scored, as --trainer.limit_{part}_batches asks.")
    elif unread:
        notes.append(f"{unread} of {unread + n} files could not be read and are not counted; see skipped.csv.")
    if (faces := data.faces_found.get(part)) and faces.faceless:
        notes.append(f"{faces.note(part)}.")
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
        data, file = data_of(trainer), run_folder(trainer) / "predict" / "predictions.csv"
        if not trainer.is_global_zero or is_dry_run(trainer):
            return
        rows = sorted(row for share in shares for row in share)
        write_rows(Path(file), ["path", "p_fake", "verdict", "error"], rows)
        called, failed = sum(row[2] == "fake" for row in rows), sum(bool(row[3]) for row in rows)
        say(f"\n{len(rows)} images: {called} called fake, {failed} unreadable. Written to {file}")
        if ignored := data.datasets["predict"].samples.ignored if data else 0:
            say(f"{ignored} files with other endings than an image's were passed over")
        if failed == len(rows):
            raise TrainingError(f"None of the {failed} files could be read; {file} says why")
