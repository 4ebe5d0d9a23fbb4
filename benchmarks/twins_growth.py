"""How the search for twins grows with the number of images: `audit_twins.py scale`."""

import json
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from twins_shared import Cost, files

from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.twins import Description, describe, find_twins
from dfdetect.data.decode import decode

ORIGINALS = 0.45  # of the images; the rest are altered copies, at every size alike

Pixels = npt.NDArray[np.uint8]


def altered(picture: Pixels, seed: int) -> Pixels:
    """A cropped, perhaps mirrored, recoloured and re-encoded copy."""
    rng = np.random.default_rng(seed)
    side = int(min(picture.shape[:2]) * rng.uniform(0.75, 0.98))
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    part = picture[top : top + side, left : left + side, :: -1 if rng.random() < 0.5 else 1] * rng.uniform(0.8, 1.0)
    if rng.random() < 0.3:
        part = part[:, ::-1]
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(part).astype(np.uint8), quality)[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def describe_numbered(job: tuple[str, int]) -> Description:
    """Describe a file, or an altered copy of it where the number is not 0."""
    cv2.setNumThreads(1)
    picture = decode(job[0])
    return describe(altered(picture, job[1]) if job[1] else picture)


def scale_one(root: Path, size: int, workers: int) -> dict[str, float]:
    """Seconds and memory for `size` images."""
    paths = sorted(files(root)[1], key=lambda path: Path(path).name)  # a fake beside reals, not one class first
    paths = paths[: round(size * ORIGINALS)]
    jobs = [(paths[i % len(paths)], i // len(paths) and i) for i in range(size)]
    cost = Cost()
    with ProcessPoolExecutor(workers) as pool:
        descriptions = list(pool.map(describe_numbered, jobs, chunksize=16))
    cost.of("describe")
    twins = find_twins(descriptions)
    cost.of("find")
    tied = sum(name != "" for name in join_groups(size, [(twin.first, twin.second) for twin in twins]))
    return {"images": size, **cost.figures, "twins": len(twins), "images_tied": tied}


def scale(root: Path, workers: int, script: str) -> None:
    """Measure each size in a process of its own, which runs `script`, and fit seconds = a * images ** exponent."""
    rows = []
    for size in (1000, 2000, 4000, 8000):
        command = [sys.executable, script, "scale", str(root), "--size", str(size), "--workers", str(workers)]
        rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print(json.dumps(rows[-1]), flush=True)
    sizes = np.log([row["images"] for row in rows])
    for column in ("describe_cpu_s", "find_cpu_s"):
        print(f"exponent of {column}: {np.polyfit(sizes, np.log([row[column] for row in rows]), 1)[0]:.2f}")
