"""Samples are what the network sees; broken files leave the batch and are named."""

import pickle
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch

from dfdetect.data.cache import Decoder, open_store
from dfdetect.data.dataset import DeepfakeDataset, Unreadable, collate
from dfdetect.data.decode import decode
from dfdetect.data.resize import resize
from dfdetect.data.samples import load_samples
from dfdetect.data.transforms import Augmentation, default_augmentation

from .helpers import draw_classes, touch


@pytest.fixture
def samples(tmp_path):
    return load_samples(draw_classes(tmp_path / "faces", 8))


def dataset(samples, cache="off", augmentation=None, size=24, **options):
    return DeepfakeDataset(samples, open_store(cache, Decoder(28), len(samples)), size, augmentation, **options)


def test_sample_has_the_documented_form(samples):
    data = dataset(samples)
    assert len(data) == 8
    for i in range(8):
        sample = data[i]
        assert not isinstance(sample, Unreadable)
        assert sample["image"].shape == (3, 24, 24)
        assert sample["image"].dtype == torch.uint8
        assert (sample["label"], sample["index"]) == (int(samples.labels[i]), i)
        expected = resize(resize(decode(samples.file(i)), 28), 24)
        np.testing.assert_array_equal(sample["image"].permute(1, 2, 0).numpy(), expected)
        np.testing.assert_array_equal(data.pixels(i), expected)


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_augmented_samples_are_the_same_from_every_cache(cache, samples):
    plain = dataset(samples, augmentation=Augmentation(default_augmentation()), seed=3)
    cached = dataset(samples, cache, Augmentation(default_augmentation()), seed=3)
    for epoch in (0, 1, 0):
        for i in (5, 0, 7):
            assert torch.equal(plain[epoch, i]["image"], cached[epoch, i]["image"])


@pytest.mark.parametrize("cache", ["ram", "disk"])
def test_what_becomes_of_a_sample_never_reaches_the_cache(cache, samples):
    data = dataset(samples, cache, Augmentation([A.InvertImg(p=1.0)]))
    first = data[0]["image"].clone()
    data[0]["image"].zero_()
    assert torch.equal(data[0]["image"], first)


def test_seed_and_epoch_choose_the_augmentation(samples):
    def images(seed, epoch):
        data = dataset(samples, augmentation=Augmentation(default_augmentation()), seed=seed)
        return torch.stack([data[epoch, i]["image"] for i in range(8)])

    assert torch.equal(images(0, 0), images(0, 0))
    assert not torch.equal(images(0, 0), images(0, 1))
    assert not torch.equal(images(0, 0), images(1, 0))


@pytest.mark.parametrize("augment", [[], [A.RandomCrop(10, 20)], [A.Resize(50, 60)]])
def test_image_has_the_networks_size_whatever_the_augmentation_does(augment, samples):
    assert dataset(samples, augmentation=Augmentation(augment))[1, 2]["image"].shape == (3, 24, 24)


@pytest.mark.parametrize("cache", ["off", "ram", "disk"])
def test_broken_files_leave_the_batch_and_are_named(cache, samples):
    Path(samples.file(1)).write_bytes(b"")
    Path(samples.file(4)).write_bytes(b"text")
    Path(samples.file(6)).unlink()
    data = dataset(samples, cache, Augmentation(default_augmentation()))
    batch = collate([data[0, i] for i in range(8)])
    assert batch["index"].tolist() == [0, 2, 3, 5, 7]
    assert batch["label"].tolist() == samples.labels[[0, 2, 3, 5, 7]].tolist()
    assert batch["image"].shape == (5, 3, 24, 24)
    assert batch["skipped"] == [
        (samples.paths[1], "empty file"),
        (samples.paths[4], "not an image of a known kind, or damaged at its start"),
        (samples.paths[6], "no such file"),
    ]


@pytest.mark.parametrize("items", [[], [Unreadable("a.png", "empty file"), Unreadable("b.png", "too large")]])
def test_batch_without_any_readable_file_is_empty(items):
    batch = collate(items)
    assert batch["image"].shape[:2] == (0, 3)
    assert (batch["image"].dtype, batch["label"].dtype, batch["index"].dtype) == (torch.uint8, torch.int64, torch.int64)
    assert len(batch["label"]) == len(batch["index"]) == 0
    assert batch["skipped"] == [(item.path, item.cause) for item in items]


def test_batch_has_the_documented_types(samples):
    data = dataset(samples)
    batch = collate([data[i] for i in (3, 1)])
    assert (batch["image"].dtype, batch["label"].dtype, batch["index"].dtype) == (torch.uint8, torch.int64, torch.int64)
    assert batch["index"].tolist() == [3, 1]
    assert batch["skipped"] == []


@pytest.mark.parametrize("cache", ["off", "disk"])
def test_dataset_can_be_sent_to_spawned_workers(cache, samples):
    data = dataset(samples, cache, Augmentation(default_augmentation()))
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[1, 2]["image"], data[1, 2]["image"])


def test_listing_needs_no_pictures(tmp_path):
    data = dataset(load_samples(touch(tmp_path / "faces", "real/a.png", "fake/b.png")))
    assert data[0] == Unreadable("fake/b.png", "empty file")
