"""int8 is computed exactly on every processor."""

import numpy as np
import pytest

from dfdetect.deploy.engines import onnx as engine
from dfdetect.deploy.engines.onnx import session_options

CHANNELS = 64


def quantised_layer():
    """A 1x1 convolution of bytes whose weights are all 127: products that add up to more than 16 bits hold."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "unit": np.float32(1),
        "large": np.float32(16384),
        "byte": np.uint8(0),
        "signed": np.int8(0),
        "filters": np.full((8, CHANNELS, 1, 1), 127, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "unit", "byte"], ["a"]),
        helper.make_node("DequantizeLinear", ["a", "unit", "byte"], ["b"]),
        helper.make_node("DequantizeLinear", ["filters", "unit", "signed"], ["w"]),
        helper.make_node("Conv", ["b", "w"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "large", "byte"], ["d"]),
        helper.make_node("DequantizeLinear", ["d", "large", "byte"], ["y"]),
    ]
    shape = [1, CHANNELS, 4, 4]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 4, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_sums_of_byte_products_do_not_overflow():
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(quantised_layer(), session_options(ort, 1), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((1, CHANNELS, 4, 4), 255, np.float32)})
    np.testing.assert_allclose(found, 255 * 127 * CHANNELS, atol=16384)


@pytest.mark.parametrize("vnni", [True, False, None])
def test_only_where_bytes_may_overflow_is_the_slower_way_asked_for(vnni, monkeypatch):
    ort = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(engine, "has_vnni", lambda: vnni)
    options = session_options(ort, 1)
    if not vnni:
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry("session.x64quantprecision")
