"""At int8 a residual sum adds to the one before as it was, while layers in between see it rounded."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from dfdetect.deploy.export.to_onnx import _add_to_exact_sums  # noqa: E402, of an extra

SCALE = 0.5


def rounding(name):
    """Quantise and dequantise NAME, as the quantiser puts it behind a tensor."""
    make = onnx.helper.make_node
    return [
        make("QuantizeLinear", [name, "scale", "zero"], [f"{name}_int8"]),
        make("DequantizeLinear", [f"{name}_int8", "scale", "zero"], [f"{name}_rounded"]),
    ]


def residual(activation):
    """x + a, perhaps activated, rounded, + b; and what a layer in between would see of the first sum."""
    make, one = onnx.helper.make_node, onnx.TensorProto.FLOAT
    first = [make("Add", ["x_rounded", "a"], ["sum"])]
    if activation:
        first = [make("Add", ["x_rounded", "a"], ["raw"]), make("Relu", ["raw"], ["sum"])]
    nodes = [
        *rounding("x"),
        *first,
        *rounding("sum"),
        make("Add", ["sum_rounded", "b"], ["out"]),
        make("Identity", ["sum_rounded"], ["seen"]),
    ]
    inputs = [onnx.helper.make_tensor_value_info(name, one, [4]) for name in ("x", "a", "b")]
    outputs = [onnx.helper.make_tensor_value_info(name, one, [4]) for name in ("out", "seen")]
    constants = [
        onnx.numpy_helper.from_array(np.float32(SCALE), "scale"),
        onnx.numpy_helper.from_array(np.int8(0), "zero"),
    ]
    graph = onnx.helper.make_graph(nodes, "residual", inputs, outputs, constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)


def evaluated(model, given):
    from onnx.reference import ReferenceEvaluator

    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]


@pytest.mark.parametrize("activation", [False, True])
def test_the_next_sum_reads_it_unrounded_and_the_layer_between_rounded(activation):
    model = residual(activation)
    rng = np.random.default_rng(0)
    given = {name: rng.random(4, dtype=np.float32) for name in ("x", "a", "b")}
    rounded = np.round(given["x"] / SCALE) * SCALE  # what is no sum stays rounded
    before, _ = evaluated(model, given)
    _add_to_exact_sums(model)
    onnx.checker.check_model(model)
    out, seen = evaluated(model, given)
    np.testing.assert_allclose(out, rounded + given["a"] + given["b"], atol=1e-6)
    np.testing.assert_allclose(seen, np.round((rounded + given["a"]) / SCALE) * SCALE, atol=1e-6)
    assert np.abs(before - out).max() > 0.01
