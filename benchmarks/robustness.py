"""What robustness curves cost: one severity of each corruption beside the clean pass over the same images.

python benchmarks/robustness.py [--root ROOT] [--images 300] [--size 224] [--severities 1] [--repeats 1]

Every corruption is measured right after a clean pass at the same settings, which decodes, resizes and scores without a
pixel cache and without workers, so that everything happens one after the other in this process. The corruption's own
arithmetic is measured on the decoded images by itself and taken off: ratio = (seconds - arithmetic) / severities /
clean. Wall seconds, and the ratio in processor seconds too, which other work on the machine moves less. Medians.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

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


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Both."""
        return time.perf_counter() - self.start[0], time.process_time() - self.start[1]


class Costs(Callback):
    """Times a test's clean pass and, after it, its corruptions and their arithmetic.

    Args:
        variants: what to score.
    """

    def __init__(self, variants: list[Variant]) -> None:
        self.variants = variants
        self.clock = Clock()
        self.clean = self.corrupted = self.arithmetic = (0.0, 0.0)
        self.images = 0

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; the loader begins with its first batch."""
        self.clock = Clock()

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop it when the last batch is scored."""
        self.clean = self.clock.read()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the variants of the same images, then time their arithmetic."""
        data: Any = getattr(trainer, "datamodule", None)
        assert isinstance(pl_module, DeepfakeDetector)
        indices = pl_module.predictions.compute()[0].tolist()
        clock = Clock()
        score_variants(trainer, pl_module, data, indices, self.variants, 0)
        self.corrupted, self.images = clock.read(), len(indices)
        self.arithmetic = arithmetic(data, indices, self.variants)


def arithmetic(data: DeepfakeDataModule, indices: list[int], variants: list[Variant]) -> tuple[float, float]:
    """Wall and processor seconds of the corruptions alone, on decoded images."""
    samples, wall, processor = data.datasets["test"].samples, 0.0, 0.0
    for index in indices:
        pixels = decode(samples.file(index))
        clock = Clock()
        for variant in variants:
            corrupt(pixels, variant)
        seconds = clock.read()
        wall, processor = wall + seconds[0], processor + seconds[1]
    return wall, processor


def measure(root: Path, variants: list[Variant], options: argparse.Namespace) -> tuple[Costs, list[float]]:
    """One clean pass and the corruptions after it; the ratio in wall and in processor seconds."""
    settings: dict[str, Any] = {"image_size": options.size, "cache": "off", "num_workers": 0}
    data = DeepfakeDataModule(root=str(root), split_ratios=(0.02, 0.02, 0.96), **settings)
    costs = Costs(variants)
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
    trainer.test(DeepfakeDetector(options.backbone, weights="none"), data, verbose=False)
    apart = zip(costs.corrupted, costs.arithmetic, costs.clean, strict=True)
    return costs, [(total - own) / len(variants) / clean for total, own, clean in apart]


def report(root: Path, name: str, variants: list[Variant], options: argparse.Namespace) -> dict[str, float | str]:
    """Medians over the repeats of one corruption."""
    rounds = [measure(root, variants, options) for _ in range(options.repeats)]
    seconds = {
        "clean_s": statistics.median(costs.clean[0] for costs, _ in rounds),
        "corruption_s": statistics.median(costs.corrupted[0] for costs, _ in rounds),
        "arithmetic_s": statistics.median(costs.arithmetic[0] for costs, _ in rounds),
        "ratio": statistics.median(ratios[0] for _, ratios in rounds),
        "processor_ratio": statistics.median(ratios[1] for _, ratios in rounds),
    }
    counts = {"severities": len(variants), "images": rounds[0][0].images}
    return {"corruption": name, **counts, **{key: round(value, 2) for key, value in seconds.items()}}


def main() -> None:
    """Print one JSON line a corruption."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help=f"images; by default generated faces of {PIXELS} pixels")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--severities", type=int, default=1, help="how many of each corruption, the strongest")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--backbone", default="mobilenet_v2")
    options = parser.parse_args()
    prepare_process()
    quiet_third_parties()
    with tempfile.TemporaryDirectory() as folder:
        root = options.root
        if root is None:
            root = Path(folder) / "faces"
            generate_faces(root, options.images + options.images // 10, size=PIXELS, progress=False)
        measure(root, [("jpeg", 70)], argparse.Namespace(**vars(options) | {"images": 32}))  # warms up
        for name, severities in DEFAULT_CORRUPTIONS.items():
            variants = variants_of({name: severities})[-options.severities :]
            print(json.dumps(report(root, name, variants, options)), flush=True)


if __name__ == "__main__":
    main()
