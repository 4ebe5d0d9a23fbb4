"""Pairs: real and fake of one photo in one batch, with one augmentation, the same with any workers and cache."""

import shutil
import warnings
from types import SimpleNamespace

import albumentations as A
import numpy as np
import pytest
import torch

from dfdetect.data.cache import Decoder, DiskStore, RamStore
from dfdetect.data.dataset import DeepfakeDataset, Unreadable
from dfdetect.data.pairs import PairDataset
from dfdetect.data.splits import fingerprint
from dfdetect.errors import DataLayoutError, UsageError

from .blending.faces import write_landmarks
from .helpers import draw_classes
from .test_datamodule import indices, module

MIRROR = [A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(p=1.0)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw_classes(tmp_path_factory.mktemp("pairs") / "faces", 60)


@pytest.fixture(scope="module")
def marks(root, tmp_path_factory):
    return str(write_landmarks(tmp_path_factory.mktemp("marks") / "marks.npz", root))


@pytest.fixture
def blended(root, marks):
    def make(**options):
        data = module(root, **{"image_size": 32, "blending": ["face"], "landmarks": marks, "augment": []} | options)
        data.setup("fit")
        return data

    return make


def test_pairs_of_the_training_parts_real_photos_and_nothing_else(blended):
    data = blended()
    reals = [path for path, label in zip(data.part("train").paths, data.part("train").labels, strict=True) if not label]
    dataset = data.datasets["train"]
    assert isinstance(dataset, PairDataset)
    assert dataset.samples.paths == [path for path in reals for _ in range(2)]
    assert dataset.samples.labels.tolist() == [0, 1] * len(reals)
    assert sorted(indices(data.train_dataloader())) == list(range(2 * len(reals)))
    assert f"Training on {len(reals)} real photos, each beside its self-blended fake; the" in data.summary()
    plain = module(data.root)
    assert data.split_facts() == plain.split_facts()
    assert data.datasets["val"].samples.paths == plain.part("val").paths
    assert fingerprint(data.division.samples, data.division.parts) == plain.split_facts()["fingerprint"]


def test_a_pair_stands_in_one_batch_and_differs_only_by_its_blending(blended):
    data = blended(batch_size=6, augment=MIRROR)
    dataset, flips = data.datasets["train"], set()
    for batch in data.train_dataloader():
        assert batch["label"].tolist() == [0, 1] * (len(batch["label"]) // 2)
        assert batch["image"].dtype == torch.uint8
        for real, fake, index in zip(batch["image"][::2], batch["image"][1::2], batch["index"][::2], strict=True):
            differs = (real != fake).any(0)
            assert 0 < differs.sum() < differs.numel()
            plain, shown = dataset.stored(0, int(index)), real.permute(1, 2, 0).numpy()
            alike = [np.corrcoef(shown.ravel(), one.ravel())[0, 1] for one in (plain, plain[:, ::-1])]
            flips.add(bool(alike[0] < alike[1]))
    assert flips == {True, False}


def test_fakes_change_with_the_epoch_and_the_seed_and_nothing_else(blended):
    data, again, other = blended(), blended(num_workers=1, cache="off"), blended(seed=1)
    dataset = data.datasets["train"]
    fake = dataset[2, 5]["image"]
    assert torch.equal(again.datasets["train"][2, 5]["image"], fake)
    assert torch.equal(dataset[2, 4]["image"], dataset[3, 4]["image"])
    for changed in (dataset[3, 5], dataset[2, 7], other.datasets["train"][2, 5]):
        assert not torch.equal(changed["image"], fake)
    for a, b in zip(data.train_dataloader(), again.train_dataloader(), strict=True):
        assert torch.equal(a["image"], b["image"])


@pytest.mark.parametrize(("mode", "store"), [("off", Decoder), ("ram", RamStore), ("disk", DiskStore)])
def test_every_cache_gives_the_same_pairs(mode, store, blended, root, tmp_path):
    faceless = write_landmarks(tmp_path / "marks.npz", root, without=("real/002.png", "real/010.png"))
    data, plain = blended(cache=mode, landmarks=str(faceless)), blended(cache="off", landmarks=str(faceless))
    assert type(data.datasets["train"].store) is store
    for _ in range(2):
        for a, b in zip(data.train_dataloader(), plain.train_dataloader(), strict=True):
            assert torch.equal(a["image"], b["image"])


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_whole_pairs_without_repeating_any(world_size, blended):
    data, shares = blended(batch_size=4), []
    for rank in range(world_size):
        data.trainer = SimpleNamespace(
            global_rank=rank, world_size=world_size, lightning_module=None,
            fit_loop=SimpleNamespace(
                epoch_progress=SimpleNamespace(current=SimpleNamespace(processed=0, completed=0)),
                epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(current=SimpleNamespace(ready=0))),
            ),
        )  # fmt: skip
        shares.append([batch["index"].tolist() for batch in data.train_dataloader()])
    assert len({len(share) for share in shares}) == 1
    assert sorted(i for share in shares for batch in share for i in batch) == list(range(len(data.datasets["train"])))
    for batch in (batch for share in shares for batch in share):
        assert [i + 1 for i in batch[::2]] == batch[1::2]


@pytest.mark.parametrize("balance", ["none", "weighted_loss", "sampler"])
def test_pairs_are_balanced_whatever_is_asked_for(balance, blended):
    data = blended(class_balance=balance)
    assert sorted(indices(data.train_dataloader())) == list(range(len(data.datasets["train"])))
    weights = data.class_weights()
    assert weights is None if balance != "weighted_loss" else weights.tolist() == [1.0, 1.0]


def test_a_broken_photo_takes_its_fake_with_it(tmp_path):
    root = draw_classes(tmp_path / "faces", 20)
    data = module(root, blending=["face"], landmarks=str(write_landmarks(tmp_path / "marks.npz", root)))
    data.setup("fit")
    broken = data.datasets["train"].samples.paths[4]
    (root / broken).write_bytes(b"")
    batches = list(data.train_dataloader())
    assert [row for batch in batches for row in batch["skipped"]] == [(broken, "empty file")] * 2
    assert sorted(indices(batches)) == [i for i in range(len(data.datasets["train"])) if i not in (4, 5)]


def test_own_fakes_stand_in_the_place_of_blended_ones(blended):
    data, alone = blended(own_fakes=0.5, batch_size=6), blended(batch_size=6)
    part, dataset = data.part("train"), data.datasets["train"]
    theirs = {path for path, label in zip(part.paths, part.labels, strict=True) if label}
    plain = DeepfakeDataset(part, data.decoder(training=True), 32)
    pixels = {path: plain.stored(0, index) for index, path in enumerate(part.paths)}
    drawn = []
    for epoch in range(16):
        for index in range(len(dataset)):
            named, stored = dataset.named(epoch, index), dataset.stored(epoch, index)
            if named in theirs:
                assert index % 2
                drawn.append(named)
                np.testing.assert_array_equal(stored, pixels[named])
            else:
                np.testing.assert_array_equal(stored, alone.datasets["train"].stored(epoch, index))
    assert set(drawn) == theirs
    assert len(drawn) / (16 * len(dataset) / 2) == pytest.approx(0.5, abs=0.08)
    again = blended(own_fakes=0.5, batch_size=6, num_workers=1, cache="off").datasets["train"]
    assert [again.named(3, i) for i in range(len(again))] == [dataset.named(3, i) for i in range(len(dataset))]
    batches = list(data.train_dataloader())
    assert sorted(indices(batches)) == list(range(len(dataset)))
    assert all(batch["label"].tolist() == [0, 1] * (len(batch["label"]) // 2) for batch in batches)
    beside = f"each beside one of the {len(theirs)} fakes of the train part (50%) or its self-blended fake"
    assert beside in data.summary()
    assert "are not used" not in data.summary()


def test_fakes_that_are_not_shown_take_no_memory(blended):
    alone, both = (blended(own_fakes=share, cache="ram").datasets["train"] for share in (0.0, 0.5))
    assert isinstance(both, PairDataset)
    assert isinstance(alone.store, RamStore)
    assert isinstance(both.store, RamStore)
    assert len(alone.store.pixels) == len(both.photos.samples)
    assert len(both.store.pixels) == len(both.photos.samples) + len(both.photos.fakes)
    kept = blended(own_fakes=0.5).datasets["train"]
    for index in range(len(both)):
        np.testing.assert_array_equal(both.stored(1, index), kept.stored(1, index))


def test_a_broken_own_fake_is_named(tmp_path):
    root = draw_classes(tmp_path / "faces", 20)
    marks = str(write_landmarks(tmp_path / "marks.npz", root))
    data = module(root, blending=["face"], landmarks=marks, own_fakes=0.9)
    data.setup("fit")
    dataset = data.datasets["train"]
    assert isinstance(dataset, PairDataset)
    (broken,) = {dataset.named(0, 1)}
    assert broken in dataset.photos.fakes.paths
    (root / broken).write_bytes(b"")
    skipped = [row for batch in data.train_dataloader() for row in batch["skipped"]]
    assert skipped
    assert set(skipped) == {(broken, "empty file")}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"own_fakes": 1.0}, "data.own_fakes is a share of the pairs, from 0 to below 1, not 1.0"),
        ({"own_fakes": 0.5, "blending": None}, "it needs data.blending"),
        ({"own_fakes": 0.5, "erase_parts": 0.5}, "leave it or data.own_fakes out"),
        ({"blending": []}, r"data.blending is null or a list of face, eyes, nose, mouth, not \[\]"),
        ({"blending": ["ears"]}, "not .'ears'."),
        ({"batch_size": 7}, "data.batch_size must be even, not 7"),
        ({"crop": "center"}, "they need data.crop: resize"),
    ],
)
def test_settings_that_make_no_pairs_are_refused(options, said, blended):
    with pytest.raises(UsageError, match=said):
        blended(**options)


def test_only_a_fit_needs_landmarks(root):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for stage in ("validate", "test"):
            module(root, blending=["face"], landmarks="gone.npz").setup(stage)
    with pytest.raises(UsageError, match=r"gone.npz"):
        module(root, blending=["face"], landmarks="gone.npz").setup("fit")


@pytest.fixture(scope="module")
def photos(root, tmp_path_factory):
    """Real photos alone."""
    alone = tmp_path_factory.mktemp("alone") / "photos"
    shutil.copytree(root / "real", alone / "real")
    return alone


def image(dataset, index):
    sample = dataset[0, index]
    assert not isinstance(sample, Unreadable)
    return sample["image"]


def test_without_a_fake_validation_makes_its_own_the_same_in_every_epoch_and_run(photos, marks):
    def made(**options):
        settings = {"image_size": 32, "blending": ["face"], "landmarks": marks, "erase_parts": 0.5, "zoom_room": 1.5}
        data = module(photos, **settings | options)
        data.setup("fit")
        return data

    data, other = made(), made(seed=1, batch_size=4)
    dataset = data.datasets["val"]
    assert isinstance(dataset, PairDataset)
    assert dataset.samples.labels.tolist() == [0, 1] * len(data.part("val"))
    assert (
        f"Validating on {len(data.part('val'))} real photos, each beside its self-blended fake, for" in data.summary()
    )
    assert "of the train part" not in data.summary()  # nothing is left unused
    plain = DeepfakeDataset(data.part("val"), Decoder(32), 32)
    for index in range(len(dataset)):
        pixels = image(dataset, index)
        assert torch.equal(pixels, image(dataset, index))
        assert torch.equal(pixels, image(other.datasets["val"], index))
        assert torch.equal(pixels, image(plain, index // 2)) == (index % 2 == 0), (
            "a photo as a test sees it, neither augmented nor erased"
        )
    epochs = [[batch["image"] for batch in data.val_dataloader()] for _ in range(2)]
    assert all(torch.equal(one, two) for one, two in zip(*epochs, strict=True))
    data.setup("test")
    assert type(data.datasets["test"]) is DeepfakeDataset
    assert not np.any(data.datasets["test"].samples.labels)


@pytest.mark.parametrize("options", [{}, {"blending": ["face"], "own_fakes": 0.5}])
def test_without_a_fake_all_else_is_refused(options, photos):
    with pytest.raises(DataLayoutError, match="no fake folder"):
        module(photos, **options).setup("fit")
