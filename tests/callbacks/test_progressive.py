"""Pictures of the first epochs are smaller, as a function of the epoch alone; validation has them whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image
from torch import nn

from dfdetect.callbacks.progressive import ProgressiveResizing
from dfdetect.errors import UsageError
from tests.fits import faces_data, quiet_trainer, tiny_detector


@pytest.mark.parametrize(
    ("epochs", "start", "full", "sides"),
    [
        (4, 0.5, 224, [128, 128, 160, 192, 224, 224]),
        (2, 0.25, 96, [32, 64, 96]),
        (1, 1.0, 224, [224, 224]),
        (3, 0.01, 20, [20, 20, 20]),  # smaller than a stride: as it is
    ],
)
def test_side_grows_to_the_whole(epochs, start, full, sides):
    grown = ProgressiveResizing(epochs, start)
    assert [grown.side(full, epoch) for epoch in range(len(sides))] == sides


class Seen(Callback):
    def __init__(self):
        self.train: list[tuple[int, int]] = []
        self.val: set[int] = set()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.train.append((trainer.current_epoch, batch["image"].shape[-1]))

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.val.add(batch["image"].shape[-1])


def test_training_pictures_grow_and_validation_pictures_do_not(generated_faces, tmp_path):
    seen = Seen()
    trainer = quiet_trainer(tmp_path, [ProgressiveResizing(2), seen], max_epochs=3, limit_train_batches=2)
    trainer.fit(tiny_detector(), faces_data(generated_faces, image_size=64))
    assert seen.train == [(0, 32), (0, 32), (1, 64), (1, 64), (2, 64), (2, 64)]
    assert seen.val == {64}


def test_what_is_shrunk_is_antialiased_and_an_empty_batch_stays_empty(tmp_path):
    grown = ProgressiveResizing(2)
    trainer = quiet_trainer(tmp_path, [])
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    batch = {"image": torch.from_numpy(pixels).permute(2, 0, 1)[None]}
    grown.on_train_batch_start(trainer, tiny_detector(), batch, 0)
    wanted = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR), np.float32)
    np.testing.assert_allclose(batch["image"][0].permute(1, 2, 0).numpy(), wanted, atol=1.01)
    empty = {"image": torch.empty((0, 3, 1, 1), dtype=torch.uint8)}
    grown.on_train_batch_start(trainer, tiny_detector(), empty, 0)
    assert len(empty["image"]) == 0


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 2, "start": 0.0}, {"epochs": 2, "start": 1.5}])
def test_bad_values_are_refused(options):
    with pytest.raises(UsageError, match="ProgressiveResizing"):
        ProgressiveResizing(**options)


class OneSize(nn.Module):
    def forward(self, pixels):
        if pixels.shape[-1] != 64:
            raise ValueError("64 or nothing")
        return pixels


def test_a_size_on_the_way_that_the_network_does_not_take_is_refused(tmp_path, generated_faces):
    detector = tiny_detector()
    detector.spec = replace(detector.spec, build=OneSize, takes_any_size=False)
    trainer = quiet_trainer(tmp_path, [ProgressiveResizing(2)])
    with pytest.raises(UsageError, match="takes no pictures of 32 pixels"):
        trainer.fit(detector, faces_data(generated_faces, image_size=64))
