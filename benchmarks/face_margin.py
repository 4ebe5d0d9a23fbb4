"""What the margin around faces does to the scores of `dfdetect scan`.

python benchmarks/face_margin.py --model export/mobilenet_v2-fp32.onnx --samples split.csv --part test

The labelled images (a folder or a manifest; with --part only that part of it) are judged whole and by their faces, cut
out with the model's recorded margin and with others: once as they are, and once in the middle of a grey picture three
times as wide and twice as high, as a photo shows more than a training picture does. AUROC, the share of wrong verdicts
at the model's threshold, and the paired difference of AUROC from the recorded margin with its 95% interval by groups.
Only images that every way gives a score are compared.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.decode import decode
from dfdetect.data.face_model import face_model
from dfdetect.data.samples import Samples, load_samples
from dfdetect.deploy import Detector
from dfdetect.deploy.photos import Settings, look
from dfdetect.deploy.verdicts import photo_row
from dfdetect.errors import DFDetectError
from dfdetect.evaluation.comparison import compare
from dfdetect.evaluation.evaluate import Predictions

Pixels = npt.NDArray[np.uint8]
GREY = 127


def in_a_scene(image: Pixels) -> Pixels:
    """The picture in the middle of a grey one three times as wide and twice as high."""
    height, width = image.shape[:2]
    scene = np.full((2 * height, 3 * width, 3), GREY, np.uint8)
    scene[height // 2 : height // 2 + height, width : 2 * width] = image
    return scene


def ways_of(detector: Detector, faces: str, margins: list[float]) -> dict[str, Settings]:
    """How the images are judged, the recorded margin first."""
    recorded = detector.facts.face_margin
    if recorded is None:
        raise SystemExit("The model records no margin: export it again with a face model at hand")
    ways = {f"recorded, {recorded:.2f}": Settings(detector, faces), "whole picture": Settings(detector, None)}
    return ways | {f"{margin:g}": Settings(detector, faces, margin) for margin in margins}


def scores(files: list[str], ways: dict[str, Settings], scene: bool, threads: int) -> npt.NDArray[np.float64]:
    """p_fake of each image in each way, (ways, N); NaN where there is no answer."""

    def one(file: str) -> list[float]:
        image = in_a_scene(decode(file)) if scene else decode(file)
        rows = []
        for how in ways.values():
            found, more = look(image, how)
            rows.append(photo_row(file, how.detector.facts, found, image.shape[1::-1], more))
        return [float("nan") if row.p_fake is None else row.p_fake for row in rows]

    with ThreadPoolExecutor(threads) as pool:
        return np.array(list(pool.map(one, files)), np.float64).T


def report(samples: Samples, p_fake: npt.NDArray[np.float64], names: list[str], threshold: float) -> None:
    """Print one line a way."""
    rows = np.flatnonzero(np.isfinite(p_fake).all(axis=0))
    kept, own = samples.select(rows), p_fake[:, rows]
    label, groups = kept.labels.astype(np.int64), kept.groups()
    runs = [Predictions(kept.paths, label, scores, groups, kept.column("source")) for scores in own]
    unanswered = len(samples) - len(rows)
    print(f"n {len(rows)}, {len(set(groups))} groups, {unanswered} without a score in some way")
    for name, result in zip(names, compare(runs, [threshold] * len(runs)), strict=True):
        line = f"  {name:<16}AUROC {result['auroc']:.3f}  wrong {1 - result['accuracy']:.3f}"
        if "against_first" in result:
            against = result["against_first"]["auroc"]
            low, high = against["interval"]
            line += f"  AUROC {against['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
        print(line)


def main() -> None:
    """Judge in all ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True, help="a folder or a manifest")
    parser.add_argument("--root", type=Path, help="where relative paths of the manifest start from")
    parser.add_argument("--part", help="of a manifest's column split")
    parser.add_argument("--face-model", default=os.environ.get("DFDETECT_FACE_MODEL"))
    parser.add_argument("--margins", nargs="*", type=float, default=[0.0, 0.17, 0.5])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    samples = load_samples(options.root or options.samples, options.samples if options.root else None)
    splits = samples.column("split")
    samples = samples.select(np.array([i for i, part in enumerate(splits) if options.part in (None, part)], np.intp))
    detector = Detector.load(options.model, threads=1)
    ways = ways_of(detector, face_model(options.face_model), options.margins)
    files = [samples.file(i) for i in range(len(samples))]
    for scene in (False, True):
        print("in a scene" if scene else "as they are")
        found = scores(files, ways, scene, options.threads)
        report(samples, found, list(ways), detector.facts.threshold)


if __name__ == "__main__":
    try:
        main()
    except DFDetectError as error:
        sys.exit(str(error))
