"""What another resizing than the training's does to p_fake, on photos shrunk to a model's input.

    python benchmarks/resizing.py --model model.onnx $DFDETECT_DATA/ciplab384 $DFDETECT_DATA/ciplab-originals

Of each folder, photos drawn by chance, resized to the input's square in one way or another. Differences are from the
scores of the training's own resizing.
"""

import argparse
import sys
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from dfdetect.data.decode import decode
from dfdetect.data.samples import list_images
from dfdetect.deploy import Detector

Pixels = npt.NDArray[np.uint8]
Resizing = Callable[[Pixels, int], Pixels]


def by_opencv(method: int) -> Resizing:
    """Without smoothing: each new pixel is made of its nearest ones, however many there are between."""
    return lambda image, side: np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)


def by_pillow(method: Image.Resampling) -> Resizing:
    """With a filter as wide as the pixels become."""
    return lambda image, side: np.asarray(Image.fromarray(image).resize((side, side), method), np.uint8)


RESIZINGS: dict[str, Resizing] = {
    "bilinear without smoothing": by_opencv(cv2.INTER_LINEAR),
    "nearest pixel": by_opencv(cv2.INTER_NEAREST),
    "smoothed bilinear": by_pillow(Image.Resampling.BILINEAR),
    "Lanczos": by_pillow(Image.Resampling.LANCZOS),
}


def scores(detector: Detector, images: list[Pixels]) -> npt.NDArray[np.float32]:
    """p_fake (N,) of N pictures of the input's size."""
    return np.concatenate([detector.judge(image[None])[0] for image in images])


def compare(detector: Detector, paths: list[str]) -> list[str]:
    """One Markdown cell for each way: mean and largest difference, verdicts that changed at the threshold."""
    images, side = [decode(path) for path in paths], detector.facts.input_size
    own = scores(detector, [detector.prepare(image) for image in images])
    cells = []
    for resizing in RESIZINGS.values():
        found = scores(detector, [resizing(image, side) for image in images])
        moved, threshold = np.abs(found - own), detector.facts.threshold
        cells.append(f"{moved.mean():.3f}, {moved.max():.3f}, {((found < threshold) != (own < threshold)).sum()}")
    return cells


def main() -> int:
    """Print the table; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--count", type=int, default=200, help="photos of each folder")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    detector = Detector.load(options.model, threads=1)
    if detector.facts.crop != "resize" or detector.facts.normalise_encoding is not None:
        parser.error("the model's preparation is more than a resizing to a square")
    columns = []
    for folder in options.folders:
        files = list_images(folder)
        rows = np.sort(np.random.default_rng(0).choice(len(files), min(options.count, len(files)), replace=False))
        columns.append(compare(detector, [files.file(i) for i in rows]))
    print("| shrunk by |", " | ".join(options.folders), "|\n|---" + "|---" * len(columns) + "|")
    for name, *cells in zip(RESIZINGS, *columns, strict=True):
        print("|", name, "|", " | ".join(cells), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
