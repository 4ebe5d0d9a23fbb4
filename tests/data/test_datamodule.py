"""The data module: every option does what it says, data is fetched only where it is missing, nothing is silent."""

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from dfdetect.data import cache, datamodule
from dfdetect.data.cache import Decoder, DiskStore, RamStore
from dfdetect.data.datamodule import DeepfakeDataModule
from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.resize import METHOD, resize
from dfdetect.data.samples import load_samples
from dfdetect.data.splits import assign_parts, fingerprint
from dfdetect.data.summary import torn_note
from dfdetect.data.synthetic import KINDS, is_generated
from dfdetect.errors import DataLayoutError, UsageError

from .helpers import draw, draw_classes, touch


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """40 real and 20 fake pictures."""
    root = tmp_path_factory.mktemp("datamodule") / "faces"
    return draw(root, *(f"{'fake' if i % 3 == 0 else 'real'}/{i:02d}.png" for i in range(60)))


def module(root, **options) -> DeepfakeDataModule:
    return DeepfakeDataModule(str(root), **{"image_size": 16, "batch_size": 8, "num_workers": 0} | options)


def indices(batches) -> list[int]:
    return [i for batch in batches for i in batch["index"].tolist()]


def test_loaders_cover_their_parts_once_without_overlap(faces):
    data = module(faces)
    data.setup("fit")
    data.setup("test")
    seen = {}
    for name, loader in (
        ("train", data.train_dataloader()),
        ("val", data.val_dataloader()),
        ("test", data.test_dataloader()),
    ):
        part = data.part(name)
        assert sorted(indices(loader)) == list(range(len(part)))
        for batch in loader:
            assert batch["image"].shape[1:] == (3, 16, 16)
            assert batch["image"].dtype == torch.uint8
            assert batch["label"].tolist() == part.labels[batch["index"].numpy()].tolist()
            assert batch["skipped"] == []
        seen[name] = set(part.paths)
    assert {name: len(paths) for name, paths in seen.items()} == {"train": 42, "val": 9, "test": 9}
    assert set.union(*seen.values()) == set(load_samples(faces).paths)


def test_stages_index_only_what_they_need(faces):
    for stage, names in (("fit", {"train", "val"}), ("validate", {"val"}), ("test", {"test"})):
        data = module(faces)
        data.setup(stage)
        assert set(data.datasets) == names


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_evaluation_images_are_never_augmented(stage, faces):
    data = module(faces, augment=[A.InvertImg(p=1.0)])
    data.setup(stage)
    loader = data.val_dataloader() if stage == "validate" else data.test_dataloader()
    dataset = data.datasets["val" if stage == "validate" else "test"]
    for batch in loader:
        for i, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), dataset.pixels(i))


def test_augment_option(faces):
    def training_images(augment, epoch=0):
        data = module(faces, augment=augment, zoom_room=1.0)
        data.setup("fit")
        return torch.stack([data.datasets["train"][epoch, i]["image"] for i in range(10)])  # type: ignore[index]

    plain = training_images([])
    assert torch.equal(training_images([A.InvertImg(p=1.0)]), 255 - plain)
    assert not torch.equal(training_images(None), plain)
    assert torch.equal(training_images(None), training_images(None))
    assert not torch.equal(training_images(None), training_images(None, epoch=1))


@pytest.mark.parametrize(("room", "kept"), [(1.0, 16), (8 / 7, 18), (1.5, 24), (0.5, 16)])
def test_zoom_room_is_for_training_pixels_alone(room, kept, faces):
    data = module(faces, zoom_room=room, cache="off")
    data.setup("fit")
    assert data.datasets["train"].store == Decoder(kept)
    assert data.datasets["val"].store == Decoder(16)
    assert data.datasets["train"][0]["image"].shape == (3, 16, 16)  # type: ignore[index]


@pytest.mark.parametrize("crop", ["resize", "center"])
@pytest.mark.parametrize(("mode", "store"), [("off", Decoder), ("ram", RamStore), ("disk", DiskStore)])
def test_cache_and_crop_options(mode, store, crop, faces, tmp_path):
    data = module(faces, cache=mode, cache_dir=str(tmp_path / "pixels here"), crop=crop)
    data.setup("fit")
    for dataset in data.datasets.values():
        assert type(dataset.store) is store
        decoder: Any = getattr(dataset.store, "decoder", dataset.store)
        assert decoder.crop == crop
    list(data.val_dataloader())
    assert (tmp_path / "pixels here").exists() == (mode == "disk")
    assert not (tmp_path / "cache").exists()
    assert data.preprocessing_facts() == {
        "image_size": 16,
        "crop": crop,
        "interpolation": METHOD,
        "normalise_encoding": None,
    }


def test_both_classes_get_the_same_last_encoder_in_every_part(faces):
    data = module(faces, normalise_encoding=60, cache="off", predict_root=str(faces))
    for stage in ("fit", "validate", "test", "predict"):
        data.setup(stage)
    for name, dataset in data.datasets.items():
        expected = resize(reencode(decode(dataset.samples.file(0)), 60), 16)
        np.testing.assert_array_equal(dataset.pixels(0), expected, err_msg=name)
    assert set(data.datasets) == {"train", "val", "test", "predict"}
    assert data.preprocessing_facts()["normalise_encoding"] == 60


@pytest.mark.parametrize(("mode", "again"), [("off", True), ("ram", False), ("disk", False)])
def test_second_epoch_decodes_nothing(mode, again, faces, monkeypatch):
    decoded = []

    def spy(path):
        decoded.append(path)
        return decode(path)

    monkeypatch.setattr(cache, "decode", spy)
    data = module(faces, cache=mode)
    data.setup("fit")
    for loader in (data.train_dataloader(), data.val_dataloader()):
        first = indices(loader)
        assert len(decoded) == len(first)
        decoded.clear()
        list(loader)
        assert len(decoded) == (len(first) if again else 0)
        decoded.clear()


def test_batch_size_and_seed_options(faces):
    def order(**options):
        data = module(faces, **options)
        data.setup("fit")
        return indices(data.train_dataloader())

    data = module(faces, batch_size=5)
    data.setup("fit")
    assert [len(batch["label"]) for batch in data.train_dataloader()] == [5] * 8 + [2]
    assert order() == order(batch_size=3)
    assert order() != order(seed=1)


def test_workers_give_the_batches_that_the_main_process_gives(faces):
    alone, together = module(faces, cache="ram"), module(faces, cache="ram", num_workers=2)
    for data in (alone, together):
        data.setup("fit")
    loader = together.train_dataloader()
    for _ in range(2):
        for a, b in zip(alone.train_dataloader(), loader, strict=True):
            assert torch.equal(a["image"], b["image"])
            assert torch.equal(a["index"], b["index"])
    assert int((together.datasets["train"].store.identities >= 0).all(1).sum()) == 42  # type: ignore[attr-defined]


def test_number_of_workers_follows_the_cores(faces, monkeypatch):
    for cores, processes, workers in ((1, 1, 1), (2, 4, 1), (4, 1, 4), (64, 1, 8), (16, 4, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        assert loader_workers(faces, num_workers="auto") == workers
    assert loader_workers(faces, num_workers=3) == 3


@pytest.mark.parametrize(("cache", "workers"), [("disk", 0), ("ram", 0), ("off", 2)])
def test_a_step_on_the_cpu_keeps_its_cores_where_pixels_are_cached(cache, workers, faces, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    assert loader_workers(faces, trainer, num_workers="auto", cache=cache) == workers
    assert loader_workers(faces, trainer, num_workers=1, cache=cache) == 1


def loader_workers(faces, trainer=None, **options):
    data = module(faces, **options)
    data.trainer = trainer
    data.setup("fit")
    return data.train_dataloader().num_workers


@pytest.mark.parametrize("balance", ["none", "weighted_loss", "sampler"])
def test_class_balance(balance, faces):
    data = module(faces, class_balance=balance)
    data.setup("fit")
    weights = data.class_weights()
    labels = data.datasets["train"].samples.labels
    drawn = torch.cat([batch["label"] for batch in data.train_dataloader()])
    assert len(drawn) == len(labels) == 42
    assert int(drawn.sum()) == (21 if balance == "sampler" else 14)
    if balance == "weighted_loss":
        assert weights is not None
        torch.testing.assert_close(weights, torch.tensor([42 / 56, 42 / 28]))
        assert float(weights[torch.from_numpy(labels).long()].mean()) == pytest.approx(1)
    else:
        assert weights is None
    assert sorted(indices(data.val_dataloader())) == list(range(9))


def test_sources_are_balanced_where_they_are_known(faces, generated_faces):
    data = module(generated_faces, class_balance="source_sampler")
    data.setup("fit")
    sources = data.datasets["train"].samples.column("source")
    drawn = Counter(sources[i] for i in indices(data.train_dataloader()))
    fakes = [drawn[name] for name in set(sources) if name]
    assert len(fakes) > 1
    assert max(fakes) - min(fakes) <= 1
    with pytest.raises(UsageError, match="source_sampler needs sources"):
        module(faces, class_balance="source_sampler").setup("fit")


BAD = {
    "crop": ("squeeze", "resize, center"),
    "cache": ("gpu", "off, ram, disk"),
    "class_balance": ("both", "none, weighted_loss, sampler, source_sampler"),
    "image_size": (0, "at least 1, got 0"),
    "batch_size": (-4, "at least 1, got -4"),
    "num_workers": (-1, "at least 0, got -1"),
    "generate": (-5, "at least 0, got -5"),
    "seed": (-1, "at least 0, got -1"),
    "normalise_encoding": (101, "from 1 to 100, not 101"),
}


@pytest.mark.parametrize(("option", "value", "said"), [(name, *case) for name, case in BAD.items()])
def test_value_out_of_its_range_is_named(option, value, said):
    with pytest.raises(UsageError, match=rf"data\.{option}.*{said}"):
        DeepfakeDataModule(**{option: value})


@pytest.mark.parametrize("ratios", [(0.7, 0.1, 0.1), (1.5, -0.25, -0.25)])
def test_shares_that_are_none_are_named(ratios, faces):
    with pytest.raises(DataLayoutError, match=r"data\.split_ratios"):
        module(faces, split_ratios=ratios).setup("fit")


@pytest.mark.parametrize(
    ("stage", "ratios", "part"), [("fit", (0.8, 0.0, 0.2), "val"), ("test", (0.8, 0.2, 0.0), "test")]
)
def test_empty_part_is_named_and_shown(stage, ratios, part, faces):
    data = module(faces, split_ratios=ratios)

    def begin():
        data.setup(stage)
        data.test_dataloader()  # of a test it is known here only: another data set is judged whole

    with pytest.raises(UsageError, match=f"(?s)The {part} part .* is empty.*images"):
        begin()


def test_split_options(faces):
    def paths(**options):
        data = module(faces, **options)
        data.setup("test")
        return data.part("test").paths

    assert paths() == paths(seed=5, image_size=32)
    assert paths() != paths(split_seed=1)
    assert len(paths(split_ratios=(0.5, 0.1, 0.4))) == 24


def test_split_facts_and_files(faces, tmp_path):
    data = module(faces)
    facts = data.split_facts()
    samples = load_samples(faces)
    parts = assign_parts(samples)
    assert facts == {
        "root": str(faces.resolve()),
        "layout": "{real,fake}",
        "kind": "random",
        "groups_torn": 0,
        "groups_torn_train_val": 0,
        "groups_torn_train_test": 0,
        "data_fingerprint": fingerprint(samples, np.zeros_like(parts)),
        "fingerprint": fingerprint(samples, parts),
        "val_fingerprint": fingerprint(samples, parts, 1),
        "test_fingerprint": fingerprint(samples, parts, 2),
        "n_train": 42,
        "n_val": 9,
        "n_test": 9,
    }
    data.division.save(tmp_path)
    assert (tmp_path / "split.sha256").read_text().strip() == facts["fingerprint"]
    again = module(faces, manifest=str(tmp_path / "split.csv"), split_seed=9)
    listed = {"kind": "given", "layout": "manifest split.csv"}
    assert again.split_facts() == facts | listed  # the same images of the same folder, however listed
    assert again.origin == tmp_path / "split.csv"


def test_the_data_is_called_as_its_root_or_its_manifest_or_what_that_lists(faces, tmp_path):
    rows = "\n".join(f"{file},{file.relative_to(faces).parts[0]}" for file in faces.rglob("*.png"))
    for name in ("mine.csv", "manifest.csv"):
        (tmp_path / name).write_text(f"path,label\n{rows}\n")
    assert module(faces).title == faces.name
    assert module(faces, manifest=str(tmp_path / "mine.csv")).title == "mine"
    assert module(faces, manifest=str(tmp_path / "manifest.csv")).title == faces.name


def test_manifest_option_wins_over_the_folders(faces, tmp_path):
    rows = [f"{'fake' if i % 3 == 0 else 'real'}/{i:02d}.png,{i % 2}" for i in range(20)]
    (tmp_path / "list.csv").write_text("path,label\n" + "\n".join(rows))
    data = module(faces, manifest=str(tmp_path / "list.csv"))
    data.setup("fit")
    assert data.division.samples is not None
    assert data.division.samples.labels.sum() == 10
    assert len(indices(data.train_dataloader())) == len(data.part("train"))


def test_summary_tells_images_classes_groups_and_sources(tmp_path):
    root = touch(tmp_path / "faces", "fake/notes.txt")
    touch(root, *(f"real/{i}.png" for i in range(40)), *(f"fake/gan/{i}.png" for i in range(20)))
    touch(root, *(f"fake/swap/{i}.png" for i in range(20)))
    lines = module(root).summary().splitlines()
    assert lines[0] == f"{root}  ({{real,fake}}; split: random)"
    assert lines[1].split() == ["part", "images", "real", "fake", "groups", "sources"]
    assert lines[2].split() == ["train", "56", "28", "28", "-", "gan", "14,", "swap", "14"]
    assert lines[3].split() == ["val", "12", "6", "6", "-", "gan", "3,", "swap", "3"]
    assert lines[4].split() == ["test", "12", "6", "6", "-", "gan", "3,", "swap", "3"]
    assert lines[5].startswith("1 files with other endings")
    assert lines[6].startswith("Test part: Only 12 images")
    assert len(lines) == 7


def test_summary_counts_groups_and_warns_of_torn_ones(tmp_path):
    rows = [f"{i}.png,{i % 2},g{i // 4},{('train', 'val', 'test')[i % 3]}" for i in range(24)]
    (tmp_path / "manifest.csv").write_text("path,label,group,split\n" + "\n".join(rows))
    summary = module(tmp_path).summary()
    assert "train          8       4       4       6  -" in summary
    assert "WARNING: the split tears 6 groups apart, between training and test; its test figures" in summary


def test_only_groups_that_training_has_seen_leak(tmp_path):
    """Of 6 groups of 4 images, two lie in training and test, one in validation and test, one in training alone."""
    places = ["train test", "test train", "val test", "train train", "train val", "val train"]
    rows = [f"{i}.png,{i % 2},g{i // 4},{places[i // 4].split()[i // 2 % 2]}" for i in range(24)]
    (tmp_path / "manifest.csv").write_text("path,label,group,split\n" + "\n".join(rows))
    data = module(tmp_path)
    facts = data.split_facts()
    assert [facts[f"groups_torn{which}"] for which in ("", "_train_val", "_train_test")] == [5, 2, 2]
    assert "WARNING: the split tears 5 groups apart, 2 of them between training and test; its" in data.summary()


@pytest.mark.parametrize(
    ("split", "part", "said"),
    [
        ({}, "test", ""),
        ({"groups_torn": 0}, "test", ""),
        (
            {"groups_torn": 4},  # a checkpoint of an older version
            "test",
            "Leak: the split tears 4 groups apart, counted between any two of its parts; its test figures say little "
            "of new photos.",
        ),
        (
            {"groups_torn": 116, "groups_torn_train_test": 71, "groups_torn_train_val": 48},
            "val",
            "Leak: the split tears 116 groups apart, 48 of them between training and validation; its validation "
            "figures say little of new photos.",
        ),
        (
            {"groups_torn": 1, "groups_torn_train_test": 0},
            "test",
            "The split tears 1 group apart, but none between training and test.",
        ),
    ],
)
def test_what_is_said_of_torn_groups(split, part, said):
    assert torn_note(split, part) == said


def test_the_summary_names_the_split_and_the_fold(tmp_path):
    rows = [f"{i}.png,{i % 2},g{i // 4},{('train', 'val', 'test')[i % 3]}" for i in range(48)]
    (tmp_path / "manifest.csv").write_text("path,label,group,split\n" + "\n".join(rows))
    assert "split: given)" in module(tmp_path).summary()
    assert "split: grouped; the given split is not used)" in module(tmp_path, split="grouped").summary()
    fold = module(tmp_path, folds=4, fold=2)
    assert "split: grouped, fold 2 of 4; the given split is not used)" in fold.summary()
    assert fold.split_facts()["kind"] == "grouped, fold 2 of 4"
    torn = module(tmp_path, split="random")
    count = int(torn.split_facts()["groups_torn"])
    assert count > 0
    assert f"WARNING: the split tears {count} groups apart, " in torn.summary()


@pytest.mark.parametrize("options", [{"folds": 1}, {"folds": -2}, {"fold": 1}, {"folds": 3, "fold": 3}, {"fold": -1}])
def test_folds_that_are_none_are_refused(options):
    with pytest.raises(UsageError, match="folds is 0 or at least 2"):
        DeepfakeDataModule(**options)


def test_everything_is_tested_on_request_until_the_next_setup(faces):
    data = module(faces)
    data.setup("test")
    assert not data.has_given_test_part()
    data.test_on_everything()
    assert sum(len(batch["label"]) for batch in data.test_dataloader()) == len(data.part("test")) == 60
    assert data.split_facts()["n_test"] == 9
    data.setup("test")
    assert len(data.datasets["test"]) == 9


def test_broken_files_leave_their_batches(tmp_path):
    root = draw_classes(tmp_path / "faces", 40)
    for i in (0, 1, 7, 20, 33):
        (root / ("real", "fake")[i % 2] / f"{i:03d}.png").write_bytes(b"")
    data = module(root, split_ratios=(0.5, 0.25, 0.25))
    data.setup("fit")
    data.setup("test")
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    batches = [batch for loader in loaders for batch in loader]
    skipped = [row for batch in batches for row in batch["skipped"]]
    assert sorted(skipped) == [(f"{('real', 'fake')[i % 2]}/{i:03d}.png", "empty file") for i in (1, 7, 33, 0, 20)]
    assert sum(len(batch["label"]) for batch in batches) == 35


def test_predict_takes_all_images_in_order_uncached_and_shares_them_between_ranks(tmp_path):
    folder = draw(tmp_path / "unsorted", *(f"{i}/photo.png" for i in range(7)))
    touch(folder, "!broken.jpg", "notes.txt")
    data = module("nowhere", predict_root=str(folder), batch_size=3)
    data.setup("predict")
    loader = data.predict_dataloader()
    batches = list(loader)
    assert [len(batch["label"]) for batch in batches] == [2, 3, 2]
    assert indices(batches) == [1, 2, 3, 4, 5, 6, 7]
    assert [row for batch in batches for row in batch["skipped"]] == [("!broken.jpg", "empty file")]
    assert not (tmp_path / "cache").exists()
    shares = []
    for rank in range(3):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=3)  # type: ignore[assignment]
        shares.append(indices(data.predict_dataloader()))
    assert sorted(i for share in shares for i in share) == sorted(indices(batches))


@pytest.mark.parametrize(("options", "error"), [({}, UsageError), ({"predict_root": "nowhere"}, DataLayoutError)])
def test_predict_without_images_says_what_is_missing(options, error):
    with pytest.raises(error, match=r"predict_root|no such folder"):
        module("nowhere", **options).setup("predict")


def test_missing_root_is_an_error_when_nothing_may_be_fetched(tmp_path):
    data = module(tmp_path / "nowhere")
    data.prepare_data()
    with pytest.raises(DataLayoutError, match="no such folder"):
        data.setup("fit")
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def fetched(monkeypatch):
    """Calls of the two ways to get data."""
    calls: list[tuple[str, Path]] = []
    monkeypatch.setattr(datamodule, "download_kaggle", lambda root: calls.append(("download", root)))
    monkeypatch.setattr(datamodule, "generate_faces", lambda root, *a, **k: calls.append(("generate", root)))
    return calls


@pytest.mark.parametrize("state", ["missing", "empty", "there", "manifest"])
@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({}, None),
        ({"download": True}, "download"),
        ({"generate": 9}, "generate"),
        ({"download": True, "generate": 9}, "generate"),
    ],
)
def test_data_is_fetched_only_where_it_is_missing_and_that_was_asked_for(options, how, state, fetched, tmp_path):
    root = tmp_path / "faces"
    if state != "missing":
        root.mkdir()
    if state == "there":
        (root / "anything").touch()
    data = module(root, **options, manifest="list.csv" if state == "manifest" else None)
    data.prepare_data()
    assert fetched == ([(how, root)] if how and state in ("missing", "empty") else [])


def test_another_number_of_generated_faces_than_asked_for_is_said_aloud(tmp_path, caplog):
    module(tmp_path / "drawn", generate=24, image_size=32).prepare_data()
    with caplog.at_level("INFO"):
        module(tmp_path / "drawn", generate=24, image_size=32).setup("fit")
    assert "delete the folder" not in caplog.text
    with caplog.at_level("INFO"):
        module(tmp_path / "drawn", generate=30, image_size=32).setup("fit")
    assert "holds 24 generated faces, not the 30 of data.generate; delete the folder" in caplog.text


def test_generated_faces_train_at_once_and_are_drawn_once(tmp_path):
    data = module(tmp_path / "drawn", generate=24, image_size=32)
    data.prepare_data()
    assert is_generated(tmp_path / "drawn")
    drawn = {file: file.stat().st_mtime_ns for file in (tmp_path / "drawn").rglob("*.jpg")}
    data.prepare_data()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "drawn").rglob("*.jpg")} == drawn
    data.setup("fit")
    assert (len(data.division.samples), int(data.division.samples.labels.sum())) == (24, 12)
    assert set(data.division.samples.column("source")) - {""} == set(KINDS)
    assert sorted(indices(data.train_dataloader())) == list(range(len(data.part("train"))))


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (A.Normalize(), "must return RGB uint8.*float"),
        (A.RandomCrop(500, 500), "fails on an image of 32 x 32 pixels"),
        (A.ToGray(num_output_channels=1, p=0.5), "must return RGB uint8"),
    ],
)
def test_an_augmentation_that_cannot_work_is_refused_before_training(faces, augment, said):
    with pytest.raises(UsageError, match=said):
        module(faces, augment=[augment], image_size=32).setup("fit")
    module(faces, augment=[augment], image_size=32).setup("test")


def test_generated_faces_are_known_for_what_they_are_however_they_are_listed(tmp_path, faces):
    data = module(tmp_path / "drawn", generate=24, image_size=32)
    data.prepare_data()
    files = sorted((tmp_path / "drawn").rglob("*.jpg"))
    rows = [f"{file},{'real' if file.parent.name == 'real' else 'fake'}" for file in files]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    assert data.is_generated()
    assert module(faces, manifest=str(tmp_path / "list.csv")).is_generated()
    assert not module(faces).is_generated()


def test_hyperparameters_are_primitives(faces):
    data = module(faces, augment=[A.HorizontalFlip()], split_ratios=(0.6, 0.2, 0.2), seed=3)
    for name, value in data.hparams.items():
        values = value if isinstance(value, list | tuple) else [value]
        assert all(v is None or type(v) in (bool, int, float, str) for v in values), name
    assert "seed" not in data.hparams
    assert "augment" not in data.hparams


class Recorder(LightningModule):
    """Writes down the images it is given, and learns nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[int]] = {}

    def training_step(self, batch, _):
        self.seen.setdefault(self.current_epoch, []).extend(batch["index"].tolist())
        return self.weight.sum()

    def validation_step(self, batch, _):
        assert len(batch["index"])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("workers", [0, 1])
def test_trainer_sees_another_order_every_epoch(workers, faces, tmp_path):
    data, model = module(faces, num_workers=workers), Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, data)
    plain = module(faces)
    plain.setup("fit")
    assert model.seen[0] == indices(plain.train_dataloader())
    for epoch in range(3):
        assert sorted(model.seen[epoch]) == list(range(42))
    assert len({tuple(order) for order in model.seen.values()}) == 3
