"""Loaders, and the order in which they show images: exact across restarts, complete across ranks.

Lightning keeps no loader state in a mid-epoch checkpoint and re-shuffles after a restart. Here the order is a function
of (seed, epoch), the epoch travels with every index, and the place to begin is read from the trainer's own progress,
which a checkpoint restores.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, Sampler, Subset

from dfdetect.data.dataset import DeepfakeDataset, Sample, Unreadable, collate, quiet_worker
from dfdetect.data.transforms import sample_seed

Indices = npt.NDArray[np.int64]


def from_the_start() -> tuple[int, int]:
    """The place of a loader that never resumes: epoch 0, batch 0."""
    return 0, 0


def position_of(trainer: Trainer | None) -> tuple[int, int]:
    """(epoch, next batch) from the trainer's progress, which a checkpoint restores before the loader is read."""
    if trainer is None:
        return from_the_start()
    loop = trainer.fit_loop
    epoch: Any = loop.epoch_progress.current
    between_epochs = epoch.processed > epoch.completed
    return epoch.processed, 0 if between_epochs else loop.epoch_loop.batch_progress.current.ready


class EpochBatchSampler(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index).

    With several ranks each image goes to exactly one of them, nothing is repeated to make the shares equal, and all
    ranks have the same number of batches, so that none waits for another at an epoch's end.

    Args:
        labels: (N,) labels, 0 or 1.
        batch_size: images a batch and rank.
        seed: another seed, another order.
        balanced: draw as many real as fake images in an epoch, the rarer class repeated, the other thinned out.
        sources: (N,) of each image, where those of a class shall be drawn equally often too when `balanced`.
        shuffle_epochs: another order in every epoch. Otherwise one fixed order, shuffled all the same, since metrics of
            the first few batches are undefined where a batch holds one class only.
        rank: this process.
        world_size: number of processes.
        position: gives (epoch, first batch) whenever an iteration begins.
        together: so many images in a row, from the first, always stand in one batch; a divisor of `batch_size`.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.int8],
        batch_size: int,
        seed: int = 0,
        balanced: bool = False,
        sources: Sequence[str] | None = None,
        shuffle_epochs: bool = True,
        rank: int = 0,
        world_size: int = 1,
        position: Callable[[], tuple[int, int]] = from_the_start,
        together: int = 1,
    ) -> None:
        self.labels = labels[::together]
        self.batch_size = batch_size // together
        self.together = together
        self.seed = seed
        self.balanced = balanced
        self.strata = None if sources is None else np.unique(np.asarray(sources), return_inverse=True)[1]
        self.shuffle_epochs = shuffle_epochs
        self.rank = rank
        self.world_size = world_size
        self.position = position

    def __len__(self) -> int:
        largest_share = -(-len(self.labels) // self.world_size)
        return -(-largest_share // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, first = self.position()
        share = self._order(epoch)[self.rank :: self.world_size].tolist()
        batches = [share[i : i + self.batch_size] for i in range(0, len(share), self.batch_size)]
        if len(batches) < len(self):  # this rank's share is one image short of a batch that others have
            last = batches.pop() if batches else []
            batches += [last[:-1], last[-1:]]
        for batch in batches[len(batches) - len(self) :][first:]:
            yield [(epoch, index * self.together + i) for index in batch for i in range(self.together)]

    def _order(self, epoch: int) -> Indices:
        generator = np.random.default_rng(sample_seed(self.seed, epoch if self.shuffle_epochs else 0))
        order = generator.permutation(len(self.labels))
        return _balance(order, self.labels, self.world_size, self.strata, generator) if self.balanced else order


def _balance(
    order: Indices,
    labels: npt.NDArray[np.int8],
    world_size: int,
    strata: npt.NDArray[np.intp] | None,
    generator: np.random.Generator,
) -> Indices:
    """(N,) a shuffled order to one of the same length that holds both classes equally often, in turn on every rank.

    With `strata` (N,) those of a class take turns too.
    """
    turn = np.arange(len(order))
    if world_size % 2 == 0:  # every second image alone would give a rank one class only
        turn += turn // world_size
    balanced = np.empty_like(order)
    for label in (0, 1):
        members = order[labels[order] == label]
        places = np.flatnonzero(turn % 2 == label)
        drawn = members if strata is None else _in_turn(members, strata[members], len(places), generator)
        balanced[places] = np.resize(drawn, len(places))
    return balanced


def _in_turn(members: Indices, strata: npt.NDArray[np.intp], length: int, generator: np.random.Generator) -> Indices:
    """At least `length` of the members, of each stratum equally many: those of the smaller ones repeat.

    Each round has an order of its own, or a rank that takes every second image would see one stratum only.
    """
    names = np.unique(strata)
    rounds = -(-length // len(names))
    drawn = np.stack([np.resize(members[strata == name], rounds) for name in names], axis=1)
    return np.asarray(generator.permuted(drawn, axis=1).reshape(-1), np.int64)


class ResumableLoader(DataLoader[Any]):
    """A DataLoader that Lightning knows to be resumable.

    Its sampler reads the place to begin from the trainer's restored progress, so the state below is for the reader of
    a checkpoint; there is nothing to load.
    """

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Begin when the first batch is asked for: Lightning makes iterators before it restores its progress."""
        yield from super().__iter__()

    def state_dict(self) -> dict[str, int]:
        """Epoch and batch at which an interrupted epoch goes on."""
        sampler: Any = self.batch_sampler
        epoch, batch = sampler.position()
        return {"epoch": epoch, "batch": batch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Nothing to do: see the class."""


def resumable_loader(dataset: DeepfakeDataset, sampler: EpochBatchSampler, workers: int) -> ResumableLoader:
    """Labelled batches in the sampler's order, from so many processes, which live as long as the loader."""
    return ResumableLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=quiet_worker,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
    )


def prediction_loader(
    dataset: DeepfakeDataset, batch_size: int, workers: int, rank: int, world_size: int
) -> DataLoader[Sample | Unreadable]:
    """Batches of one rank's share of unlabelled images."""
    return DataLoader(
        Subset(dataset, range(rank, len(dataset), world_size)),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=quiet_worker,
    )


def workers_of_one_process() -> int:
    """One loader process a core, shared with the processes that torchrun started on this machine; 1 to 8."""
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, min(8, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
