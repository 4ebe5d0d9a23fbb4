import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dfdetect.main import main

QUICK = ["--rounds", "1", "--seconds", "0.01", "--threads", "1", "--batch", "1", "3"]
FILES = ("benchmark.json", "benchmark.md", "benchmark.png")


def test_a_model_alone_is_measured_and_judged(tiny_onnx, generated_faces, fitted_run, capsys):
    data = ["--data", str(generated_faces), "--split", str(fitted_run / "split.csv"), "--out", "bench"]
    assert main(["benchmark", str(tiny_onnx), *QUICK, *data]) == 0
    printed = capsys.readouterr().out
    assert printed == Path("bench/benchmark.md").read_text()
    assert "no first row in PyTorch, no ratios" in printed
    assert all(Path("bench", name).stat().st_size for name in FILES)
    result = json.loads(Path("bench/benchmark.json").read_text())
    (model,) = result["models"]
    assert result["baseline"] is None
    assert [(row["threads"], row["batch"]) for row in model["speed"]] == [(1, 1), (1, 3)]
    assert model["speed"][0]["calls"] >= 2
    assert model["size_mb"] == tiny_onnx.stat().st_size / 1e6
    assert model["quality"]["n"] == 36


def test_the_split_of_the_run_that_a_model_was_exported_into_is_found(tiny_onnx, generated_faces, fitted_run, capsys):
    for folder in ("run/export", "run/again"):
        Path(folder).mkdir(parents=True)
        shutil.copy(tiny_onnx, Path(folder, "tiny.onnx"))
    command = [
        "benchmark",
        "run/export/tiny.onnx",
        "run/again/tiny.onnx",
        *QUICK,
        "--data",
        str(generated_faces),
        "--json",
    ]
    assert main(command) == 2
    assert "--split" in capsys.readouterr().err
    shutil.copy(fitted_run / "split.csv", "run")
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert "test part of the training's own data" in result["images"]["which"]
    assert [model["name"] for model in result["models"]] == ["run/export/tiny.onnx", "run/again/tiny.onnx"]


def test_neither_torch_nor_matplotlib_is_loaded_without_a_checkpoint_and_a_picture(tiny_onnx):
    for name in ("torch", "lightning", "matplotlib", "sklearn", "albumentations"):
        Path("poison", name).mkdir(parents=True)
        Path("poison", name, "__init__.py").write_text(f"raise SystemExit('{name} was loaded')\n")
    package = str(Path(__file__).parents[3])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path("poison").resolve()), package])}
    command = [sys.executable, "-m", "dfdetect", "benchmark", str(tiny_onnx), *QUICK, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["models"][0]["engine"].startswith("ONNX Runtime")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--threads", "0"], "--threads goes from 1"),
        (["--threads", "4096"], "--threads goes from 1"),
        (["--batch", "0"], "--batch"),
        (["--rounds", "0"], "--rounds"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "--seconds"),
        (["--split", "split.csv"], "--data"),
        (["--provider", "quantum"], "quantum"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_measured(tiny_onnx, arguments, cause, capsys):
    assert main(["benchmark", str(tiny_onnx), *arguments]) == 2
    assert cause in capsys.readouterr().err


def test_a_model_that_is_none_stops_the_command(tiny_onnx, capsys):
    Path("broken.onnx").write_bytes(tiny_onnx.read_bytes()[:-10])
    assert main(["benchmark", str(tiny_onnx), "broken.onnx", *QUICK]) == 1
    assert "broken.onnx" in capsys.readouterr().err
    assert main(["benchmark", "missing.onnx"]) == 1
    assert "no such model" in capsys.readouterr().err


@pytest.mark.slow
def test_a_newest_checkpoint_that_cannot_be_run_is_said_and_left_out(tiny_onnx, capsys):
    checkpoint = Path("lightning_logs/mine/version_0/checkpoints/best.ckpt")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"no checkpoint")
    assert main(["benchmark", str(tiny_onnx), *QUICK, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["baseline"] is None
    assert any("cannot be run" in note for note in result["notes"])
    assert len(result["models"]) == 1


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["benchmark", "--help"])
    assert caught.value.code == 0
    assert "example: dfdetect benchmark" in capsys.readouterr().out


@pytest.mark.slow
def test_the_checkpoint_is_the_first_row_wherever_it_is_named(tmp_path, generated_faces, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from dataclasses import replace

    from dfdetect.callbacks.access import run_folder
    from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
    from dfdetect.deploy.export.network import ExportNetwork
    from dfdetect.deploy.export.to_onnx import onnx_model, write_onnx
    from dfdetect.models.checkpoint import read_detector_checkpoint
    from dfdetect.models.cost import load_detector
    from tests.fits import faces_data, quiet_trainer, tiny_detector

    trainer = quiet_trainer(tmp_path / "lightning_logs")
    trainer.fit(tiny_detector(backbone="mobilenet_v2"), faces_data(generated_faces))
    file = run_folder(trainer) / "checkpoints" / "best.ckpt"
    checkpoint = read_detector_checkpoint(file)
    facts = facts_of_checkpoint(checkpoint, file)
    network = ExportNetwork(load_detector(checkpoint)).eval()
    write_onnx(onnx_model(network, facts.input_size), replace(facts, format="onnx"), Path("own.onnx"))
    capsys.readouterr()
    for arguments in (["own.onnx", str(file)], ["own.onnx"]):
        assert main(["benchmark", *arguments, *QUICK, "--data", str(generated_faces), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        base, own = result["models"]
        assert result["baseline"] == base["name"] == "best.ckpt"
        assert base["engine"].startswith("PyTorch")
        assert own["speed"][0]["speedup"] == pytest.approx(base["speed"][0]["p50_ms"] / own["speed"][0]["p50_ms"])
        assert own["ratios"]["size"] > 1
        assert own["quality"]["n"] == base["quality"]["n"] == 36
        assert own["quality"]["auroc"] == pytest.approx(base["quality"]["auroc"], abs=1e-6)
        assert "test part of the training's own data" in result["images"]["which"]
    write_onnx(
        onnx_model(network, facts.input_size), replace(facts, format="onnx", data_fingerprint="0"), Path("other.onnx")
    )
    assert main(["benchmark", "other.onnx", *QUICK, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["baseline"] is None
    assert any("another detector" in note for note in result["notes"])
