"""What the pixel cache buys: seconds of an epoch of the training loader alone, without it and from it.

python benchmarks/cache.py [--photos DIR] [--count 2000] [--rounds 3]

`--photos` is a folder of JPEGs that are repeated to `--count` files; without it, noisy 600 x 600 pictures are made.
One process, no workers: decoding, augmentation and batching, nothing else.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from dfdetect.data.datamodule import DeepfakeDataModule


def make_photos(root: Path, count: int, photos: Path | None) -> None:
    """`count` files, half real, half fake."""
    sources = [file.read_bytes() for file in sorted(photos.rglob("*.jpg"))] if photos else [drawn(i) for i in range(50)]
    for number in range(count):
        folder = root / ("real", "fake")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05d}.jpg").write_bytes(sources[number % len(sources)])


def drawn(seed: int) -> bytes:
    """A 600 x 600 JPEG with about a photo's detail."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8), (600, 600), interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 92])[1])


def epoch_seconds(root: Path, cache: str, folder: Path, epochs: int) -> list[float]:
    """Seconds of each of `epochs` passes over the training loader."""
    ratios = (0.98, 0.01, 0.01)
    data = DeepfakeDataModule(
        str(root), num_workers=0, cache=cache, cache_dir=str(folder), split_ratios=ratios  # type: ignore[arg-type]
    )  # fmt: skip
    data.setup("fit")
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        for _batch in data.train_dataloader():
            pass
        seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Alternate both, print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        root = Path(work) / "photos"
        make_photos(root, options.count, options.photos)
        filled = epoch_seconds(root, "disk", Path(work), 1)[0]
        pairs = [
            (epoch_seconds(root, "off", Path(work), 1)[0], epoch_seconds(root, "disk", Path(work), 1)[0])
            for _ in range(options.rounds)
        ]
    off, on = (statistics.median(column) for column in zip(*pairs, strict=True))
    per_image = {"off_ms": 1000 * off / options.count, "first_epoch_ms": 1000 * filled / options.count}
    per_image["cached_ms"] = 1000 * on / options.count
    print(json.dumps({name: round(value, 3) for name, value in per_image.items()} | {"ratio": round(off / on, 1)}))


if __name__ == "__main__":
    main()
