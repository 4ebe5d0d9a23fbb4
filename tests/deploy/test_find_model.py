import os
from pathlib import Path

import pytest

from dfdetect.deploy.find_model import find_model
from dfdetect.errors import ModelFileError
from tests.data.helpers import touch


def aged(*files):
    """Write files, each a second younger than the one before."""
    for age, file in enumerate(files):
        touch(Path(), file)
        os.utime(file, (age, age))


def test_a_named_file_is_taken_as_it_is():
    assert find_model(Path("any.onnx")) == Path("any.onnx")


def test_the_newest_runs_newest_exported_model_else_its_checkpoint():
    aged("lightning_logs/a/version_0/checkpoints/best.ckpt", "lightning_logs/b/version_0/checkpoints/best.ckpt")
    best = Path("lightning_logs/b/version_0/checkpoints/best.ckpt")
    assert find_model(None) == best
    touch(Path(), "lightning_logs/a/version_0/export/a.onnx", "lightning_logs/b/version_0/report.html")
    assert find_model(None) == best
    aged("lightning_logs/b/version_0/export/b.onnx", "lightning_logs/b/version_0/export/b-int8.tflite")
    touch(Path(), "lightning_logs/b/version_0/export/b-fp16.failed.onnx")
    assert find_model(None) == Path("lightning_logs/b/version_0/export/b-int8.tflite")


def test_no_run():
    with pytest.raises(ModelFileError, match=r"No run in lightning_logs.*--model FILE.*dfdetect export"):
        find_model(None)
