"""Images a second and seconds an epoch, logged each epoch."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

_WARM_UP = 2


class Throughput(Callback):
    """Logs `speed/images_per_s` (training batches after the first two, loading included) and `speed/epoch_s`.

    The figures are of all processes together.
    """

    def __init__(self) -> None:
        self._epoch_start = self._start = self._end = 0.0
        self._images = self._batches = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        self._epoch_start = time.perf_counter()
        self._images = self._batches = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch; the first two, also of an epoch resumed half-way, only warm up."""
        self._end = time.perf_counter()
        self._batches += 1
        if self._batches <= _WARM_UP:
            self._start, self._images = self._end, 0
        else:
            self._images += len(batch["label"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log both figures."""
        seconds = self._end - self._start
        if self._images and seconds > 0:
            pl_module.log("speed/images_per_s", trainer.world_size * self._images / seconds)
        if self._epoch_start:
            pl_module.log("speed/epoch_s", time.perf_counter() - self._epoch_start)
