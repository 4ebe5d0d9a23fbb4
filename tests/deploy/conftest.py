"""A tiny trained detector in every form, made once."""

from dataclasses import replace
from pathlib import Path

import pytest

from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector


@pytest.fixture(scope="session")
def tiny_checkpoint(fitted_run) -> Path:
    return Path(fitted_run) / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="session")
def tiny_facts(tiny_checkpoint) -> ModelFacts:
    return facts_of_checkpoint(read_detector_checkpoint(tiny_checkpoint), tiny_checkpoint)


@pytest.fixture(scope="session")
def tiny_network(tiny_checkpoint) -> ExportNetwork:
    return ExportNetwork(load_detector(read_detector_checkpoint(tiny_checkpoint))).eval()


@pytest.fixture(scope="session")
def tiny_onnx(tiny_network, tiny_facts, tmp_path_factory) -> Path:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from dfdetect.deploy.export.to_onnx import onnx_model, write_onnx

    file = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    write_onnx(onnx_model(tiny_network, tiny_facts.input_size), replace(tiny_facts, format="onnx"), file)
    return Path(file)
