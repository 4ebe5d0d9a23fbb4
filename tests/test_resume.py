"""A fit that is killed goes on bit for bit: same order, same augmentation, same dropout, same optimiser state."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from dfdetect.models.checkpoint import read_checkpoint

pytestmark = pytest.mark.slow


def start(folder: Path, faces: Path, every_n_steps: int, *extra: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dfdetect", "fit", "--config", "demo", f"--data.root={faces}"]
    command += ["--data.image_size=64", "--data.batch_size=16", "--data.num_workers=2", "--trainer.max_epochs=3"]
    command += ["--model.dropout=0.5", "--trainer.enable_progress_bar=false"]
    command += [f"--last_checkpoint.every_n_train_steps={every_n_steps}", *extra]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DFDETECT_CACHE": str(folder / "cache")}
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, text=True, start_new_session=True
        )


def finish(process: subprocess.Popen[str], folder: Path) -> None:
    assert process.wait(timeout=600) == 0, (folder / "log.txt").read_text()[-3000:]


def interrupt(process: subprocess.Popen[str], folder: Path) -> str:
    wait_for_step(process, folder, 1)
    os.kill(process.pid, signal.SIGINT)
    process.wait(timeout=120)
    return (folder / "log.txt").read_text()


def test_sigterm_is_an_error_that_says_how_to_go_on(tmp_path, generated_faces):
    process = start(tmp_path, generated_faces, 1, "--trainer.max_epochs=50")
    wait_for_step(process, tmp_path, 1)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=120) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; checkpoints are whole. Go on with" in (tmp_path / "log.txt").read_text()


def last_step(folder: Path) -> int:
    file = folder / "lightning_logs/demo/version_0/checkpoints/last.ckpt"
    return int(read_checkpoint(file)["global_step"]) if file.exists() else -1


def wait_for_step(process: subprocess.Popen[str], folder: Path, step: int) -> None:
    deadline = time.monotonic() + 300
    while last_step(folder) < step:
        assert process.poll() is None, (folder / "log.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_after_step(process: subprocess.Popen[str], folder: Path, step: int) -> None:
    wait_for_step(process, folder, step)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, generated_faces):
    folder = tmp_path_factory.mktemp("unbroken")
    finish(start(folder, generated_faces, 0), folder)
    return read_checkpoint(folder / "lightning_logs/demo/version_0/checkpoints/last.ckpt")


@pytest.mark.parametrize(
    ("every_n_steps", "kills"), [(0, [1]), (5, [3]), (4, [6, 20])], ids=["epoch-end", "mid-epoch", "twice"]
)
def test_killed_fit_ends_as_the_unbroken_one(tmp_path, generated_faces, unbroken, every_n_steps, kills):
    process = start(tmp_path, generated_faces, every_n_steps)
    for step in kills:
        kill_after_step(process, tmp_path, step)
        killed_at = last_step(tmp_path)
        process = start(tmp_path, generated_faces, every_n_steps, "--ckpt_path=last")
    finish(process, tmp_path)
    assert 0 < killed_at < unbroken["global_step"]
    assert [p.name for p in (tmp_path / "lightning_logs/demo").iterdir()] == ["version_0"]
    resumed = read_checkpoint(tmp_path / "lightning_logs/demo/version_0/checkpoints/last.ckpt")
    assert resumed["global_step"] == unbroken["global_step"]
    for name, tensor in unbroken["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], tensor), name
    for state, expected in zip(
        resumed["optimizer_states"][0]["state"].values(), unbroken["optimizer_states"][0]["state"].values(), strict=True
    ):
        assert torch.equal(state["exp_avg_sq"], expected["exp_avg_sq"])


def test_ctrl_c_stops_clean_and_says_how_to_go_on(tmp_path, generated_faces, unbroken):
    process = start(tmp_path, generated_faces, 2)
    said = interrupt(process, tmp_path)
    assert process.returncode == 1
    assert "Go on with: dfdetect fit --ckpt_path last" in said
    assert "Traceback" not in said
    again = start(tmp_path, generated_faces, 2, "--ckpt_path=last")
    finish(again, tmp_path)
    resumed = read_checkpoint(tmp_path / "lightning_logs/demo/version_0/checkpoints/last.ckpt")
    assert torch.equal(resumed["state_dict"]["head.linear.weight"], unbroken["state_dict"]["head.linear.weight"])
