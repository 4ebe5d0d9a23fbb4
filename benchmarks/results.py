"""Train and test the published recipe on real data, several seeds, and tabulate it. Resumable at any moment.

    python benchmarks/results.py run      # hours; appends a row to results.jsonl for each finished training
    python benchmarks/results.py report   # tables and figures from the rows

Data is read from $DFDETECT_DATA (folders ciplab384, ffhq-stylegan256, dfdc224), MobileNetV2's initial weights from
$DFDETECT_WEIGHTS/mobilenet_v2_imagenet.pth. There are no pretrained ResNet18 weights there, so ResNet18 starts from
random ones. `generated-faces` are drawn and need no data. Each training has a folder of its own below --out; one that
was interrupted continues from its last epoch.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.figures import confusion_matrix_figure, roc_overlay_figure

GENERATED = "generated-faces"
METRICS = ("accuracy_at_half", "precision_at_half", "recall_at_half", "f1_at_half", "auroc")
"""Verdicts at 0.5, as published; `metrics.json` also has those at the threshold chosen on validation."""


@dataclass(frozen=True)
class Job:
    """One training: which data, which backbone, which seed (of weights, order, augmentation and split)."""

    data: str
    backbone: str
    seed: int
    epochs: int

    @property
    def name(self) -> str:
        """Name of its folder and row."""
        return f"{self.data}-{self.backbone}-seed{self.seed}"

    def seeds(self) -> list[str]:
        """One number seeds weights, order and augmentation, and the split."""
        return ["--data.split_seed", str(self.seed), "--seed_everything", str(self.seed)]

    def arguments(self, out: Path) -> list[str]:
        """The command line of `dfdetect fit`, with the two environment variables filled in."""
        if self.data == GENERATED:
            return ["--config", "demo", "--data.root", str(out / GENERATED), *self.seeds()]
        pretrained = self.backbone == "mobilenet_v2"
        weights = f"{os.environ['DFDETECT_WEIGHTS']}/mobilenet_v2_imagenet.pth" if pretrained else "none"
        return [
            "--config", self.backbone.replace("_", ""),
            "--data.root", f"{os.environ['DFDETECT_DATA']}/{self.data}",
            "--model.weights", weights,
            "--trainer.max_epochs", str(self.epochs),
            *self.seeds(),
        ]  # fmt: skip


JOBS = [
    *(Job("ciplab384", "mobilenet_v2", seed, 10) for seed in range(3)),
    *(Job(GENERATED, "mobilenet_v2", seed, 9) for seed in range(3)),
    *(Job("ciplab384", "resnet18", seed, 10) for seed in range(3)),
    *(Job("ffhq-stylegan256", "mobilenet_v2", seed, 10) for seed in range(3)),
    Job("dfdc224", "mobilenet_v2", 0, 5),
]


def run(out: Path) -> None:
    """Run all jobs that have no row yet."""
    done = {row["name"] for row in rows(out)}
    for job in JOBS:
        if job.name in done:
            continue
        folder = out / job.name
        folder.mkdir(parents=True, exist_ok=True)
        minutes = train(job, folder) / 60
        with open(folder / "test.log", "w") as log:
            command = [sys.executable, "-m", "dfdetect", "test"]
            subprocess.run(command, cwd=folder, check=True, stdout=log, stderr=log)
        result = json.loads(results_of(folder).joinpath("metrics.json").read_text())
        row = {"name": job.name, **asdict(job), "minutes": round(minutes, 1), **result}
        with open(out / "results.jsonl", "a") as stream:
            stream.write(json.dumps(row) + "\n")
        print(job.name, {metric: round(row[metric], 4) for metric in METRICS}, f"{minutes:.1f} min", flush=True)


def train(job: Job, folder: Path) -> float:
    """Fit, or go on with an interrupted fit; seconds of all sessions together."""
    clock = folder / "seconds.txt"
    before = float(clock.read_text()) if clock.exists() else 0.0
    begun = any(folder.glob("lightning_logs/*/version_0/checkpoints/last.ckpt"))
    command = [
        sys.executable,
        "-m",
        "dfdetect",
        "fit",
        *job.arguments(folder.parent),
        *(["--ckpt_path", "last"] if begun else []),
    ]
    start = time.perf_counter()
    try:
        with open(folder / "fit.log", "a") as log:
            subprocess.run(command, cwd=folder, check=True, stdout=log, stderr=log)
    finally:
        clock.write_text(str(before + time.perf_counter() - start))
    return float(clock.read_text())


def rows(out: Path) -> list[dict[str, Any]]:
    """Finished rows."""
    file = out / "results.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def results_of(folder: Path) -> Path:
    """Run folder of a finished job."""
    return next(folder.glob("lightning_logs/*/version_0"))


def report(out: Path, pictures: Path) -> None:
    """Print a Markdown table, mean and range over seeds, and draw ROC curves and confusion matrices."""
    finished = rows(out)
    names = " | ".join(metric.removesuffix("_at_half") for metric in METRICS)
    print(f"| data | backbone | seeds | epochs | test images | {names} | minutes a run |")
    print("|---|---|---|---|---|" + "---|" * len(METRICS) + "---|")
    for (data, backbone), group in grouped(finished):
        cells = [spread([row[metric] for row in group]) for metric in METRICS]
        minutes = spread([row["minutes"] for row in group], 1)
        counts = f"{len(group)} | {group[0]['epochs']} | {group[0]['n']}"
        print(f"| {data} | {backbone} | {counts} | " + " | ".join(cells) + f" | {minutes} |")
        title = f"{backbone} on {data}"
        curves = [(f"seed {row['seed']}", *predictions(out / row["name"])) for row in group]
        save_figure(roc_overlay_figure(curves, f"Test ROC: {title}"), pictures / f"roc_{data}_{backbone}.png")
        matrix = np.sum([confusion(label, p_fake >= 0.5) for _, label, p_fake in curves], axis=0)
        figure = confusion_matrix_figure(matrix, f"Test, all seeds: {title}")
        save_figure(figure, pictures / f"confusion_{data}_{backbone}.png")


def grouped(finished: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    """Rows by data and backbone, in order of first appearance."""
    for key in dict.fromkeys((row["data"], row["backbone"]) for row in finished):
        yield key, [row for row in finished if (row["data"], row["backbone"]) == key]


def spread(values: list[float], digits: int = 3) -> str:
    """Mean, and the range in brackets where there are several."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def predictions(folder: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Labels and p_fake of a finished job's test part."""
    with open(results_of(folder) / "predictions.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    label = np.array([CLASS_NAMES.index(row["label"]) for row in table])
    return label, np.array([float(row["p_fake"]) for row in table])


def confusion(label: np.ndarray[Any, Any], called: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(2, 2) counts: rows are truth, columns verdict, real first."""
    return np.bincount(2 * label + called, minlength=4).reshape(2, 2)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    if options.what == "run":
        run(options.out.resolve())
    else:
        options.pictures.mkdir(parents=True, exist_ok=True)
        report(options.out, options.pictures)


if __name__ == "__main__":
    main()
