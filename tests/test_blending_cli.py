"""Self-blended training as its users type it: what is printed, what is trained on, and that it goes on bit for bit."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dfdetect.main import main
from dfdetect.models.checkpoint import read_checkpoint

from .data.blending.faces import write_landmarks
from .test_cli import rows_of, tiny
from .test_resume import finish, kill_after_step, last_step, start

RUN = Path("lightning_logs/self_blended/version_0")


@pytest.fixture(scope="module")
def marks(tmp_path_factory, generated_faces):
    return write_landmarks(tmp_path_factory.mktemp("marks") / "marks.npz", generated_faces)


def test_real_photos_alone_train_and_the_true_fakes_judge(generated_faces, marks, capsys):
    options = [*tiny(generated_faces, epochs=2), f"--data.landmarks={marks}"]
    assert main(["fit", "--config", "self_blended", *options]) == 0
    said = capsys.readouterr().out
    rows = rows_of(RUN / "split.csv")
    reals, fakes = (sum(r["split"] == "train" and r["label"] == label for r in rows) for label in ("real", "fake"))
    assert f"Training on {reals} real photos, each beside its self-blended fake; the {fakes} fakes" in said
    saved = yaml.safe_load((RUN / "config.yaml").read_text())["data"]
    assert (saved["blending"], saved["landmarks"]) == (["face", "eyes", "nose", "mouth"], str(marks))
    kept = read_checkpoint(RUN / "checkpoints/last.ckpt")["datamodule_hyper_parameters"]
    assert kept["blending"] == saved["blending"]
    marks.rename(marks.with_suffix(".away"))  # a test blends nothing
    try:
        assert main(["test"]) == 0
    finally:
        marks.with_suffix(".away").rename(marks)
    judged = rows_of(RUN / "predictions.csv")
    assert len(judged) == sum(row["split"] == "test" for row in rows)
    assert {row["label"] for row in judged} == {"real", "fake"}
    assert "blended from itself; the fakes of the train part were not used." in (RUN / "report.html").read_text()


def test_a_folder_of_real_photos_is_enough(generated_faces, marks, tmp_path, capsys):
    shutil.copytree(generated_faces / "real", tmp_path / "photos/real")
    options = [*tiny(tmp_path / "photos", epochs=2), f"--data.landmarks={marks}"]
    assert main(["fit", "--config", "self_blended", *options]) == 0
    facts = read_checkpoint(RUN / "checkpoints/best.ckpt")["dfdetect"]
    assert facts["calibrated"]
    val = [row for row in rows_of(RUN / "split.csv") if row["split"] == "val"]
    assert facts["n_calibration"] == 2 * len(val)
    assert main(["validate"]) == 0
    said = capsys.readouterr().out
    assert "There are no fakes here but those that were blended from these very photos." in said
    assert "could not be read" not in said
    assert main(["test"]) == 0
    assert "images are real: AUROC, average precision and EER are undefined." in capsys.readouterr().out
    assert "So was validated, which chose the checkpoint" in (RUN / "report.html").read_text()


def test_own_fakes_are_asked_for_as_a_share_and_the_report_says_so(generated_faces, marks, capsys):
    options = [*tiny(generated_faces), f"--data.landmarks={marks}", "--data.own_fakes=0.5"]
    assert main(["fit", "--config", "self_blended", *options]) == 0
    assert "(50%) or its self-blended fake" in capsys.readouterr().out
    assert main(["test"]) == 0
    assert "in 50% of the pairs, beside one of the train part's fakes." in (RUN / "report.html").read_text()


def test_where_fakes_are_blended_can_be_learned_too(generated_faces, marks, capsys):
    options = [*tiny(generated_faces, epochs=2), f"--data.landmarks={marks}", "--model.localisation=1"]
    assert main(["fit", "--config", "self_blended", *options]) == 0
    (events,) = RUN.glob("events.*")
    assert "train/localisation" in EventAccumulator(str(events)).Reload().Tags()["scalars"]
    assert main(["test"]) == 0
    assert "localisation 1.0" in (RUN / "report.html").read_text()


def test_fakes_of_which_nobody_says_where_they_were_forged_are_refused(generated_faces, marks, capsys):
    options = [*tiny(generated_faces), f"--data.landmarks={marks}", "--model.localisation=1"]
    assert main(["fit", "--config", "demo", *options]) == 2
    said = capsys.readouterr().err
    assert "fakes of the train part were forged is not told" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_killed_self_blended_fit_ends_as_the_unbroken_one(tmp_path, generated_faces, marks):
    options = ("--data.blending=[face,mouth]", f"--data.landmarks={marks}", "--model.localisation=0.5")
    finish(start(tmp_path / "whole", generated_faces, 0, *options), tmp_path / "whole")
    broken = tmp_path / "broken"
    kill_after_step(start(broken, generated_faces, 4, *options), broken, 6)
    assert last_step(broken) < 33
    finish(start(broken, generated_faces, 4, *options, "--ckpt_path=last"), broken)
    last = "lightning_logs/demo/version_0/checkpoints/last.ckpt"
    resumed, unbroken = read_checkpoint(broken / last), read_checkpoint(tmp_path / "whole" / last)
    assert resumed["global_step"] == unbroken["global_step"]
    for name, tensor in unbroken["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], tensor), name
