"""Progressive resizing: the first epochs see smaller pictures, which is faster and coarser."""

from typing import Any

import torch.nn.functional as F
from lightning.pytorch import Callback, LightningModule, Trainer

from dfdetect.errors import UsageError
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.trainer import data_of

_STRIDE = 32
"""Sides are multiples of it: networks halve their maps five times."""


class ProgressiveResizing(Callback):
    """Trains on pictures that grow, in equal steps an epoch, to the network's own size; validation always has that.

    The size is a function of the epoch, so a resumed fit goes on as if it had never stopped.

    Source: Tan and Le, *EfficientNetV2: Smaller Models and Faster Training*, ICML 2021, without its growing
    regularisation.

    Args:
        epochs: of growth; from this one on (counted from 0) pictures have their full size.
        start: side in the first epoch, as a share of the full one, above 0 and at most 1.

    Raises:
        UsageError: a value out of its range; at `setup`, a backbone that does not take a size on the way.
    """

    def __init__(self, epochs: int, start: float = 0.5) -> None:
        if epochs < 1:
            raise UsageError(f"ProgressiveResizing grows for at least 1 epoch, not {epochs}")
        if not 0 < start <= 1:
            raise UsageError(f"ProgressiveResizing starts above 0 and at most at 1, not at {start}")
        self.epochs, self.start = epochs, start

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a network that does not take every size that is coming."""
        data = data_of(trainer)
        if stage == "fit" and isinstance(pl_module, DeepfakeDetector) and data is not None:
            for side in sorted({self.side(data.image_size, epoch) for epoch in range(self.epochs)}):
                pl_module.spec.check_size(pl_module.hparams["backbone"], side)

    def side(self, full: int, epoch: int) -> int:
        """Side in pixels of the pictures of an epoch, counted from 0: a multiple of 32, or the full one."""
        if epoch >= self.epochs:
            return full
        share = self.start + (1 - self.start) * epoch / self.epochs
        return min(full, max(_STRIDE, round(full * share / _STRIDE) * _STRIDE))

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Shrink the pictures of `batch`, (B, 3, S, S), in place of them; on any device, antialiased."""
        pixels = batch["image"]
        side = self.side(pixels.shape[-1], trainer.current_epoch)
        if len(pixels) and side < pixels.shape[-1]:
            batch["image"] = F.interpolate(pixels.float(), (side, side), mode="bilinear", antialias=True)
