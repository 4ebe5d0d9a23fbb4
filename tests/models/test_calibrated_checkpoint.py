"""A fit leaves temperature and threshold of its last validation in each checkpoint, and every command uses them."""

import json

import numpy as np
import pytest
import torch

from dfdetect.callbacks.checkpoints import LastCheckpoint
from dfdetect.evaluation.calibration import choose_threshold, fit_temperature, sigmoid
from dfdetect.models.checkpoint import FACTS_KEY, read_checkpoint
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, fit_run, quiet_trainer, tiny_detector


@pytest.fixture(scope="module")
def run(tmp_path_factory, generated_faces):
    return fit_run(tmp_path_factory.mktemp("fitted"), generated_faces, max_epochs=2)


def margins_of(checkpoint, data) -> tuple[np.ndarray, np.ndarray]:
    """The validation scores by hand, without a trainer."""
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True).eval()
    data.setup("validate")
    batches = list(data.val_dataloader())
    with torch.no_grad():
        logits = torch.cat([detector(batch["image"]) for batch in batches]).double().numpy()
    return logits[:, 1] - logits[:, 0], torch.cat([batch["label"] for batch in batches]).numpy()


@pytest.mark.parametrize("name", ["best", "last"])
def test_a_checkpoint_holds_what_its_own_validation_gives(run, generated_faces, name):
    checkpoint = run / f"checkpoints/{name}.ckpt"
    facts = read_checkpoint(checkpoint)[FACTS_KEY]
    margin, label = margins_of(checkpoint, faces_data(generated_faces))
    temperature = fit_temperature(margin, label)
    assert facts["temperature"] == pytest.approx(temperature, rel=1e-3)
    assert facts["threshold"] == pytest.approx(choose_threshold(label, sigmoid(margin / temperature)), abs=1e-4)
    assert (facts["calibrated"], facts["n_calibration"]) == (True, 36)


def test_test_and_predict_use_them(run, tmp_path, generated_faces):
    checkpoint = run / "checkpoints/best.ckpt"
    facts = read_checkpoint(checkpoint)[FACTS_KEY]
    detector = DeepfakeDetector.load_from_checkpoint(checkpoint, weights_only=True)
    trainer = quiet_trainer(tmp_path)
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    result = json.loads((tmp_path / "run/version_0/metrics.json").read_text())
    assert (result["threshold"], result["temperature"]) == (facts["threshold"], facts["temperature"])
    assert result["log_loss"] != result["log_loss_uncalibrated"]
    data = faces_data(generated_faces, predict_root=str(generated_faces / "real"))
    ((index, p_fake), *_) = trainer.predict(detector, data) or []
    (batch, *_) = data.predict_dataloader()
    assert torch.equal(batch["index"], index)
    plain = detector.eval()(batch["image"])
    expected = torch.sigmoid((plain[:, 1] - plain[:, 0]) / facts["temperature"])
    torch.testing.assert_close(p_fake, expected, atol=1e-6, rtol=0)
    verdicts = (tmp_path / "run/version_0/predict/predictions.csv").read_text().splitlines()[1:]
    assert all((row.split(",")[2] == "fake") == (float(row.split(",")[1]) >= facts["threshold"]) for row in verdicts)


def test_before_the_first_validation_nothing_is_calibrated(tmp_path, generated_faces):
    trainer = quiet_trainer(tmp_path, callbacks=[LastCheckpoint()], max_steps=1, limit_val_batches=0)
    trainer.fit(tiny_detector(), faces_data(generated_faces))
    facts = read_checkpoint(tmp_path / "run/version_0/checkpoints/last.ckpt")[FACTS_KEY]
    assert (facts["threshold"], facts["temperature"], facts["calibrated"]) == (0.5, 1.0, False)


def test_a_validation_of_one_class_fits_nothing(tmp_path, generated_faces):
    names = [str(file.relative_to(generated_faces)) for file in sorted(generated_faces.rglob("*.jpg"))]
    rows = [f"{name},{name.split('/')[0]},{'val' if name in names[:20] else 'train'}" for name in names]
    (tmp_path / "m.csv").write_text("path,label,split\n" + "\n".join(rows))
    trainer = quiet_trainer(tmp_path)
    trainer.fit(tiny_detector(), faces_data(generated_faces, manifest=str(tmp_path / "m.csv")))
    assert not read_checkpoint(tmp_path / "run/version_0/checkpoints/last.ckpt")[FACTS_KEY]["calibrated"]
