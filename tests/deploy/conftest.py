"""A tiny trained detector in every form, made once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dfdetect.data.cache import Decoder
from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.metadata import Format, ModelFacts, Precision
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
def photos(generated_faces) -> list[str]:
    files = sorted(file for file in generated_faces.rglob("*.*") if file.suffix in (".png", ".jpg"))
    return [str(file) for file in files[::12]]


@pytest.fixture(scope="session")
def tiny_converter(tiny_network, tiny_facts, photos):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from dfdetect.deploy.export.convert import Converter

    pixels = np.stack([Decoder(tiny_facts.input_size).load(0, photo) for photo in photos])
    return Converter(tiny_network, tiny_facts.input_size, pixels, 1)


@pytest.fixture(scope="session")
def tiny_files(tiny_converter, tiny_facts, tmp_path_factory) -> Callable[[Format, Precision], Path]:
    """The tiny detector as a file of a format and a precision, made when it is first asked for."""
    from dfdetect.deploy.export.convert import write

    made: dict[tuple[Format, Precision], Path] = {}
    folder = tmp_path_factory.mktemp("exported")

    def file(kind: Format, precision: Precision = "fp32") -> Path:
        if kind == "openvino":
            pytest.importorskip("openvino")
        if (kind, precision) not in made:
            model, facts = tiny_converter.convert(kind, precision, tiny_facts)
            made[kind, precision] = write(model, facts, folder, f"tiny-{precision}")
        return made[kind, precision]

    return file


@pytest.fixture(scope="session")
def tiny_onnx(tiny_files) -> Path:
    return Path(tiny_files("onnx"))


@pytest.fixture(scope="session")
def tiny_openvino(tiny_files) -> Path:
    return Path(tiny_files("openvino"))


@pytest.fixture(scope="session")
def tiny_litert(tiny_files) -> Path:
    """Only for slow tests: its exporter takes ten seconds to import."""
    pytest.importorskip("litert_torch")
    return Path(tiny_files("litert"))
