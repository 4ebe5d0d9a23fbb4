"""Landmarks of generated faces, which stand about the middle of their picture."""

from pathlib import Path

import numpy as np

USUAL = np.array([[0.38, 0.49], [0.62, 0.49], [0.5, 0.62], [0.41, 0.73], [0.59, 0.73]], np.float32)
"""(5, 2) in YuNet's order, in shares of the picture."""


def write_landmarks(file: Path, root: Path, without: tuple[str, ...] = ()) -> Path:
    """An npz with `USUAL` for every picture below `root` but those named."""
    names = [path.relative_to(root).as_posix() for path in root.rglob("*.*") if path.suffix in (".jpg", ".png")]
    np.savez(file, **{name: USUAL for name in names if name not in without})  # type: ignore[arg-type]
    return file
