"""The snippets of docs/deploy-phone.md name what an exported file really has."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfdetect.data.resize import resize
from dfdetect.deploy.metadata import INPUT, OUTPUTS, ModelFacts

PAGE = (Path(__file__).parents[2] / "docs" / "deploy-phone.md").read_text(encoding="utf-8")
FACTS = ModelFacts("mobilenet_v2", 0.5, 1.0, True, 224, "onnx", "fp32", "NCHW", "resize", "any", "0.1.0")


def code(language: str, holds: str) -> str:
    """The one snippet in a language that holds a text."""
    (found,) = [
        block
        for name, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
        if name == language and holds in block
    ]
    return str(found)


def kotlin() -> dict[str, Any]:
    text = code("kotlin", "class DeepfakeDetector")
    (call,) = re.findall(r"runSignature\((.*?)\n        \)", text, flags=re.DOTALL)
    maps = re.findall(r"mapOf\(((?:[^()]|\([^()]*\))*)\)", call)
    names = [re.findall(r'"(\w+)" to (\w+)', one) for one in maps]
    (rows, columns) = re.findall(r"val heatmap = Array\(1\) \{ Array\((\d+)\) \{ FloatArray\((\d+)\)", text)[0]
    (scores,) = re.findall(r"val pFake = FloatArray\((\d+)\)", text)
    (size,) = re.findall(r"pixelsOf\(face, (\d+)\)", text)
    (signature,) = re.findall(r'"(\w+)"\n        \)', text)
    return {
        "signature": signature,
        "input": [name for name, _ in names[0]],
        "outputs": {
            name: {"pFake": (int(scores),), "heatmap": (1, int(rows), int(columns))}[to] for name, to in names[1]
        },
        "size": int(size),
    }


def swift() -> dict[str, Any]:
    text = code("swift", "class DeepfakeDetector")
    return {
        "signature": re.findall(r'signatureRunner\(with: "(\w+)"\)', text)[0],
        "input": re.findall(r'invoke\(with: \["(\w+)":', text),
        "outputs": re.findall(r'output\(named: "(\w+)"\)', text),
        "size": int(re.findall(r"pixels\(of: face, size: (\d+)\)", text)[0]),
        "heatmap": int(re.findall(r"has (\d+) rows of \1\b", text)[0]),
    }


def browser() -> dict[str, Any]:
    text = code("js", "onnxruntime-web/wasm")
    ((outputs, name, kind, shape),) = re.findall(
        r"const \{ ([\w, ]+) \} = await session\.run\(\{ (\w+): new ort\.Tensor\(\"(\w+)\", pixels, \[([\d, ]+)\]\)",
        text,
    )
    (length,) = re.findall(r"new Uint8Array\(([\d *]+)\)", text)
    return {
        "input": name,
        "outputs": outputs.split(", "),
        "type": kind,
        "shape": [int(side) for side in shape.split(", ")],
        "length": int(np.prod([int(factor) for factor in length.split(" * ")])),
    }


def test_the_snippets_agree_with_each_other_and_with_the_names_that_exports_get():
    assert kotlin()["input"] == swift()["input"] == [browser()["input"]] == [INPUT]
    assert list(kotlin()["outputs"]) == swift()["outputs"] == browser()["outputs"] == list(OUTPUTS)
    assert kotlin()["signature"] == swift()["signature"]
    assert kotlin()["size"] == swift()["size"] == browser()["shape"][-1] == 224
    assert kotlin()["outputs"]["heatmap"][1] == swift()["heatmap"]
    assert browser()["length"] == np.prod(browser()["shape"])


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    from dfdetect.deploy.export.network import ExportNetwork
    from dfdetect.models.detector import DeepfakeDetector

    names = ("mobilenet_v2", "resnet18")
    return {name: ExportNetwork(DeepfakeDetector(backbone=name, weights="none")).eval() for name in names}


@pytest.mark.slow
def test_the_exported_litert_file_is_as_the_phones_code_says(networks, tmp_path):
    interpreters = pytest.importorskip("ai_edge_litert.interpreter")
    pytest.importorskip("litert_torch")
    from dfdetect.deploy.export.convert import Converter, write

    model, facts = Converter(networks["mobilenet_v2"], 224, None, 1).convert("litert", "fp32", FACTS)
    interpreter = interpreters.Interpreter(model_path=str(write(model, facts, tmp_path, "model")))
    assert list(interpreter.get_signature_list()) == [kotlin()["signature"]]
    runner = interpreter.get_signature_runner(kotlin()["signature"])
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    assert list(inputs) == kotlin()["input"]
    assert inputs[INPUT]["shape"].tolist() == [1, kotlin()["size"], kotlin()["size"], 3]
    assert inputs[INPUT]["dtype"] == np.uint8
    assert {name: tuple(detail["shape"].tolist()) for name, detail in outputs.items()} == kotlin()["outputs"]
    assert {detail["dtype"] for detail in outputs.values()} == {np.float32}
    assert set(swift()["outputs"]) == set(outputs)
    table = "\n".join(line.split("|")[2] for line in PAGE.splitlines() if line.startswith("| ") and "`" in line)
    for detail in (*inputs.values(), *outputs.values()):
        shape = ", ".join(map(str, detail["shape"]))
        assert f"{np.dtype(detail['dtype'])} ({shape})" in table


@pytest.mark.slow
def test_the_exported_onnx_file_is_as_the_browsers_code_says(networks, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from dfdetect.deploy.export.convert import Converter, write

    model, facts = Converter(networks["mobilenet_v2"], 224, None, 1).convert("onnx", "fp32", FACTS)
    session = ort.InferenceSession(write(model, facts, tmp_path, "model"))
    (pixels,) = session.get_inputs()
    assert pixels.name == browser()["input"]
    assert pixels.type == f"tensor({browser()['type']})"
    assert pixels.shape[1:] == browser()["shape"][1:]
    assert {output.name for output in session.get_outputs()} == set(browser()["outputs"])


@pytest.mark.slow
def test_both_backbones_have_the_heatmap_that_the_page_says(networks):
    import torch

    for network in networks.values():
        with torch.inference_mode():
            p_fake, heatmap = network(torch.zeros(1, 3, 224, 224, dtype=torch.uint8))
        assert tuple(p_fake.shape) == kotlin()["outputs"]["p_fake"]
        assert tuple(heatmap.shape) == kotlin()["outputs"]["heatmap"]


@pytest.fixture(scope="module")
def android_program(tmp_path_factory) -> list[str]:
    """The Kotlin snippet compiled against classes with Android's and LiteRT's signatures: a command to run it."""
    if not (shutil.which("kotlinc") and shutil.which("javac") and shutil.which("java")):
        pytest.skip("no Kotlin compiler here: apt-get install kotlin default-jdk-headless")
    folder = tmp_path_factory.mktemp("kotlin")
    (folder / "Detector.kt").write_text(code("kotlin", "class DeepfakeDetector"))
    stubs = Path(__file__).parent / "android"
    classes = str(folder / "classes")
    for command in (
        ["javac", "-d", classes, *map(str, sorted(stubs.glob("*.java")))],
        ["kotlinc", "-cp", classes, "-include-runtime", "-d", str(folder / "program.jar")],
    ):
        sources = [str(folder / "Detector.kt"), str(stubs / "Main.kt")] if command[0] == "kotlinc" else []
        done = subprocess.run([*command, *sources], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return ["java", "-cp", os.pathsep.join([str(folder / "program.jar"), classes]), "MainKt"]


@pytest.mark.slow
@pytest.mark.parametrize("seen", ["whole", "through"])
@pytest.mark.parametrize(
    "shape", [(600, 637), (448, 448), (384, 384), (225, 900), (224, 224), (150, 180), (100, 900), (900, 100)]
)
def test_the_kotlin_code_compiles_and_resizes_as_the_training_did(android_program, shape, seen):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 4), np.uint8)
    if seen == "whole":
        image[..., 3] = 255
    Path("face").write_bytes(image.tobytes())
    Path("model.tflite").write_bytes(b"any")
    done = subprocess.run([*android_program, "face", str(shape[1])], capture_output=True, text=True)
    assert done.stdout.split() == ["0.25", "7", "-1.5"], done.stderr
    found = np.fromfile("face.out", np.uint8).reshape(224, 224, 3)
    alpha = image[..., 3:] / 255.0
    on_white = np.round(255 - alpha * (255.0 - image[..., :3])).astype(np.uint8)
    apart = np.abs(found.astype(int) - resize(on_white, 224))
    assert apart.max() <= 1
    if seen == "whole":  # else what lies on white is rounded twice here
        assert (apart > 0).mean() < (0.02 if min(shape) >= 224 else 0.15)
