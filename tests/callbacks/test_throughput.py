"""Images a second are those of training batches after the first two, also where an epoch is resumed half-way."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from dfdetect.callbacks.throughput import Throughput


class Clock:
    """Stands in for time.perf_counter; every look takes nothing, `tick` moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def run_epoch(clock: Clock, seconds: list[float], first: int = 0, world_size: int = 1) -> dict[str, float]:
    logged: dict[str, float] = {}
    trainer: Any = SimpleNamespace(world_size=world_size)
    module: Any = SimpleNamespace(log=lambda name, value, **_: logged.update({name: value}))
    callback = Throughput()
    if first == 0:  # Lightning does not begin an epoch anew that is resumed half-way
        callback.on_train_epoch_start(trainer, module)
    for i, duration in enumerate(seconds):
        clock.now += duration
        callback.on_train_batch_end(trainer, module, None, {"label": [0] * 8}, first + i)
    callback.on_train_epoch_end(trainer, module)
    return logged


def test_the_first_two_batches_only_warm_up(clock):
    logged = run_epoch(clock, [9.0, 5.0, 1.0, 3.0])
    assert logged == {"speed/images_per_s": 4.0, "speed/epoch_s": 18.0}


def test_all_processes_together(clock):
    assert run_epoch(clock, [1.0, 1.0, 2.0], world_size=3)["speed/images_per_s"] == 12.0


def test_a_resumed_epoch_is_measured_from_where_it_goes_on(clock):
    assert run_epoch(clock, [7.0, 1.0, 2.0, 2.0], first=20) == {"speed/images_per_s": 4.0}


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_too_few_batches_give_no_figure(clock, batches):
    assert "speed/images_per_s" not in run_epoch(clock, [1.0] * batches)
