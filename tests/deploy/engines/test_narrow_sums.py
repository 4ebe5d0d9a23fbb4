"""int8 is computed alike on every processor: no sum of two products that our files ask for passes 16 bits."""

import numpy as np
import pytest

from dfdetect.deploy.engines.onnx import session_options
from dfdetect.deploy.export.rounding import NEIGHBOURS

onnx = pytest.importorskip("onnx")

CHANNELS = 64


def quantised_layer(filters):
    """A 1x1 convolution of bytes with (8, CHANNELS, 1, 1) weights."""
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "unit": np.float32(1),
        "large": np.float32(16384),
        "byte": np.uint8(0),
        "middle": np.uint8(128),
        "signed": np.int8(0),
        "filters": filters,
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "unit", "byte"], ["a"]),
        helper.make_node("DequantizeLinear", ["a", "unit", "byte"], ["b"]),
        helper.make_node("DequantizeLinear", ["filters", "unit", "signed"], ["w"]),
        helper.make_node("Conv", ["b", "w"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "large", "middle"], ["d"]),
        helper.make_node("DequantizeLinear", ["d", "large", "middle"], ["y"]),
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


def by_onnxruntime(model, values):
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(model, session_options(ort, 1), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]


def by_openvino(model, values):
    ov = pytest.importorskip("openvino")
    compiled = ov.Core().compile_model(ov.Core().read_model(model), "CPU")
    return next(iter(compiled(values).values()))


@pytest.mark.parametrize("engine", [by_onnxruntime, by_openvino])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("first", [1, 64, 127])
def test_the_most_that_neighbours_may_have_is_added_exactly(engine, sign, first):
    pair = np.array([first, NEIGHBOURS - first]) * sign
    filters = np.tile(pair, (8, CHANNELS // 2)).astype(np.int8).reshape(8, CHANNELS, 1, 1)
    found = engine(quantised_layer(filters), np.full((1, CHANNELS, 4, 4), 255, np.float32))
    np.testing.assert_allclose(found, 255 * sign * NEIGHBOURS * CHANNELS / 2, atol=16384)
