"""The command in-process on the tiny detector: what it writes, and what it says of a user's mistakes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfdetect.explain.score_command import PICTURE, RESULT
from dfdetect.explain.truth import generated_folder
from dfdetect.main import main
from tests.fits import copy_as_others

FAST = ["--limit", "30", "--curve-images", "6", "--steps", "4", "--random-images", "8", "--threads", "1"]


@pytest.fixture(scope="module")
def scored(tiny_checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("scored") / "explain-score"
    code = main(["explain-score", "--ckpt_path", str(tiny_checkpoint), "--out", str(out), *FAST])
    return code, out


def test_all_is_scored_and_written(scored):
    code, out = scored
    assert code == 0
    found = json.loads((out / RESULT).read_text())
    assert found["n"] == found["n_real"] + found["n_fake"] == 30
    assert found["curves"]["n"] == 6
    assert found["sanity"]["n"] == 8
    assert found["pointing"]["all"]["n"] == found["n_fake"]
    assert found["pointing"]["all"]["auroc_pooled"] is None  # masks are exact, there are no parts
    assert 0 < found["pointing"]["all"]["energy"]["map"]["value"] < 1
    assert found["method"] == "cam"
    with Image.open(out / PICTURE) as picture:
        assert picture.width > 1000


def test_an_exported_file_needs_no_checkpoint_on_other_images(tiny_onnx, generated_faces, tmp_path, capsys):
    copy_as_others(generated_faces / "real", tmp_path / "named" / "real")
    for i, file in enumerate(sorted((generated_faces / "fake").rglob("*.jpg"))[:20]):
        (tmp_path / "named" / "fake").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "named" / "fake" / f"face_{i}.jpg")
    assert generated_folder(str(tmp_path / "named" / "fake" / "face_0.jpg")) is None
    data = ["--data", str(tmp_path / "named"), "--out", str(tmp_path / "out")]
    assert main(["explain-score", "--model", str(tiny_onnx), *data, *FAST, "--fill", "mean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pointing"] == {}
    assert found["sanity"] is None
    assert found["curves"]["fill"] == "mean"
    assert "No checkpoint is known" in found["notes"][0]


def test_occlusion_without_curves_and_randomised_weights(tiny_onnx, tiny_checkpoint, capsys):
    none = ["--curve-images", "0", "--random-images", "0", "--limit", "8", "--threads", "1", "--method", "occlusion"]
    assert main(["explain-score", "--model", str(tiny_onnx), "--ckpt_path", str(tiny_checkpoint), *none]) == 0
    text = capsys.readouterr().out
    assert text.startswith("occlusion of ")
    assert "Pointing" in text
    assert "Deletion" not in text
    assert "Randomised" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "1"], "--steps is at least 2"),
        (["--limit", "1"], "--limit is at least 2"),
        (["--curve-images", "-1"], "--curve-images is at least 0"),
        (["--model", "gone.onnx"], "gone.onnx: no such model"),
        (["--ckpt_path", "gone.ckpt"], "gone.ckpt: no such checkpoint"),
        ([], "No run in lightning_logs"),
        (["--out", "file"], "--out file is a file"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, said, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["explain-score", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


SCRIPT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "lightning", "torchmetrics", "sklearn", "albumentations"}:
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
from dfdetect.main import main
sys.exit(main(["explain-score", *sys.argv[1:]]))
"""


def test_a_model_file_is_scored_without_torch(tiny_onnx, generated_faces, tmp_path):
    copy_as_others(generated_faces / "real", tmp_path / "other" / "real")
    copy_as_others(generated_faces / "fake" / "smoothed", tmp_path / "other" / "fake")
    arguments = ["--model", str(tiny_onnx), "--data", str(tmp_path / "other"), *FAST]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Deletion and insertion" in done.stdout


def test_gradients_of_an_exported_file_need_its_checkpoint(tiny_onnx, tmp_path, capsys):
    for label in ("real", "fake"):
        (tmp_path / "few" / label).mkdir(parents=True)
        for i in range(2):
            noise = np.random.default_rng(i).integers(0, 256, (40, 40, 3)).astype(np.uint8)
            Image.fromarray(noise).save(tmp_path / "few" / label / f"{i}.png")
    data = ["--data", str(tmp_path / "few")]
    assert main(["explain-score", "--model", str(tiny_onnx), *data, "--method", "gradcam"]) == 2
    assert "--ckpt_path FILE" in capsys.readouterr().err


def test_a_model_whose_training_is_unknown_wants_data(tiny_onnx, capsys):
    assert main(["explain-score", "--model", str(tiny_onnx)]) == 2
    assert "--data ROOT" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["explain-score", "--help"])
    assert stopped.value.code == 0
    assert "example: dfdetect explain-score" in capsys.readouterr().out
