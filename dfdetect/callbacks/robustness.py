"""Robustness curves after a test: the test part again under each corruption, decoded once for all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dfdetect.callbacks.access import is_dry_run
from dfdetect.callbacks.places import results_folder
from dfdetect.callbacks.results import collect_predictions
from dfdetect.callbacks.run import GENERATED_NOTE, say
from dfdetect.data.corrupted import CorruptedDataset, CorruptedItem
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.dataset import quiet_worker
from dfdetect.errors import TrainingError
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.corruptions import DEFAULT_CORRUPTIONS, Variant, variants_of
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.metrics import Floats
from dfdetect.evaluation.robustness import evaluate_robustness
from dfdetect.evaluation.robustness_report import CSV_HEADER, robustness_figure, robustness_rows, robustness_table
from dfdetect.evaluation.tables import write_json, write_rows
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.trainer import data_of


class RobustnessCurves(Callback):
    """At the end of a test: AUROC, accuracy and flipped verdicts under corruptions of graded severity.

    Writes robustness.json, robustness.csv and robustness.png beside the test's metrics.json.

    Args:
        enabled: draw them; `dfdetect test --robustness` says so.
        corruptions: severities by corruption, as in configs/robustness.yaml; null for the ones listed there.
        seed: of the noise.

    Raises:
        UsageError: an unknown corruption, or a severity out of its bounds.
    """

    def __init__(self, enabled: bool = False, corruptions: dict[str, list[float]] | None = None, seed: int = 0) -> None:
        self.enabled = enabled
        self.variants = variants_of(DEFAULT_CORRUPTIONS if corruptions is None else corruptions)
        self.seed = seed

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score all variants on all processes; evaluate and write on the first."""
        data = data_of(trainer)
        if not self.enabled or is_dry_run(trainer) or data is None or not isinstance(pl_module, DeepfakeDetector):
            return
        clean, rows = collect_predictions(pl_module, data.datasets["test"])
        indices = rows.tolist()
        shares = _gather(trainer, score_variants(trainer, pl_module, data, indices, self.variants, self.seed))
        folder = results_folder(trainer, pl_module, data)
        if not trainer.is_global_zero:
            return
        read = {index: scores for share in shares for index, scores in zip(*share, strict=True)}
        result = self._evaluate(clean, indices, read, data, float(pl_module.facts["threshold"]))
        result |= {"checkpoint": str(trainer.ckpt_path or ""), "root": str(data.origin), "seed": self.seed}
        _write(result, folder, f"{pl_module.hparams['backbone']} on {data.origin}", data.title)

    def _evaluate(
        self,
        clean: Predictions,
        indices: list[int],
        read: dict[int, Floats],
        data: DeepfakeDataModule,
        threshold: float,
    ) -> dict[str, Any]:
        """The curves over the images that could be read in both passes."""
        kept = [place for place, index in enumerate(indices) if index in read]
        if not kept:
            raise TrainingError(f"No image of {data.origin} could be read again for the robustness curves")
        p_fake = np.stack([read[indices[place]] for place in kept], axis=1)
        result = evaluate_robustness(_select(clean, kept), self.variants, p_fake, threshold)
        if lost := len(indices) - len(kept):
            result["notes"].append(f"{lost} of {len(indices)} files could not be read again and are not counted.")
        if data.is_generated():
            result["notes"].append(GENERATED_NOTE)
        return result


def score_variants(
    trainer: Trainer,
    detector: DeepfakeDetector,
    data: DeepfakeDataModule,
    indices: Sequence[int],
    variants: Sequence[Variant],
    seed: int,
) -> tuple[list[int], Floats]:
    """Score this process's share of the test images under every variant, in the precision of the test.

    Args:
        trainer: during or after its test.
        detector: in evaluation mode.
        data: set up for a test.
        indices: places in the test part, the same on every process.
        variants: K corruptions with their severities.
        seed: of the noise.

    Returns:
        Places of the M images of this share that could be read, and their p_fake (M, K).
    """
    share = indices[trainer.global_rank :: trainer.world_size]
    dataset = CorruptedDataset(data.datasets["test"].samples, share, variants, data.decoder(), seed)
    loader: DataLoader[CorruptedItem] = DataLoader(
        dataset,
        batch_size=None,
        num_workers=data.workers(cached=False),
        collate_fn=_as_it_is,
        worker_init_fn=quiet_worker,
    )
    hidden = trainer.progress_bar_callback is None or not trainer.is_global_zero
    read: list[int] = []
    scores = [torch.empty(0)]
    with torch.inference_mode(), trainer.precision_plugin.test_step_context():
        inputs = _inputs(tqdm(loader, "Robustness", unit="image", disable=hidden), read)
        while images := list(islice(inputs, data.batch_size)):
            scores.append(_score(detector, torch.stack(images)))
    every = torch.cat([part.cpu() for part in scores]).double()
    return read, every.reshape(-1, len(variants)).numpy()


def _inputs(items: Iterator[CorruptedItem], read: list[int]) -> Iterator[Tensor]:
    """The variants of all items one after the other; `read` gets the places of those that could be read."""
    for index, images in items:
        if len(images):
            read.append(index)
        yield from images


def _score(detector: DeepfakeDetector, images: Tensor) -> Tensor:
    places = torch.arange(len(images))
    image = images.to(detector.device)
    return detector.predict_step({"image": image, "label": places, "index": places, "skipped": []}, 0)[1]


def _as_it_is(item: Any) -> Any:
    return item


def _gather(trainer: Trainer, share: tuple[list[int], Floats]) -> list[tuple[list[int], Floats]]:
    """The shares of all processes."""
    if trainer.world_size == 1:
        return [share]
    import torch.distributed

    shares: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(shares, share)
    return shares


def _select(predictions: Predictions, kept: list[int]) -> Predictions:
    return replace(
        predictions,
        path=[predictions.path[i] for i in kept],
        label=predictions.label[kept],
        p_fake=predictions.p_fake[kept],
        group=[predictions.group[i] for i in kept],
        source=[predictions.source[i] for i in kept],
    )


def _write(result: dict[str, Any], folder: Path, tested: str, stem: str) -> None:
    say("\n" + robustness_table(result, f"Robustness of {tested}"))
    write_json(folder / "robustness.json", result)
    write_rows(folder / "robustness.csv", CSV_HEADER, robustness_rows(result))
    save_figure(robustness_figure(result, f"Robustness: {stem}"), folder / "robustness.png")
    say(f"\nWritten to {folder}: robustness.json robustness.csv robustness.png")
