"""Pictures whose face is a marked square, and a stand-in for YuNet that finds it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfdetect.data import face_crop
from dfdetect.data.yunet import Face
from tests.deploy.standin import find_marked, marked, textured

PLACES = ((20, 12, 40), (50, 30, 36), (0, 0, 30), (70, 24, 44))
"""Left, top and side of a face; later ones repeat them."""


def draw_marked(root: Path, count: int, without: Sequence[int] = (), size: tuple[int, int] = (90, 140)) -> Path:
    """`count` pictures of (height, width), half in real/, half in fake/, with a face each but those `without`."""
    for number in range(count):
        image = textured(*size, red=120, seed=number)
        if number not in without:
            left, top, side = PLACES[number % len(PLACES)]
            marked(image, (left, top, side, 200))
        file = root / ("real", "fake")[number % 2] / f"{number:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return root


class Finder:
    """`search` of marked faces; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, image: np.ndarray, model: str) -> list[Face]:
        self.asked += 1
        faces: list[Face] = find_marked(image)
        return faces


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Finder:
    """Put a `Finder` in YuNet's place, with a file in the model's place that $DFDETECT_FACE_MODEL names."""
    from dfdetect.data import face_model

    file, finder = folder / "yunet.onnx", Finder()
    file.write_bytes(b"model")
    monkeypatch.setenv("DFDETECT_FACE_MODEL", str(file))
    monkeypatch.setattr(face_model, "check_model", lambda file: None)
    monkeypatch.setattr(face_crop, "search", finder)
    return finder
