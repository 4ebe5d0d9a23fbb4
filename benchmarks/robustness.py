"""What robustness curves cost: seconds a corruption beside the clean pass over the same images.

python benchmarks/robustness.py [--root ROOT] [--images 300] [--size 224] [--workers 0] [--repeats 3]

The clean pass decodes, resizes and scores; pixels are not cached. The corruption's own arithmetic is measured by itself
on the decoded images and taken off: ratio = (seconds - arithmetic) / severities / clean. With --workers 0, everything
happens one after the other, so that these subtractions are exact. Medians over the repeats, which alternate.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from dfdetect.callbacks.robustness import score_variants
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.decode import decode
from dfdetect.data.synthetic import generate_faces
from dfdetect.evaluation.corruptions import DEFAULT_CORRUPTIONS, Variant, corrupt, variants_of
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.process import prepare_process
from dfdetect.quiet import quiet_third_parties

PIXELS = 384


class Costs(Callback):
    """Seconds of a test's clean pass, and of each corruption after it."""

    def __init__(self) -> None:
        self.clean: list[float] = []
        self.curves: dict[str, list[float]] = {}
        self.start = 0.0
        self.indices: list[int] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; the loader begins with its first batch."""
        self.start = time.perf_counter()

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop it when the last batch is scored."""
        self.clean.append(time.perf_counter() - self.start)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Each corruption with all its severities, and one severity alone."""
        data: Any = getattr(trainer, "datamodule", None)
        assert isinstance(pl_module, DeepfakeDetector)
        self.indices = pl_module.predictions.compute()[0].tolist()
        one = {"one severity": [("jpeg", 70.0)]}
        for name, variants in (by_name() | one).items():
            start = time.perf_counter()
            score_variants(trainer, pl_module, data, self.indices, variants, 0)
            self.curves.setdefault(name, []).append(time.perf_counter() - start)


def by_name() -> dict[str, list[Variant]]:
    """The default variants of each corruption."""
    return {name: variants_of({name: severities}) for name, severities in DEFAULT_CORRUPTIONS.items()}


def arithmetic(data: DeepfakeDataModule, indices: list[int], variants: list[Variant]) -> float:
    """Seconds of the corruptions alone, on decoded images."""
    samples, seconds = data.datasets["test"].samples, 0.0
    for index in indices:
        pixels = decode(samples.file(index))
        seconds += elapsed(lambda pixels=pixels: [corrupt(pixels, variant) for variant in variants])  # type: ignore[misc]
    return seconds


def elapsed(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Alternate clean pass and corruptions."""
    data = DeepfakeDataModule(
        root=str(root),
        image_size=options.size,
        cache="off",
        num_workers=options.workers,
        split_ratios=(0.02, 0.02, 0.96),
    )
    costs = Costs()
    trainer = Trainer(
        logger=False,
        callbacks=[costs],
        accelerator="cpu",
        precision="bf16-mixed",
        limit_test_batches=-(-options.images // data.batch_size),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
    )
    detector = DeepfakeDetector(options.backbone, weights="none")
    for _ in range(options.repeats):
        trainer.test(detector, data, verbose=False)
    clean = statistics.median(costs.clean)
    curves = {}
    for name, variants in (by_name() | {"one severity": [("jpeg", 70.0)]}).items():
        total, own = statistics.median(costs.curves[name]), arithmetic(data, costs.indices, variants)
        apart = (total - own) / len(variants)
        curves[name] = {
            "severities": len(variants),
            "seconds": round(total, 2),
            "arithmetic_s": round(own, 2),
            "apart_from_it_s_each": round(apart, 2),
            "ratio": round(apart / clean, 2),
        }
    worst = max(float(np.asarray(curve["ratio"])) for curve in curves.values())
    return {"images": len(costs.indices), "clean_s": round(clean, 2), "curves": curves, "largest_ratio": worst}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help=f"images; by default generated faces of {PIXELS} pixels")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--backbone", default="mobilenet_v2")
    options = parser.parse_args()
    prepare_process()
    quiet_third_parties()
    with tempfile.TemporaryDirectory() as folder:
        root = options.root
        if root is None:
            root = Path(folder) / "faces"
            generate_faces(root, options.images + options.images // 10, size=PIXELS, progress=False)
        print(json.dumps(measure(root, options), indent=2))


if __name__ == "__main__":
    main()
