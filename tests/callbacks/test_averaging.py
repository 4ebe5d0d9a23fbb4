"""Lightning's own averaging of weights works with our checkpoints: what is validated is what is kept, and resumes."""

import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger

from dfdetect.callbacks.access import run_folder
from dfdetect.callbacks.defaults import default_callbacks
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
    best, last = (read_checkpoint(folder / name) for name in ("best.ckpt", "last.ckpt"))
    weight = "backbone.0.weight"
    assert not torch.equal(last["state_dict"][weight], last["current_model_state"][weight])
    kept = DeepfakeDetector.load_from_checkpoint(folder / "best.ckpt")
    torch.testing.assert_close(kept.state_dict()[weight], best["state_dict"][weight])
    judge = quiet_trainer(tmp_path, [])
    found = judge.validate(kept, faces_data(generated_faces), verbose=False)[0]["val/auroc"]
    assert found == pytest.approx(float(trainer.checkpoint_callbacks[0].best_model_score), abs=1e-6)


def test_a_resumed_fit_goes_on_with_both_networks(unbroken, generated_faces, tmp_path):
    _, folder = fit(tmp_path, generated_faces, 2)
    fit(tmp_path, generated_faces, 3, folder / "last.ckpt")
    wanted, found = (read_checkpoint(one / "last.ckpt") for one in (unbroken[1], folder))
    for part in ("state_dict", "current_model_state"):
        for name, tensor in wanted[part].items():
            assert torch.equal(found[part][name], tensor), (part, name)
