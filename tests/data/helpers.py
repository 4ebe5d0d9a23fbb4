"""Tiny data sets for the tests of this package."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dfdetect.data.samples import Samples


def touch(root: Path, *names: str) -> Path:
    """Empty files: enough wherever nothing is decoded."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def draw(root: Path, *names: str, size: tuple[int, int] = (40, 32)) -> Path:
    """Noise pictures, each of its own seed."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)
    return root


def draw_classes(root: Path, count: int, size: tuple[int, int] = (40, 32)) -> Path:
    """`count` noise pictures, half of them in real/, half in fake/."""
    return draw(root, *(f"{('real', 'fake')[i % 2]}/{i:03d}.png" for i in range(count)), size=size)


def table(paths: Sequence[str], labels: Iterable[int], **columns: list[str]) -> Samples:
    """Samples without files."""
    return Samples(Path("nowhere"), list(paths), np.asarray(list(labels), np.int8), columns)
