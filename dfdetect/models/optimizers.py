"""Optimisers by name, and learning-rate schedules counted in optimiser steps."""

import math
from collections.abc import Iterable
from typing import Literal

from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

OptimizerName = Literal["adam", "adamw", "sgd"]
SchedulerName = Literal["none", "cosine"]


def build_optimizer(name: OptimizerName, parameters: Iterable[Parameter], lr: float, weight_decay: float) -> Optimizer:
    """Adam, AdamW, or SGD with momentum 0.9, over all parameters alike."""
    match name:
        case "adam":
            return Adam(parameters, lr=lr, weight_decay=weight_decay)
        case "adamw":
            return AdamW(parameters, lr=lr, weight_decay=weight_decay)
        case "sgd":
            return SGD(parameters, lr=lr, momentum=0.9, weight_decay=weight_decay)


def cosine_with_warmup(optimizer: Optimizer, total_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """Linear rise to the optimiser's rate over `warmup_steps`, then a cosine down to 0 at `total_steps`.

    Source: Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, ICLR 2017, without restarts.
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)
