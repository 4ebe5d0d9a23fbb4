"""Optimisers by name, and learning-rate schedules counted in optimiser steps."""

import math
from collections.abc import Iterable
from typing import Any, Literal

from lightning.pytorch import Trainer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dfdetect.errors import UsageError

OptimizerName = Literal["adam", "adamw", "sgd"]
SchedulerName = Literal["none", "cosine"]


def build_optimizer(
    name: OptimizerName, parameters: Iterable[Parameter] | Iterable[dict[str, Any]], lr: float, weight_decay: float
) -> Optimizer:
    """Adam, AdamW, or SGD with momentum 0.9, over all parameters alike, or in groups with rates of their own."""
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


def with_cosine(optimizer: Optimizer, trainer: Trainer, warmup_epochs: float) -> OptimizerLRScheduler:
    """The optimiser with the cosine over the whole fit, as Lightning takes both; raises `UsageError` without an end."""
    total = trainer.estimated_stepping_batches
    if total == float("inf"):
        raise UsageError("model.scheduler cosine needs an end: --trainer.max_epochs or --trainer.max_steps")
    trainer.fit_loop.setup_data()  # without it a fit bounded by max_steps does not know its epochs yet
    per_epoch = trainer.num_training_batches / trainer.accumulate_grad_batches
    schedule = cosine_with_warmup(optimizer, int(total), round(warmup_epochs * per_epoch))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
