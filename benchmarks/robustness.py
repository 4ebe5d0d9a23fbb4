"""What robustness curves cost: one severity of each corruption beside the clean pass over the same images.

python benchmarks/robustness.py [--root ROOT] [--images 320] [--size 224] [--severities 1]

Clean pass and corruption take turns, one batch of 32 images each, so that other work on the machine meets both alike.
The clean pass decodes, resizes and scores without a pixel cache and without workers, so that everything happens one
after the other in this process. The corruption's own arithmetic is measured by itself on the decoded images and taken
off: ratio = (seconds - arithmetic) / severities / clean. Seconds are sums over all turns, ratios medians of theirs.
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

PIXELS, BATCH = 384, 32


class Costs(Callback):
    """Times a test's clean pass and, after it, its corruptions and their arithmetic.

    Args:
        variants: what to score.
    """

    def __init__(self, variants: list[Variant]) -> None:
        self.variants = variants
        self.start = self.clean = self.corrupted = self.arithmetic = 0.0
        self.images = 0

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; the loader begins with its first batch."""
        self.start = time.perf_counter()

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop it when the last batch is scored."""
        self.clean = time.perf_counter() - self.start

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the variants of the same images, then time their arithmetic."""
        data: Any = getattr(trainer, "datamodule", None)
        assert isinstance(pl_module, DeepfakeDetector)
        indices = pl_module.predictions.compute()[0].tolist()
        start = time.perf_counter()
        score_variants(trainer, pl_module, data, indices, self.variants, 0)
        self.corrupted, self.images = time.perf_counter() - start, len(indices)
        self.arithmetic = arithmetic(data, indices, self.variants)


def arithmetic(data: DeepfakeDataModule, indices: list[int], variants: list[Variant]) -> float:
    """Seconds of the corruptions alone, on decoded images."""
    samples, seconds = data.datasets["test"].samples, 0.0
    for index in indices:
        pixels = decode(samples.file(index))
        start = time.perf_counter()
        for variant in variants:
            corrupt(pixels, variant)
        seconds += time.perf_counter() - start
    return seconds


def measure(root: Path, variants: list[Variant], options: argparse.Namespace, turn: int) -> Costs:
    """One batch clean, then corrupted; other images in every turn."""
    settings: dict[str, Any] = {"image_size": options.size, "batch_size": BATCH, "cache": "off", "num_workers": 0}
    data = DeepfakeDataModule(root=str(root), split_ratios=(0.02, 0.02, 0.96), seed=turn, **settings)
    costs = Costs(variants)
    trainer = Trainer(
        logger=False,
        callbacks=[costs],
        accelerator="cpu",
        precision="bf16-mixed",
        limit_test_batches=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
    )
    trainer.test(DeepfakeDetector(options.backbone, weights="none"), data, verbose=False)
    return costs


def report(root: Path, name: str, variants: list[Variant], options: argparse.Namespace) -> dict[str, float | str]:
    """All turns of one corruption."""
    turns = [measure(root, variants, options, turn) for turn in range(-(-options.images // BATCH))]
    ratios = [(turn.corrupted - turn.arithmetic) / len(variants) / turn.clean for turn in turns]
    return {
        "corruption": name,
        "severities": len(variants),
        "images": sum(turn.images for turn in turns),
        "clean_s": round(sum(turn.clean for turn in turns), 2),
        "corruption_s": round(sum(turn.corrupted for turn in turns), 2),
        "arithmetic_s": round(sum(turn.arithmetic for turn in turns), 2),
        "ratio": round(statistics.median(ratios), 2),
    }


def main() -> None:
    """Print one JSON line a corruption."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help=f"images; by default generated faces of {PIXELS} pixels")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--severities", type=int, default=1, help="how many of each corruption, the strongest")
    parser.add_argument("--backbone", default="mobilenet_v2")
    options = parser.parse_args()
    prepare_process()
    quiet_third_parties()
    with tempfile.TemporaryDirectory() as folder:
        root = options.root
        if root is None:
            root = Path(folder) / "faces"
            generate_faces(root, options.images + options.images // 10, size=PIXELS, progress=False)
        measure(root, [("jpeg", 70)], options, 0)  # warms up
        for name, severities in DEFAULT_CORRUPTIONS.items():
            variants = variants_of({name: severities})[-options.severities :]
            print(json.dumps(report(root, name, variants, options)), flush=True)


if __name__ == "__main__":
    main()
