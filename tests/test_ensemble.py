"""`dfdetect ensemble` as it is typed: trained runs in, one run out that is used like any other."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything
from sklearn.linear_model import LogisticRegression

from dfdetect.callbacks.access import run_folder
from dfdetect.callbacks.checkpoints import BestCheckpoint
from dfdetect.data.decode import decode
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import ExplainError
from dfdetect.evaluation.calibration import calibrate
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.main import main
from dfdetect.models import layers
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.combining import Judged, combine, join
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer, tiny_detector


def train(folder: Path, root: Path, seed: int, data=None, **model) -> Path:
    seed_everything(seed)
    trainer = quiet_trainer(folder, callbacks=[BestCheckpoint()])
    trainer.fit(tiny_detector(**model), faces_data(root, **(data or {})))
    return Path(run_folder(trainer))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, generated_faces):
    folder = tmp_path_factory.mktemp("members")
    return [str(train(folder / name, generated_faces, seed)) for seed, name in enumerate("ab")]


@pytest.fixture
def say(capsys):
    def told(*arguments, code=0):
        assert main(["ensemble", *map(str, arguments)]) == code
        return capsys.readouterr()

    return told


def members(runs):
    return [DeepfakeDetector.load_from_checkpoint(f"{run}/checkpoints/best.ckpt").eval() for run in runs]


def validation(runs, root):
    """Label (N,) and the members' tempered margins (N, M) of the validation part, by the data module itself."""
    data = faces_data(root)
    data.setup("validate")
    label, margins = [], []
    with torch.no_grad():
        for batch in data.val_dataloader():
            label.append(batch["label"])
            said = [layers.margin_of(one(batch["image"])) / one.facts["temperature"] for one in members(runs)]
            margins.append(torch.stack(said, 1))
    return torch.cat(label).numpy(), torch.cat(margins).double().numpy()


@pytest.mark.parametrize("method", ["mean", "logit", "stack"])
def test_it_is_fitted_and_calibrated_on_the_validation_part(runs, generated_faces, say, method):
    told = json.loads(say(*runs, "--method", method, "--json").out)
    assert told["run"] == "lightning_logs/ensemble/version_0"
    label, margins = validation(runs, generated_faces)
    if method == "mean":
        p_fake = (1 / (1 + np.exp(-margins))).mean(1)
        margin = np.log(p_fake / (1 - p_fake))
    elif method == "logit":
        margin = margins.mean(1)
    else:
        fitted = LogisticRegression(max_iter=1000).fit(margins, label)
        margin = fitted.decision_function(margins)
        assert [one["weight"] for one in told["members"]] == pytest.approx(fitted.coef_[0].tolist(), rel=1e-3, abs=1e-4)
    wanted = calibrate(margin, label)
    assert told["temperature"] == pytest.approx(wanted["temperature"], rel=1e-2)
    assert told["threshold"] == pytest.approx(wanted["threshold"], abs=2e-3)
    assert told["n_validation"] == len(label) == 36
    ensemble = DeepfakeDetector.load_from_checkpoint("lightning_logs/ensemble/version_0/checkpoints/best.ckpt").eval()
    assert ensemble.facts["calibrated"]
    with torch.no_grad():
        data = faces_data(generated_faces)
        data.setup("validate")
        found = torch.cat([layers.margin_of(ensemble(batch["image"])) for batch in data.val_dataloader()]).numpy()
    np.testing.assert_allclose(found, margin, atol=1e-4)


def test_the_newest_run_is_the_ensemble_and_is_tested_compared_and_run(runs, generated_faces, say, capsys):
    say(*runs)
    assert main(["test", "--data.num_workers", "0"]) == 0
    out = Path("lightning_logs/ensemble/version_0")
    result = json.loads((out / "metrics.json").read_text())
    assert result["n"] == 36
    page = (out / "report.html").read_text()
    assert "ensemble of tiny, tiny (logit)" in page
    assert "Left out of this report" not in page
    assert "dfdetect ensemble" in (out / "commands.txt").read_text()
    capsys.readouterr()
    # what the deploy side makes of the checkpoint is what was tested
    rows = (out / "predictions.csv").read_text().splitlines()
    columns = rows[0].split(",")
    first = dict(zip(columns, rows[1].split(","), strict=True))
    photo = decode(generated_faces / first["path"])
    found = Detector.load(out / "checkpoints/best.ckpt").predict(photo)[0]
    assert found.p_fake == pytest.approx(float(first["p_fake"]), abs=1e-4)
    assert found.heatmap is not None
    say(*runs)
    assert Path("lightning_logs/ensemble/version_1/checkpoints/best.ckpt").is_file()


def test_a_fit_does_not_go_on_from_an_ensemble(runs, say, capsys):
    say(*runs, "--run", "joined")
    assert main(["fit", "--run", "joined", "--ckpt_path", "best"]) == 1
    assert "cannot go on with its fit" in capsys.readouterr().err


def test_taken_folder_single_run_and_same_run_are_refused(runs, say):
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    assert "taken" in say(*runs, "--run", "taken", code=2).err
    assert Path("taken/file").read_text() == "mine"
    assert "two members" in say(runs[0], code=2).err
    assert "name each once" in say(runs[0], runs[0], code=1).err
    assert "no such checkpoint" in say(runs[0], "elsewhere", code=1).err
    assert not list(Path("lightning_logs").glob("*/version_*"))


def test_it_is_called_pretrained_where_all_members_were(runs):
    loaded = [read_detector_checkpoint(f"{run}/checkpoints/best.ckpt") for run in runs]
    assert join(loaded, "logit").hparams["weights"] == "none"
    loaded[0]["hyper_parameters"]["weights"] = "imagenet"
    assert join(loaded, "logit").hparams["weights"] == "none"
    loaded[1]["hyper_parameters"]["weights"] = "net.pth"
    assert join(loaded, "logit").hparams["weights"] == "imagenet"


def test_a_failure_leaves_no_folder_and_one_that_cannot_be_made_is_said(runs, say, monkeypatch):
    monkeypatch.setattr("dfdetect.models.combining.judge_validation", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["ensemble", *runs])
    assert not Path("lightning_logs/ensemble/version_0").exists()
    Path("file").touch()
    assert "cannot be made" in say(*runs, "--run", "file/below", code=2).err


def test_other_splits_other_pixels_and_ensembles_are_refused(runs, generated_faces, say, tmp_path):
    other = train(tmp_path / "split", generated_faces, 0, {"split_seed": 1})
    assert "another split" in say(runs[0], other, code=1).err
    small = train(tmp_path / "small", generated_faces, 0, {"image_size": 24})
    assert "image_size 24, not 32" in say(runs[0], small, code=1).err
    say(*runs, "--run", "joined")
    assert "is an ensemble itself" in say("joined", runs[0], code=1).err


def test_images_that_were_moved_are_named(runs, generated_faces, say, tmp_path):
    moved = tmp_path / "moved"
    moved.symlink_to(generated_faces)
    assert json.loads(say(*runs, "--data", moved, "--json").out)["n_validation"] == 36
    assert f"root: {moved}" in Path("lightning_logs/ensemble/version_0/config.yaml").read_text()
    assert "--data ROOT" in say(*runs, "--data", tmp_path / "nowhere", code=1).err


def test_a_stack_of_one_class_is_refused_and_others_are_not():
    judged = Judged(np.arange(4), np.zeros(4, np.int64), np.zeros((4, 2)))
    assert combine(judged, "logit")[0].tolist() == [0.5, 0.5]
    with pytest.raises(Exception, match="one class only"):
        combine(judged, "stack")


def test_gradients_do_not_pass_one_member_off_for_all(runs, say):
    say(*runs, "--method", "mean", "--run", "joined")
    with pytest.raises(ExplainError, match="no layer in common"):
        GradientExplainer.load(Path("joined/checkpoints/best.ckpt"), "gradcam")
