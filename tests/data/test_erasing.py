"""One part of a face is hidden, softly, in as many pictures as asked for, and nothing else changes."""

from collections import Counter

import cv2
import numpy as np
import pytest
import torch

from dfdetect.data.blending.masks import outlines
from dfdetect.data.erasing import PartEraser
from dfdetect.data.face_parts import filled

from .blending.faces import write_landmarks
from .helpers import draw_classes
from .test_datamodule import module

SIDE = 128
LANDMARKS = np.array([[45, 52], [83, 52], [64, 74], [48, 92], [80, 92]], np.float32)
NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def eraser(share=1.0, landmarks=LANDMARKS):
    return PartEraser(share, [landmarks] * 400)


def detail(image):
    return np.abs(cv2.Laplacian(image.astype(np.float32), cv2.CV_32F)).mean(axis=2)


def test_a_part_loses_its_detail_and_the_rest_stays():
    named = {
        name: np.maximum.reduce([filled(one, (SIDE, SIDE)) for one in polygons]) > 0
        for name, polygons in outlines(LANDMARKS).items()
        if name != "face"
    }
    hidden: Counter[str] = Counter()
    for index in range(60):
        erased = eraser()(NOISE, 3, 1, index)
        changed = (erased != NOISE).any(axis=2)
        assert 0 < changed.mean() < 0.35
        lost = {name: float(detail(erased)[mask].mean() / detail(NOISE)[mask].mean()) for name, mask in named.items()}
        hidden[min(lost, key=lost.__getitem__)] += 1
        assert min(lost.values()) < 0.75  # of the eyes perhaps one alone
        assert detail(erased)[~changed].mean() > 0.5 * detail(NOISE).mean()
    assert min(hidden[name] for name in named) > 8


def test_as_many_as_asked_for_and_the_same_again():
    first, again = ([eraser(0.3)(NOISE, 3, 1, i) for i in range(400)] for _ in range(2))
    assert 0.2 < np.mean([one is not NOISE for one in first]) < 0.4
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert any(not np.array_equal(one, eraser(0.3)(NOISE, 3, 2, i)) for i, one in enumerate(first))


@pytest.mark.parametrize("landmarks", [None, np.empty((0, 2), np.float32), LANDMARKS + 100, LANDMARKS[:3]])
def test_a_picture_without_a_whole_face_or_without_parts_stays(landmarks):
    assert eraser(1.0, landmarks)(NOISE, 0, 0, 0) is NOISE


@pytest.mark.parametrize("blending", [None, ["face"]])
def test_training_pictures_lose_parts_and_validation_pictures_do_not(blending, tmp_path):
    root = draw_classes(tmp_path / "faces", 40)
    marks = str(write_landmarks(tmp_path / "marks.npz", root))
    options = {"image_size": 64, "landmarks": marks, "augment": [], "blending": blending}
    whole, erased = (module(root, **options, erase_parts=share) for share in (0.0, 1.0))
    for data in (whole, erased):
        data.setup("fit")
    for name, differs in (("train", True), ("val", False)):
        one, other = (torch.cat([batch["image"] for batch in _loader(data, name)]) for data in (whole, erased))
        assert bool((one != other).any(dim=(1, 2, 3)).any()) == differs
        assert bool((one != other).any(dim=(1, 2, 3)).all()) == differs


def _loader(data, name):
    return data.train_dataloader() if name == "train" else data.val_dataloader()
