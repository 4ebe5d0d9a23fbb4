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


def residual(zero):
    """x + a, rounded, + b; and what a layer in between would see of the first sum. A `zero` of 0 is a ReLU as well."""
    make, one = onnx.helper.make_node, onnx.TensorProto.FLOAT
    nodes = [
        *rounding("x"),
        make("Add", ["x_rounded", "a"], ["sum"]),
        *rounding("sum"),
        make("Add", ["sum_rounded", "b"], ["out"]),
        make("Identity", ["sum_rounded"], ["seen"]),
    ]
    inputs = [onnx.helper.make_tensor_value_info(name, one, [4]) for name in ("x", "a", "b")]
    outputs = [onnx.helper.make_tensor_value_info(name, one, [4]) for name in ("out", "seen")]
    constants = [
        onnx.numpy_helper.from_array(np.float32(SCALE), "scale"),
        onnx.numpy_helper.from_array(np.uint8(zero), "zero"),
    ]
    graph = onnx.helper.make_graph(nodes, "residual", inputs, outputs, constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)


def evaluated(model, given):
    from onnx.reference import ReferenceEvaluator

    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]


def given():
    rng = np.random.default_rng(0)
    return {name: rng.random(4, dtype=np.float32) - 0.5 for name in ("x", "a", "b")}


def test_the_next_sum_reads_it_unrounded_and_the_layer_between_rounded():
    model, values = residual(128), given()
    rounded = np.round(values["x"] / SCALE) * SCALE  # what is no sum stays rounded
    before, _ = evaluated(model, values)
    _add_to_exact_sums(model)
    onnx.checker.check_model(model)
    out, seen = evaluated(model, values)
    np.testing.assert_allclose(out, rounded + values["a"] + values["b"], atol=1e-6)
    np.testing.assert_allclose(seen, np.round((rounded + values["a"]) / SCALE) * SCALE, atol=1e-6)
    assert np.abs(before - out).max() > 0.01


def test_where_rounding_is_the_activation_too_nothing_is_passed_by():
    model, values = residual(0), given()
    before = evaluated(model, values)
    assert (before[1] >= 0).all()
    _add_to_exact_sums(model)
    for was, now in zip(before, evaluated(model, values), strict=True):
        np.testing.assert_array_equal(was, now)
