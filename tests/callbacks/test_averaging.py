"""Lightning's own averaging of weights works with our checkpoints: what is validated is what is kept, and resumes."""

import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger

from dfdetect.callbacks.access import run_folder
from dfdetect.callbacks.defaults import default_callbacks
from dfdetect.callbacks.progressive import ProgressiveResizing
from dfdetect.models.checkpoint import read_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer, tiny_detector


def fit(folder, faces, epochs, resumed=None):
    logger = TensorBoardLogger(str(folder), name="run", version=0, default_hp_metric=False)
    callbacks = [*default_callbacks(), EMAWeightAveraging(decay=0.9)]
    trainer = quiet_trainer(folder, callbacks, max_epochs=epochs, logger=logger)
    torch.manual_seed(5)
    trainer.fit(tiny_detector(dropout=0.3), faces_data(faces), ckpt_path=resumed, weights_only=True)
    return trainer, run_folder(trainer) / "checkpoints"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, generated_faces):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("averaged")
        patch.chdir(folder)
        return fit(folder, generated_faces, 3)


def test_the_averaged_network_is_validated_and_kept(unbroken, generated_faces, tmp_path):
    trainer, folder = unbroken
    last = read_checkpoint(folder / "last.ckpt")
    judged = {}
    for part in ("state_dict", "current_model_state"):
        kept = DeepfakeDetector.load_from_checkpoint(folder / "last.ckpt")
        kept.load_state_dict(last[part])
        judged[part] = quiet_trainer(tmp_path, []).validate(kept, faces_data(generated_faces), verbose=False)[0][
            "val/loss"
        ]
    logged = float(trainer.callback_metrics["val/loss"])
    assert judged["state_dict"] == pytest.approx(logged, abs=1e-6)
    assert judged["current_model_state"] != pytest.approx(logged, abs=1e-6)


def test_a_resumed_fit_goes_on_with_both_networks(unbroken, generated_faces, tmp_path):
    _, folder = fit(tmp_path, generated_faces, 2)
    fit(tmp_path, generated_faces, 3, folder / "last.ckpt")
    wanted, found = (read_checkpoint(one / "last.ckpt") for one in (unbroken[1], folder))
    for part in ("state_dict", "current_model_state"):
        for name, tensor in wanted[part].items():
            assert torch.equal(found[part][name], tensor), (part, name)


def test_front_ends_whose_constants_follow_the_size_are_averaged_too(generated_faces, tmp_path):
    callbacks = [EMAWeightAveraging(decay=0.9), ProgressiveResizing(1)]
    trainer = quiet_trainer(tmp_path, callbacks, max_epochs=2, limit_train_batches=2, limit_val_batches=1)
    trainer.fit(tiny_detector(frontend="rgb+phase"), faces_data(generated_faces, image_size=64))
    assert torch.isfinite(trainer.callback_metrics["val/loss"])
