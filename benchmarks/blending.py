"""What self-blending costs beside the plain augmentation, and a sheet to see whether its fakes look like real fakes.

python benchmarks/blending.py $DFDETECT_DATA/ciplab384 [--size 384] [--count 60] [--sheet sheet.png]

One thread. Milliseconds are of the processor, the median over photos: the default augmentation of both pictures of a
pair, and on top of it the fake. The sheet shows photo, self-blended fake and what differs (times 4) beside one of the
data's own fakes.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.blending.blend import SelfBlender
from dfdetect.data.blending.faces import Photos, real_photos
from dfdetect.data.blending.masks import MASKS
from dfdetect.data.cache import Decoder
from dfdetect.data.samples import FAKE, REAL, Samples, load_samples
from dfdetect.data.transforms import Augmentation, default_augmentation

Pixels = npt.NDArray[np.uint8]
_ROWS = 12


def some(samples: Samples, label: int, count: int) -> Samples:
    """`count` samples of a class, drawn once and for all."""
    members = np.flatnonzero(samples.labels == label)
    return samples.select(np.random.default_rng(0).permutation(members)[:count])


def milliseconds(count: int, work: Callable[[int], Any]) -> float:
    """Median of the processor's time for each of `count` pieces of work, after one to warm up."""
    spent = []
    for index in (0, *range(count)):
        start = time.process_time()
        work(index)
        spent.append(1000 * (time.process_time() - start))
    return statistics.median(spent[1:])


def sheet(photos: Photos, fakes: Samples, images: list[Pixels], blender: SelfBlender, decoder: Decoder) -> Pixels:
    """Rows of photo, fake, difference and a true fake, in two columns."""
    rows = []
    for index, image in enumerate(images[:_ROWS]):
        fake = blender(image, photos.landmarks[index], 0, 0, index)  # type: ignore[arg-type]
        differs = np.minimum(4 * cv2.absdiff(image, fake).astype(int), 255).astype(np.uint8)
        rows.append(np.hstack([image, fake, differs, decoder.load(0, fakes.file(index))]))
    half = len(rows) // 2
    return np.hstack([np.vstack(rows[:half]), np.vstack(rows[half : 2 * half])])


def main() -> None:
    """Print the costs; write the sheet where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--landmarks", help="npz file, in place of $DFDETECT_FACE_MODEL")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    samples, decoder = load_samples(options.root), Decoder(options.size)
    photos = real_photos(
        some(samples, REAL, options.count), "given", list(MASKS), options.landmarks, decoder, decoder, None
    )
    images = [decoder.load(0, photos.samples.file(index)) for index in range(len(photos.samples))]
    blender, plain = SelfBlender(MASKS), Augmentation(default_augmentation())
    augmented = milliseconds(len(images), lambda i: [plain(images[i], 0, 0, i) for _ in range(2)])
    blended = milliseconds(len(images), lambda i: blender(images[i], photos.landmarks[i], 0, 0, i))  # type: ignore[arg-type]
    result = {"size": options.size, "photos": len(images), "augmentation_ms": augmented, "blending_ms": blended}
    print(json.dumps({name: round(value, 2) for name, value in result.items()}))
    if options.sheet:
        fakes = some(samples, FAKE, _ROWS)
        cv2.imwrite(os.fspath(options.sheet), sheet(photos, fakes, images, blender, decoder)[..., ::-1])


if __name__ == "__main__":
    main()
