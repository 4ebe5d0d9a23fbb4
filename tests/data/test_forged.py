"""Where fakes were forged: told by names, by a column or by blending, and moved along with the pixels."""

import shutil
from types import SimpleNamespace
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from dfdetect.data.blending.masks import outlines
from dfdetect.data.ciplab import PARTS
from dfdetect.data.face_parts import filled
from dfdetect.data.forged import ForgedParts, forged_parts, masks_needed
from dfdetect.errors import DataLayoutError, UsageError

from .blending.faces import USUAL, write_landmarks
from .helpers import draw_classes, table
from .test_datamodule import module

SIDE = 96
FACE = USUAL * SIDE


def known(path, label=1, landmarks=FACE, **columns):
    samples = table([path], [label], **{name: [value] for name, value in columns.items()})
    parts = forged_parts(samples)
    return ForgedParts(parts, {0: landmarks} if parts[0] else {}, SIDE)


def drawn(*names):
    shapes = outlines(FACE)
    polygons = {"right_eye": shapes["eyes"][0], "left_eye": shapes["eyes"][1]}
    polygons |= {name: shapes[name][0] for name in ("nose", "mouth", "face")}
    return 255 * np.maximum.reduce([filled(polygons[name], (SIDE, SIDE)) for name in names])


@pytest.mark.parametrize(
    ("path", "columns", "names"),
    [
        ("fake/easy_1_0010.jpg", {}, ["nose"]),
        ("fake/hard_2_1001.jpg", {}, ["right_eye", "mouth"]),
        ("fake/a.jpg", {"forged_parts": "mouth left_eye"}, ["left_eye", "mouth"]),
        ("fake/a.jpg", {"forged_parts": " face; nose "}, ["face"]),  # the nose lies within the face
        ("fake/easy_1_0010.jpg", {"forged_parts": "mouth"}, ["mouth"]),  # the column is asked first
        ("fake/easy_1_0010.jpg", {"forged_parts": ""}, ["nose"]),
    ],
)
def test_parts_are_those_that_a_name_or_the_column_tells(path, columns, names):
    forged = known(path, **columns)
    np.testing.assert_array_equal(forged.mask(0), drawn(*names))
    assert forged.known() == 1


def test_nothing_of_a_photo_was_forged_whatever_its_name_and_its_face():
    for landmarks in (FACE, None, np.empty((0, 2), np.float32)):
        mask = known("real/easy_1_1111.jpg", 0, landmarks).mask(0)
        assert mask is not None
        assert not mask.any()


@pytest.mark.parametrize(
    ("path", "landmarks"),
    [
        ("fake/a.jpg", FACE),
        ("fake/easy_1_0000.jpg", FACE),
        ("fake/easy_1_110.jpg", FACE),
        ("fake/easy_1_1111.jpg", None),
        ("fake/easy_1_1111.jpg", np.empty((0, 2), np.float32)),
        ("fake/easy_1_1111.jpg", FACE + SIDE),
    ],
)
def test_a_fake_without_parts_or_without_a_whole_face_is_unknown(path, landmarks):
    forged = known(path, 1, landmarks)
    assert forged.mask(0) is None
    assert forged.known() == 0


def test_a_word_that_is_no_part_and_parts_of_a_photo_are_refused_with_their_file():
    with pytest.raises(DataLayoutError, match=r"fake/a\.jpg: forged_parts has chin; it takes words of"):
        known("fake/a.jpg", forged_parts="chin nose")
    with pytest.raises(DataLayoutError, match=r"real/a\.jpg: is labelled real, and forged_parts has nose"):
        known("real/a.jpg", 0, forged_parts="nose")


def test_landmarks_have_to_give_no_more_than_what_is_named():
    samples = table(["a.jpg", "b.jpg", "c.jpg"], [1, 1, 0], forged_parts=["face", "face", ""])
    assert masks_needed(forged_parts(samples)) == ["face"]
    hull = np.array([[20, 20], [70, 20], [45, 80]], np.float32)  # too few to tell an eye from a nose
    forged = ForgedParts(forged_parts(samples), {0: hull, 1: hull}, SIDE)
    mask = forged.mask(0)
    assert mask is not None
    assert 0.1 < (mask > 0).mean() < 0.25
    assert masks_needed([frozenset({"left_eye", "mouth"}), None, frozenset()]) == ["eyes", "mouth"]


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Pictures that are white where they were forged and black elsewhere; photos are grey."""
    root = tmp_path_factory.mktemp("painted")
    for number in range(24):
        name = f"fake/easy_{number}_{number % 15 + 1:04b}.png" if number % 2 else f"real/{number}.png"
        pixels = np.full((SIDE, SIDE), 99, np.uint8)
        if number % 2:
            parts = [part for part, bit in zip(PARTS, name[-8:-4], strict=True) if bit == "1"]
            pixels = drawn(*parts)
        (root / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.repeat(pixels[..., None], 3, axis=2)).save(root / name)
    return root


MOVES = [
    A.HorizontalFlip(p=0.5),
    A.Affine(rotate=(-30.0, 30.0), scale=(0.8, 1.3), interpolation=cv2.INTER_LINEAR, p=1.0),
    A.RandomResizedCrop(size=(SIDE, SIDE), scale=(0.6, 1.0), p=0.7),
]


LOCALISING = SimpleNamespace(lightning_module=SimpleNamespace(localises=True, input_size=SIDE), state=None)
"""Stands for the trainer of a network that learns where fakes were forged."""


def training_set(root, localises=True, **options):
    marks = write_landmarks(root.parent / "marks.npz", root)
    data: Any = module(root, **{"landmarks": str(marks), "image_size": SIDE, "augment": MOVES} | options)
    if localises:
        data.trainer = LOCALISING
        data.prepare_data = lambda: None
    data.setup("fit")
    return data


@pytest.mark.parametrize("options", [{}, {"zoom_room": 1.5}, {"image_size": 48}])
def test_masks_move_along_with_the_pixels(painted, options):
    dataset = training_set(painted, **options).datasets["train"]
    fakes, both, either = np.flatnonzero(dataset.samples.labels).tolist(), 0, 0
    for key in [(epoch, index) for epoch in range(3) for index in fakes]:
        sample = dataset[key]
        assert sample["located"]
        seen, told = sample["image"][0].numpy() > 127, sample["forged"].numpy() > 127
        assert seen.any()
        assert (seen & told).sum() > 0.6 * (seen | told).sum()
        both, either = both + (seen & told).sum(), either + (seen | told).sum()
    assert both > 0.8 * either  # all but pixels at the edges


def test_pixels_are_those_of_a_training_that_localises_nothing(painted):
    with_masks, without = (training_set(painted, localises).datasets["train"] for localises in (True, False))
    for key in [(0, 0), (1, 3), (2, 5)]:
        assert torch.equal(with_masks[key]["image"], without[key]["image"])
        assert "forged" not in without[key]


def test_a_photo_has_an_empty_mask_and_an_unknown_fake_none(painted, tmp_path):
    manifest, marks = tmp_path / "some.csv", tmp_path / "all.npz"
    copies = [tmp_path / f"n{file.name}" for file in sorted(painted.rglob("*.png"))]  # whose names say nothing
    for file, copy in zip(sorted(painted.rglob("*.png")), copies, strict=True):
        shutil.copyfile(file, copy)
    kinds = ["fake" if "easy" in copy.name else "real" for copy in copies]
    rows = enumerate(zip(copies, kinds, strict=True))
    lines = [f"{copy.name},{kind},{'mouth' if kind == 'fake' and number % 3 else ''}" for number, (copy, kind) in rows]
    manifest.write_text("\n".join(["path,label,forged_parts", *lines]))
    np.savez(marks, **{copy.name: USUAL for copy in copies})  # type: ignore[arg-type]
    data: Any = module(manifest, landmarks=str(marks), image_size=SIDE, augment=[])
    data.trainer = LOCALISING
    data.prepare_data = lambda: None
    data.setup("fit")
    dataset = data.datasets["train"]
    seen = set()
    for index, label in enumerate(dataset.samples.labels):
        sample = dataset[0, index]
        seen.add((int(label), sample["located"], bool(sample["forged"].any())))
    assert seen == {(0, True, False), (1, True, True), (1, False, False)}


def test_of_a_blended_fake_the_mask_is_where_it_differs_from_its_photo(tmp_path):
    root = draw_classes(tmp_path / "faces", 40, size=(SIDE, SIDE))
    dataset = training_set(root, blending=["mouth", "eyes"], augment=[]).datasets["train"]
    for number in range(0, len(dataset), 2):
        photo, fake = dataset[4, number], dataset[4, number + 1]
        assert not photo["forged"].any()
        assert photo["located"]
        assert fake["located"]
        changed = (photo["image"] != fake["image"]).any(0)
        assert fake["forged"].max() > 200
        assert changed[fake["forged"] > 200].float().mean() > 0.9
        assert not changed[fake["forged"] == 0].any()


def test_own_fakes_beside_blended_ones_are_told_by_their_names(painted):
    data = training_set(painted, blending=["face"], own_fakes=0.5, augment=[])
    dataset, kinds = data.datasets["train"], set()
    for epoch in range(6):
        for number in range(1, len(dataset), 2):
            sample = dataset[epoch, number]
            own = "fake/" in dataset.named(epoch, number)
            kinds.add(own)
            if own:
                apart = np.abs(sample["image"][0].float().numpy() - sample["forged"].float().numpy())
                assert apart.mean() < 4
    assert kinds == {True, False}


def test_erased_parts_and_unknown_fakes_are_refused_before_training(painted, tmp_path):
    with pytest.raises(UsageError, match=r"model\.localisation and data\.erase_parts"):
        training_set(painted, erase_parts=0.2)
    root = draw_classes(tmp_path / "faces", 20, size=(SIDE, SIDE))
    with pytest.raises(UsageError, match=r"where the .* fakes of the train part were forged is not told.*face; or"):
        training_set(root)


def test_faces_are_searched_in_no_picture_but_fakes_that_tell_their_parts(painted, monkeypatch):
    searched = []

    def found(photos, *_):
        searched.extend(photos.paths)
        return [FACE] * len(photos)

    monkeypatch.setattr("dfdetect.data.training_set.landmarks_of", found)
    fakes = {path for path in training_set(painted).datasets["train"].samples.paths if path.startswith("fake/")}
    assert set(searched) == fakes


def test_own_fakes_that_tell_nothing_stand_beside_blended_ones_that_do(tmp_path):
    root = draw_classes(tmp_path / "faces", 40, size=(SIDE, SIDE))
    dataset = training_set(root, blending=["face"], own_fakes=0.5, augment=[]).datasets["train"]
    told = {("fake/" in dataset.named(2, i), dataset[2, i]["located"]) for i in range(1, len(dataset), 2)}
    assert told == {(True, False), (False, True)}
