"""`dfdetect explain` through the real command line: real checkpoints on drawn faces, and a detector that is known."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dfdetect.data import face_model
from dfdetect.deploy import runtime
from dfdetect.explain import photos
from dfdetect.main import main
from tests.deploy.standin import BAND, Standin, find_marked, marked, textured
from tests.fuzz_seeds import video_seeds


@pytest.fixture
def detector(monkeypatch):
    """What every `--model FILE` is in these tests."""
    made = Standin(BAND)
    Path("model.onnx").write_bytes(b"model")
    monkeypatch.setattr(runtime.Detector, "load", classmethod(lambda cls, path, threads=None: made))
    monkeypatch.setattr(face_model, "face_model", lambda named: "yunet.onnx")
    monkeypatch.setattr(photos, "search", lambda image, model: find_marked(image))
    return made


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    (root / "more").mkdir(parents=True)
    for name, red in (("1-fake.png", 220), ("2-real.png", 30), ("more/1-fake.png", 200)):
        Image.fromarray(marked(np.full((200, 300, 3), 90, np.uint8), (60, 40, 100, red))).save(root / name)
    Image.fromarray(textured(100, 100, 100)).save(root / "3-noface.png")
    return root


def explain(*arguments):
    return main(["explain", *map(str, arguments)])


def test_pictures_and_json_of_each_face(detector, folder, capsys):
    assert explain(folder, "--model=model.onnx", "--out=why") == 0
    said = capsys.readouterr()
    table = [line.replace(f"{folder}/", "") for line in said.out.splitlines()]
    assert [line.split()[0] for line in table] == ["fake", "real", "uncertain", "fake"]
    assert "hair/background +" in table[0]
    assert table[0].endswith("why/1-fake-1.png")
    assert "no face found" in table[2]
    assert "4 files, 3 faces explained, 0 unreadable; pictures in why" in said.err
    assert sorted(file.name for file in Path("why").iterdir()) == [
        *("1-fake-1.json", "1-fake-1.png", "1-fake-2-1.json", "1-fake-2-1.png", "2-real-1.json", "2-real-1.png")
    ]
    written = json.loads(Path("why/1-fake-1.json").read_text())
    assert written["p_fake"] == pytest.approx(0.863, abs=0.01)
    assert written["threshold"] == 0.5
    assert np.array(written["map"]).shape == (4, 4)
    assert cv2.imread("why/1-fake-1.png") is not None


def test_what_an_earlier_run_drew_is_not_explained(detector, folder, capsys):
    for _ in range(2):
        assert explain(folder, "--model=model.onnx", f"--out={folder / 'why'}") == 0
        assert "4 files, 3 faces explained" in capsys.readouterr().err
    assert explain(folder / "why" / "1-fake-1.png", "--model=model.onnx", f"--out={folder / 'why'}") == 0
    assert "1 files" in capsys.readouterr().err, "one that is named is"


def test_json_lines_name_what_was_written(detector, folder, capsys):
    assert explain(folder / "1-fake.png", folder / "3-noface.png", "--model=model.onnx", "--json") == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["faces"][0]["png"] == "explain/1-fake-1.png"
    assert first["faces"][0]["verdict"] == "fake"
    assert second == {"path": str(folder / "3-noface.png"), "faces": []}


def test_what_cannot_be_read_has_a_row_and_exit_code_1(detector, folder, capsys):
    (folder / "empty.jpg").touch()
    (folder / "film.mp4").write_bytes(video_seeds()["mpeg4.mp4"])
    assert explain(folder / "empty.jpg", folder / "film.mp4", "none.jpg", "--model=model.onnx") == 1
    said = capsys.readouterr()
    rows = said.out.splitlines()
    assert all(row.startswith("unreadable") for row in rows)
    assert [row.split("  ")[-1].split(":")[0] for row in rows] == ["empty file", "a video", "no such file"]
    assert not Path("explain").exists()
    assert explain("none.jpg", "--model=model.onnx", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"] == "no such file"


def test_an_empty_folder_is_nothing_explained(detector, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    assert explain(tmp_path / "none", "--model=model.onnx") == 1
    assert "0 files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--layer=x"], "--layer is of gradients"),
        (["--margin=-1"], "--margin"),
        (["--method=gradcam", "--model=model.onnx"], "--ckpt_path FILE"),
        (["--model=model.onnx", "--ckpt_path=x.ckpt"], "leave one out"),
        (["--out=file", "--model=model.onnx"], "name a folder"),
    ],
)
def test_wrong_usage(detector, arguments, cause, capsys):
    Path("file").touch()
    assert explain("a.jpg", *arguments) == 2
    assert cause in capsys.readouterr().err


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        explain("--help")
    assert stop.value.code == 0
    assert "dfdetect explain photo.jpg" in capsys.readouterr().out


def test_a_model_without_heatmap_names_the_way_on(detector, folder, capsys):
    detector.heat = False
    assert explain(folder / "1-fake.png", "--model=model.onnx") == 1
    assert "--method occlusion" in capsys.readouterr().err
    assert explain(folder / "1-fake.png", "--model=model.onnx", "--method=occlusion") == 0


def test_a_folder_that_cannot_be_written(detector, folder, capsys, monkeypatch):
    Path("parent").touch()
    assert explain(folder / "1-fake.png", "--model=model.onnx", "--out=parent/inside") == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["cam", "gradcam", "gradcam++", "occlusion"])
def test_a_real_checkpoint_on_whole_pictures(method, tiny_checkpoint, photos, capsys):
    if method.startswith("grad"):
        pytest.importorskip("pytorch_grad_cam")
    code = explain(*photos[:2], f"--ckpt_path={tiny_checkpoint}", "--faces=off", f"--method={method}", "--json")
    assert code == 0
    rows = [json.loads(line)["faces"][0] for line in capsys.readouterr().out.splitlines()]
    assert [row["method"] for row in rows] == [method] * 2
    assert np.ptp(rows[0]["map"]) > 0
    assert rows[0]["map"] != rows[1]["map"]


SCRIPT = """
import importlib.abc, sys
REFUSED = set("torch torchvision lightning torchmetrics sklearn albumentations matplotlib".split())
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise AssertionError(f"{name} was imported")
sys.meta_path.insert(0, Refuse())
from dfdetect.main import main
sys.exit(main(["explain", sys.argv[2], "--model", sys.argv[1], "--faces", "off"]))
"""


@pytest.mark.slow
def test_an_exported_file_is_explained_without_torch(tiny_onnx, photos):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tiny_onnx), photos[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(Path("explain").glob("*.png"))
