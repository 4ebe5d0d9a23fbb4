"""The learning rate follows its formula, step by step."""

import math

import pytest
import torch

from dfdetect.models.optimizers import cosine_with_warmup


def rates(total: int, warmup: int, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = cosine_with_warmup(optimizer, total, warmup)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize(("total", "warmup"), [(10, 0), (10, 3), (100, 25), (1, 0), (5, 5)])
def test_linear_rise_then_cosine(total, warmup):
    expected = [
        2.0 * (step + 1) / warmup
        if step < warmup
        else 1.0 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))
        for step in range(total)
    ]
    assert rates(total, warmup, total) == pytest.approx(expected)


def test_ends_at_zero_and_stays_there():
    assert rates(4, 0, 8)[4:] == pytest.approx([0.0] * 4)


def test_never_above_the_asked_rate():
    assert max(rates(50, 10, 60)) == pytest.approx(2.0)
