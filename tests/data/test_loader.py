"""The order of the images: exact across restarts and workers, complete and even across ranks."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from dfdetect.data.cache import Decoder
from dfdetect.data.dataset import DeepfakeDataset, collate, quiet_worker
from dfdetect.data.loader import EpochBatchSampler, ResumableLoader, from_the_start
from dfdetect.data.samples import load_samples
from dfdetect.data.transforms import Augmentation, default_augmentation

from .helpers import draw_classes


def some_labels(n, fakes=None):
    return np.arange(n).__lt__(n // 2 if fakes is None else fakes).astype(np.int8)


def flat(batches):
    return [key for batch in batches for key in batch]


def at(epoch, batch=0):
    return lambda: (epoch, batch)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 32])
@pytest.mark.parametrize("world", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 13, 14, 33, 64, 65, 100])
def test_every_image_goes_to_exactly_one_rank_and_ranks_have_equally_many_batches(n, world, batch_size):
    samplers = [EpochBatchSampler(some_labels(n), batch_size, rank=r, world_size=world) for r in range(world)]
    batches = [list(sampler) for sampler in samplers]
    assert sorted(i for rank in batches for _, i in flat(rank)) == list(range(n))
    assert (
        {len(rank) for rank in batches}
        == {len(sampler) for sampler in samplers}
        == {math.ceil(math.ceil(n / world) / batch_size)}
    )
    assert max(len(batch) for rank in batches for batch in rank) <= batch_size
    shares = [len(flat(rank)) for rank in batches]
    assert max(shares) - min(shares) <= 1


def test_order_differs_by_epoch_and_seed_and_repeats():
    def order(seed, epoch):
        return [i for _, i in flat(EpochBatchSampler(some_labels(50), 8, seed, position=at(epoch)))]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


ORDER = [4, 5, 6, 1, 9, 8, 2, 3, 0, 7]


def test_order_is_the_same_on_every_machine():
    assert [i for _, i in flat(EpochBatchSampler(some_labels(10), 4, seed=42, position=at(3)))] == ORDER


def test_epoch_travels_with_every_index():
    assert {epoch for epoch, _ in flat(EpochBatchSampler(some_labels(20), 6, position=at(5)))} == {5}


def test_fixed_order_is_class_mixed_and_never_changes():
    sampler = EpochBatchSampler(some_labels(400), 32, shuffle_epochs=False)
    first = list(sampler)
    assert list(sampler) == first
    later = list(EpochBatchSampler(some_labels(400), 32, shuffle_epochs=False, position=at(4)))
    assert [[i for _, i in batch] for batch in later] == [[i for _, i in batch] for batch in first]
    labels = some_labels(400)
    assert all(0 < sum(labels[i] for _, i in batch) < len(batch) for batch in first)


@pytest.mark.parametrize("world", [1, 3])
@pytest.mark.parametrize("balanced", [False, True])
def test_interrupted_epoch_goes_on_where_it_stopped(balanced, world):
    def batches(position):
        sampler = EpochBatchSampler(some_labels(61, 11), 4, 7, balanced, world_size=world, rank=0, position=position)
        return list(sampler)

    whole = batches(at(2))
    for first in range(len(whole) + 1):
        assert batches(at(2, first)) == whole[first:]


def test_position_is_asked_anew_for_every_iteration():
    places = [(0, 0), (0, 2), (1, 0)]
    sampler = EpochBatchSampler(some_labels(12), 4, position=lambda: places.pop(0))
    first, rest, second = list(sampler), list(sampler), list(sampler)
    assert rest == first[2:]
    assert {epoch for epoch, _ in flat(second)} == {1}
    assert not places


@pytest.mark.parametrize("world", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize(("n", "fakes"), [(100, 10), (101, 90), (64, 32), (240, 1)])
def test_balanced_order_has_both_classes_equally_often_on_every_rank(n, fakes, world):
    labels = some_labels(n, fakes)
    ranks = [flat(EpochBatchSampler(labels, 8, balanced=True, rank=r, world_size=world)) for r in range(world)]
    drawn = [[int(labels[i]) for _, i in rank] for rank in ranks]
    assert abs(2 * sum(map(sum, drawn)) - n) <= 2
    for rank in drawn:
        assert abs(2 * sum(rank) - len(rank)) <= 2
    assert sum(map(len, drawn)) == n


@pytest.mark.parametrize("world", [1, 2, 3])
def test_sources_of_each_class_are_drawn_equally_often(world):
    labels = np.array([0] * 60 + [1] * 30, np.int8)
    sources = ["a"] * 50 + ["b"] * 10 + ["c"] * 20 + ["d"] * 9 + ["a"]
    samplers = [EpochBatchSampler(labels, 8, 3, True, sources, rank=r, world_size=world) for r in range(world)]
    times = Counter((int(labels[i]), sources[i]) for sampler in samplers for _, i in flat(sampler))
    assert sum(times.values()) == 90
    assert times[0, "a"] + times[0, "b"] == 45
    assert abs(times[0, "a"] - times[0, "b"]) == 1
    assert times[1, "a"] == times[1, "c"] == times[1, "d"] == 15
    drawn = [[i for _, i in flat(sampler)] for sampler in samplers]
    for rank in drawn:
        assert len({(int(labels[i]), sources[i]) for i in rank}) == 5  # no rank could tell the class by the source
    assert drawn == [[i for _, i in flat(sampler)] for sampler in samplers]


def test_balanced_order_repeats_evenly_and_thins_by_epoch():
    labels = some_labels(100, 10)
    seen: set[int] = set()
    for epoch in range(6):
        times = Counter(i for _, i in flat(EpochBatchSampler(labels, 10, balanced=True, position=at(epoch))))
        assert all(times[i] == 5 for i in range(10))
        assert all(times[i] <= 1 for i in range(10, 100))
        seen |= set(times)
    assert len(seen) > 95


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return load_samples(draw_classes(tmp_path_factory.mktemp("loader") / "faces", 22, size=(20, 20)))


def loader(faces, workers, position=from_the_start, world=1, rank=0, **options):
    data = DeepfakeDataset(faces, Decoder(18), 16, Augmentation(default_augmentation()), seed=1)
    sampler = EpochBatchSampler(faces.labels, 4, 1, position=position, world_size=world, rank=rank)
    return ResumableLoader(
        data, batch_sampler=sampler, num_workers=workers, collate_fn=collate, worker_init_fn=quiet_worker, **options
    )


def pixels_of(batches):
    return {int(i): image.numpy().tobytes() for b in batches for i, image in zip(b["index"], b["image"], strict=True)}


def test_pixels_do_not_depend_on_workers_ranks_or_restarts(faces):
    alone = {epoch: list(loader(faces, 0, at(epoch))) for epoch in (0, 1)}
    workers = loader(faces, 2, persistent_workers=True)
    for epoch in (0, 1):
        workers.batch_sampler.position = at(epoch)
        together = list(workers)
        assert [b["index"].tolist() for b in together] == [b["index"].tolist() for b in alone[epoch]]
        assert all(torch.equal(a["image"], b["image"]) for a, b in zip(together, alone[epoch], strict=True))
    resumed = list(loader(faces, 0, at(1, 3)))
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(resumed, alone[1][3:], strict=True))
    ranks = [pixels_of(loader(faces, 0, at(1), world=3, rank=rank)) for rank in range(3)]
    assert ranks[0] | ranks[1] | ranks[2] == pixels_of(alone[1])
    first, second = pixels_of(alone[0]), pixels_of(alone[1])
    assert sum(first[i] == second[i] for i in first) <= 1


def test_rank_without_images_gets_empty_batches(faces):
    few = faces.select(np.arange(2))
    batches = [list(loader(few, 0, world=3, rank=rank)) for rank in range(3)]
    assert [[len(b["label"]) for b in rank] for rank in batches] == [[1], [1], [0]]


def test_iteration_begins_with_the_first_batch_not_before(faces):
    """Lightning makes iterators before it restores the progress that says where to begin."""
    place = [(0, 0)]
    iterator = iter(loader(faces, 0, lambda: place[0]))
    place[0] = (1, 4)
    assert len(list(iterator)) == len(loader(faces, 0)) - 4


def test_state_says_where_an_interrupted_epoch_goes_on(faces):
    resumable = loader(faces, 0, at(2, 3))
    assert resumable.state_dict() == {"epoch": 2, "batch": 3}
    resumable.load_state_dict({"epoch": 9, "batch": 9})
    assert resumable.state_dict() == {"epoch": 2, "batch": 3}
