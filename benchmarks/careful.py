"""Does `dfdetect scan --careful` err less where it answers, and is that more than answering less would give?

python benchmarks/careful.py --model fold0.onnx fold1.onnx --samples fold0/split.csv fold1/split.csv --part test

Each model judges the labelled images of its own list (a manifest; with --part only that part of it), whole or by their
faces, as `dfdetect scan` does. Three rules are compared on the same images: answer all; `--careful`, uncertain where
any mild re-encoding changes the answer; and, at the coverage of `--careful`, uncertain where p_fake is closest to the
threshold in logits. Intervals are 95% of 1,000 resamples of all groups (of images, where there are none).
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.face_model import face_model
from dfdetect.data.samples import Samples, load_samples
from dfdetect.deploy import Detector
from dfdetect.deploy.photos import Settings, scan_photo
from dfdetect.errors import DecodeError, DFDetectError
from dfdetect.evaluation.intervals import percentile_interval, resample_means

Floats = npt.NDArray[np.float64]
Judged = tuple[float, bool, float]
"""p_fake, whether it flips, signed distance from the threshold in logits."""


def judge(path: str, settings: Settings) -> Judged | None:
    """The most fake face of one image; None without an answer (no face, unreadable, too small or blurred)."""
    try:
        row = scan_photo(path, settings)
    except DecodeError:
        return None
    if row.p_fake is None:
        return None
    p, threshold = np.clip([row.p_fake, row.threshold], 1e-6, 1 - 1e-6)
    distance = float(np.log(p / (1 - p)) - np.log(threshold / (1 - threshold)))
    return row.p_fake, row.verdict == "uncertain", distance


def part_of(samples: Samples, part: str | None) -> list[int]:
    """Indices of the images to judge."""
    splits = samples.columns.get("split", [])
    return [i for i in range(len(samples)) if part is None or splits[i] == part]


def collect(options: argparse.Namespace) -> tuple[Floats, npt.NDArray[np.int64], int]:
    """(3, N) wrong, flips, distance; group of each; and the number of images without an answer."""
    faces = face_model(options.face_model) if options.faces == "on" else None
    columns: list[tuple[bool, bool, float]] = []
    groups: list[str] = []
    unanswered = 0
    for file, listed in zip(options.model, options.samples, strict=True):
        settings = Settings(Detector.load(file, threads=1), faces, options.margin, careful=True)
        samples = load_samples(options.root or listed, listed if options.root else None)
        indices = part_of(samples, options.part)
        with ThreadPoolExecutor(options.threads) as pool:
            found = list(pool.map(lambda i, s=samples, how=settings: judge(s.file(i), how), indices))
        named = samples.columns.get("group", [""] * len(samples))
        for i, one in zip(indices, found, strict=True):
            if one is None:
                unanswered += 1
                continue
            columns.append(((one[2] >= 0) != bool(samples.labels[i]), one[1], one[2]))
            groups.append(named[i] or f"{listed}:{i}")
    return np.array(columns, np.float64).T, np.unique(groups, return_inverse=True)[1], unanswered


def error_among(wrong: Floats, answered: Floats, group: npt.NDArray[np.int64]) -> tuple[float, Floats]:
    """Share of wrong answers, and the same in resamples."""
    means = resample_means(np.stack([wrong * answered, answered]), group)
    return float((wrong * answered).sum() / answered.sum()), np.asarray(means[0] / means[1])


def main() -> None:
    """Judge, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", type=Path, required=True)
    parser.add_argument("--samples", nargs="+", type=Path, required=True, help="a manifest or folder for each model")
    parser.add_argument("--root", type=Path, help="where relative paths of the manifests start from")
    parser.add_argument("--part", help="of a manifest's column split")
    parser.add_argument("--faces", choices=["on", "off"], default="on")
    parser.add_argument("--face-model", default=os.environ.get("DFDETECT_FACE_MODEL"))
    parser.add_argument("--margin", type=float)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    (wrong, flips, distance), group, unanswered = collect(options)
    steady = 1 - flips
    farthest = np.zeros(len(wrong))
    farthest[np.argsort(-np.abs(distance), kind="stable")[: int(steady.sum())]] = 1
    n_groups = int(group.max()) + 1
    plain, plain_draws = error_among(wrong, np.ones(len(wrong)), group)
    result: dict[str, object] = {"n": len(wrong), "groups": n_groups, "without_answer": unanswered}
    print(f"n {len(wrong)}, {n_groups} groups, {unanswered} without an answer (no face that can be judged)")
    print(f"{'':<28}{'coverage':>9}{'error':>8}  95% interval      less than answering all (95%)")
    for name, answered in (("all", np.ones(len(wrong))), ("--careful", steady), ("farthest, as many", farthest)):
        error, draws = error_among(wrong, answered, group)
        low, high = percentile_interval(draws, n_groups) or (float("nan"),) * 2
        gain = percentile_interval(plain_draws - draws, n_groups) or (float("nan"),) * 2
        print(
            f"{name:<28}{answered.mean():>9.3f}{error:>8.3f}  {low:.3f} to {high:.3f}"
            f"    {plain - error:+.3f} ({gain[0]:+.3f} to {gain[1]:+.3f})"
        )
        result[name] = {"coverage": float(answered.mean()), "error": error, "interval": [low, high], "gain": list(gain)}
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except DFDetectError as error:
        sys.exit(str(error))
