"""Foreign, damaged and tampered files: each is refused with one of our errors, whatever was done to it."""

import json
import shutil

import numpy as np
import pytest

from dfdetect.deploy.engines.flatbuffer import tflite_metadata
from dfdetect.deploy.engines.litert import ENTRY, read_strings
from dfdetect.deploy.engines.openvino import ir_metadata
from dfdetect.deploy.engines.protobuf import onnx_metadata
from dfdetect.deploy.runtime import Detector
from dfdetect.deploy.seal import KEY, OPEN, close_seal
from dfdetect.errors import CheckpointError, DamagedModelError, ForeignModelError, ModelFileError


def some_places(length: int, count: int) -> list[int]:
    return sorted(set(np.random.default_rng(0).integers(0, length, count).tolist()))


def copied(model, folder):
    """The file, and what belongs to it, in a folder of its own."""
    for part in (model, model.with_suffix(".bin")):
        if part.exists():
            shutil.copy(part, folder / f"m{part.suffix}")
    return folder / f"m{model.suffix}"


@pytest.fixture(params=["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def model(request, tmp_path):
    return copied(request.getfixturevalue(f"tiny_{request.param}"), tmp_path)


def test_changed_bytes_are_refused_with_the_reason(model):
    content = model.read_bytes()
    for place in some_places(len(content), 150):
        changed = bytearray(content)
        changed[place] ^= 0x10
        model.write_bytes(bytes(changed))
        with pytest.raises(ModelFileError, match=str(model)):
            Detector.load(model)
    model.write_bytes(content)
    Detector.load(model)


def test_a_cut_off_file_is_refused_with_the_reason(model):
    content = model.read_bytes()
    for length in [0, 1, 4, 8, 9, *some_places(len(content), 60), len(content) - 1]:
        model.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=str(model)):
            Detector.load(model)


def test_a_raised_threshold_is_noticed(model):
    content = model.read_bytes()
    for key in (b"threshold", b"temperature", b"licence"):
        place = content.index(key)
        digit = next(i for i in range(place + len(key), len(content)) if chr(content[i]).isalnum())
        changed = bytearray(content)
        changed[digit] = ord("7") if changed[digit] != ord("7") else ord("8")
        model.write_bytes(bytes(changed))
        with pytest.raises(ModelFileError):
            Detector.load(model)


def test_bytes_after_the_end_are_refused(model):
    model.write_bytes(model.read_bytes() + b"\0\0\0\0")
    with pytest.raises(ModelFileError):
        Detector.load(model)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04cpickle", b"PK\x03\x04", b"<html></html>", b"\xff" * 500, b"A" * 64]
)
@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".xml"])
def test_what_is_something_else_is_refused(content, suffix, tmp_path):
    file = tmp_path / f"m{suffix}"
    file.write_bytes(content)
    file.with_suffix(".bin").touch()
    with pytest.raises(ModelFileError, match=str(file)):
        Detector.load(file)


def test_a_pickle_called_a_checkpoint_is_refused(tmp_path):
    file = tmp_path / "m.ckpt"
    file.write_bytes(b"\x80\x04cposix\nsystem\n.")
    with pytest.raises(CheckpointError, match="refused"):
        Detector.load(file)


def test_a_model_of_others_is_foreign(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", 1, [1])],
        [onnx.helper.make_tensor_value_info("y", 1, [1])],
    )
    file = tmp_path / "m.onnx"
    file.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(ForeignModelError, match="not written by dfdetect export"):
        Detector.load(file)


def test_a_graph_that_the_engine_cannot_run_is_refused_though_it_is_sealed(tiny_facts, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from dfdetect.deploy.export.to_onnx import write_onnx

    file = tmp_path / "m.onnx"
    write_onnx(onnx.ModelProto(), tiny_facts, file)
    with pytest.raises(DamagedModelError, match="ONNX Runtime refuses it"):
        Detector.load(file)


def test_an_ir_without_its_weights_or_with_others_is_refused(tiny_openvino, tmp_path):
    model = copied(tiny_openvino, tmp_path)
    weights = model.with_suffix(".bin")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(DamagedModelError, match="changed since it was exported"):
        Detector.load(model)
    weights.unlink()
    with pytest.raises(ModelFileError, match=r"m\.bin, do not lie beside it"):
        Detector.load(model)


def test_an_xml_that_would_explode_is_not_expanded():
    bomb = b'<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><net><rt_info>&b;</rt_info></net>'
    with pytest.raises(DamagedModelError, match="no document type"):
        ir_metadata(bomb, "m.xml")


def test_the_metadata_of_an_onnx_file_is_what_onnx_reads(tiny_onnx):
    onnx = pytest.importorskip("onnx")
    wanted = {entry.key: entry.value for entry in onnx.load(tiny_onnx).metadata_props}
    assert onnx_metadata(tiny_onnx.read_bytes()) == wanted
    assert len(wanted) > 10


@pytest.mark.parametrize("content", [b"\x00", b"\x08", b"\x0a\x05ab", b"\x0b", b"\x80" * 12, b"\x09\x01"])
def test_what_is_no_protobuf_message_is_said_to_be_none(content):
    with pytest.raises(ValueError, match="not an ONNX file"):
        onnx_metadata(content)


def built_tflite(strings: dict[str, str]) -> bytes:
    """A TFLite file with nothing but metadata, by the library that wrote the format."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    tools = pytest.importorskip("ai_edge_litert.tools.flatbuffer_utils")
    model = schema.ModelT()
    model.version = 3
    first, second = schema.BufferT(), schema.BufferT()
    second.data = np.frombuffer(json.dumps(strings).encode(), np.uint8)
    model.buffers, model.metadata = [first, second], []
    for name, number in (("other", 0), (ENTRY, 1)):
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, number
        model.metadata.append(entry)
    return bytes(tools.convert_object_to_bytearray(model))


def test_the_metadata_of_a_tflite_file_is_found_by_its_name(tiny_facts, tmp_path):
    strings = {**tiny_facts.to_strings(), KEY: OPEN}
    content = built_tflite(strings)
    assert read_strings(content, "m") == strings
    assert tflite_metadata(content, "other") == b""
    assert tflite_metadata(content, "missing") is None
    file = tmp_path / "m.tflite"
    file.write_bytes(content)
    close_seal(file)
    with pytest.raises(DamagedModelError, match="no network in it"):  # though it is sealed; LiteRT itself would crash
        Detector.load(file)
    for length in range(0, len(content), 7):
        file.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            Detector.load(file)
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        file.write_bytes(bytes(changed))
        with pytest.raises(ModelFileError):
            Detector.load(file)
