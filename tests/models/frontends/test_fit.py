"""Whole fits through the command line: each front-end alone, and all beside rgb."""

import pytest

import tests.fits  # registers the tiny network
from dfdetect.main import main
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import measure_costs
from dfdetect.models.frontends.registry import FRONTENDS

OTHERS = [name for name in FRONTENDS if name != "rgb"]
SMALL = [
    "--data.image_size=32",
    "--data.batch_size=16",
    "--data.num_workers=0",
    "--trainer.max_epochs=1",
    "--trainer.limit_train_batches=2",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--figures.every_n_epochs=0",
]


@pytest.mark.slow
@pytest.mark.parametrize("frontend", [*OTHERS, "rgb+" + "+".join(OTHERS)])
def test_a_fit_and_its_test(frontend, generated_faces, tmp_path):
    assert tests.fits.tiny_detector()
    network = ["--model.backbone=tiny", "--model.weights=none", f"--model.frontend={frontend}"]
    assert main(["fit", f"--data.root={generated_faces}", *network, *SMALL]) == 0
    assert main(["test"]) == 0
    (checkpoint,) = tmp_path.rglob("best.ckpt")
    assert read_detector_checkpoint(checkpoint)["hyper_parameters"]["frontend"] == frontend
    (cost,) = measure_costs([checkpoint], timed=False)
    assert cost["frontend"] == frontend
