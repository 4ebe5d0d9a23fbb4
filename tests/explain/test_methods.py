from pathlib import Path

import pytest

from dfdetect.errors import CheckpointError, ModelFileError, UsageError
from dfdetect.explain.methods import GRADIENTS, METHODS, explainer, model_for
from tests.deploy.standin import Standin, textured


def test_a_named_file_is_taken(tiny_checkpoint):
    onnx = Path("model.onnx")
    assert model_for("cam", onnx, None) == onnx
    assert model_for("occlusion", onnx, None) == onnx
    for method in METHODS:
        assert model_for(method, None, tiny_checkpoint) == tiny_checkpoint
        assert model_for(method, tiny_checkpoint, None) == tiny_checkpoint


@pytest.mark.parametrize("method", GRADIENTS)
def test_gradients_ask_for_a_checkpoint(method):
    with pytest.raises(UsageError, match="--ckpt_path FILE"):
        model_for(method, Path("model.onnx"), None)
    with pytest.raises(CheckpointError, match="--ckpt_path FILE"):
        model_for(method, None, None)


def test_the_newest_run(tiny_checkpoint, fitted_run, monkeypatch):
    monkeypatch.setattr("dfdetect.deploy.find_model._fault", lambda *_: None)  # tests/deploy/test_find_model.py
    root = Path("lightning_logs")
    root.mkdir()
    (root / "run").symlink_to(fitted_run.parent)
    assert model_for("gradcam", None, None).resolve() == tiny_checkpoint.resolve()
    exported = root / "run" / fitted_run.name / "export" / "mobilenet_v2-fp32.onnx"
    try:
        exported.parent.mkdir(exist_ok=True)
        exported.write_bytes(b"x")
        assert model_for("cam", None, None) == exported
        assert model_for("gradcam", None, None).resolve() == tiny_checkpoint.resolve()
    finally:
        exported.unlink()
        exported.parent.rmdir()


def test_nothing_to_explain():
    with pytest.raises(ModelFileError, match="--model FILE"):
        model_for("cam", None, None)
    with pytest.raises(UsageError, match="leave one out"):
        model_for("cam", Path("a.onnx"), Path("b.ckpt"))


def test_explainers_by_name(tiny_checkpoint):
    batch = textured(32, 32, 200)[None]
    assert explainer("cam", Standin(), Path("x.onnx"))(batch).method == "cam"
    assert explainer("occlusion", Standin(), Path("x.onnx"))(batch).method == "occlusion"
    pytest.importorskip("pytorch_grad_cam")
    for method in GRADIENTS:
        assert explainer(method, Standin(), tiny_checkpoint)(batch).method == method
