"""Facts of a file, read without its engine, are those that its engine reads."""

import pytest

from dfdetect.deploy.engines.facts import EXPORTED_SUFFIXES, read_facts
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import DamagedModelError, ForeignModelError, ModelFileError
from dfdetect.files import sha256_of


@pytest.mark.parametrize("kind", ["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def test_facts_of_a_file_and_its_checkpoint(kind, tiny_checkpoint, request):
    model = request.getfixturevalue(f"tiny_{kind}")
    facts = read_facts(model)
    assert facts == Detector.load(model).facts
    assert facts.checkpoint_sha256 == sha256_of(tiny_checkpoint)


@pytest.mark.parametrize("suffix", EXPORTED_SUFFIXES)
def test_what_is_no_model(suffix, tmp_path):
    file = tmp_path / f"m{suffix}"
    file.write_bytes(b"<svg/>")
    with pytest.raises(DamagedModelError):
        read_facts(file)
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_facts(tmp_path / f"missing{suffix}")


def test_a_model_of_others(tmp_path):
    (tmp_path / "m.xml").write_text("<net/>")
    with pytest.raises(ForeignModelError):
        read_facts(tmp_path / "m.xml")
