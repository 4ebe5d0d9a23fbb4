"""ONNX, by way of torch.export, with the facts in its metadata; in half precision and in int8 too."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dfdetect.deploy.engines.engine import require
from dfdetect.deploy.export.network import BACKBONE, HEAD, LEAST_HALVED, ExportNetwork, convolutions, sees
from dfdetect.deploy.metadata import INPUT, OUTPUTS, ModelFacts
from dfdetect.deploy.quiet import hushed
from dfdetect.deploy.seal import KEY, OPEN, close_seal
from dfdetect.errors import ExportError
from dfdetect.files import replacing

_OPSET = 18
"""The lowest that the exporter writes natively; ONNX Runtime reads it since 1.14, its web build too."""
_QUANTISED = ["Conv", "Clip", "Relu", "Add", "MaxPool"]
"""Operators that compute in int8; normalisation and score stay as they are."""
_CALIBRATION_BATCH, _RECENT = 2, 0.1
"""Pictures of a batch, and what its extremes weigh against those before: of an activation's range the usual extremes
are taken, as LiteRT's quantiser does. The very largest value of all pictures would cost every other its resolution."""


def onnx_model(network: ExportNetwork, size: int) -> Any:
    """The network as an `onnx.ModelProto`: uint8 (N, 3, size, size) with any N, without the exporter's notes.

    Convolutions are called as in the network.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
        ExportError: the graph's convolutions cannot be told apart.
    """
    for library in ("onnx", "onnxscript", "onnxruntime"):
        require(library, "onnx", "Exporting to ONNX or OpenVINO")
    example = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8)
    with hushed():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            external_data=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS[: 1 if network.heatmap is None else 2]),
            dynamic_shapes={INPUT: {0: torch.export.Dim("N", min=1)}},
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    nodes = [node for node in model.graph.node if node.op_type == "Conv"]
    names = convolutions(network, size)
    if len(nodes) != len(names):
        raise ExportError(f"The network has {len(names)} convolutions and its ONNX graph {len(nodes)}: not exported")
    for node, name in zip(nodes, names, strict=True):  # both in the order in which they run
        node.name = name
    strip_notes(model)
    return model


def half_onnx(model: Any, keep: Sequence[str]) -> Any:
    """The same network with weights in half precision, but for those of the convolutions in `keep` and small matrices.

    Engines widen the weights again when they load them and compute in the precision that is fast for them.
    """
    import onnx
    from onnx import numpy_helper

    halved = _copy(model)
    kept = {name for node in halved.graph.node if node.name in keep for name in node.input}
    widening = []
    for tensor in halved.graph.initializer:
        values = numpy_helper.to_array(tensor)
        large = values.ndim == 4 or (values.ndim > 1 and values.size >= LEAST_HALVED)
        if values.dtype == np.float32 and large and tensor.name not in kept and not sees(tensor.name):
            name, stored = tensor.name, f"{tensor.name}.half"
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
            widening.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*widening, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def quantise_onnx(
    model: Any, pixels: npt.NDArray[np.uint8], keep: Sequence[str], steps: Mapping[str, torch.Tensor]
) -> Any:
    """The same network in int8: static, weights a scale a channel, activations by their usual range on `pixels`.

    Args:
        model: in fp32.
        pixels: (N, S, S, 3) uint8, pictures of the training part.
        keep: convolutions that stay in floating point, with all that runs before the last of them but for the
            heatmap's, after which everything does.
        steps: of each other convolution (out,), on which its weights lie.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = _batches(pixels)

        def get_next(self) -> dict[str, Any] | None:
            return next(self.batches, None)

    named = _copy(model)
    for place, node in enumerate(named.graph.node):
        node.name = node.name or f"{node.op_type}_{place}"
    with tempfile.TemporaryDirectory() as folder, hushed():
        target = Path(folder) / "int8.onnx"
        quantize_static(
            named,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_QUANTISED,
            nodes_to_exclude=_around(named, keep),
            extra_options={
                "CalibMovingAverage": True,
                "CalibMovingAverageConstant": _RECENT,
                "TensorQuantOverrides": _overrides(named, steps),
            },
        )
        quantised = onnx.load(target)
    _add_to_exact_sums(quantised)
    strip_notes(quantised)
    return quantised


def strip_notes(model: Any) -> None:
    """Take away what exporters and quantisers note on each node: a third of a small network's structure."""
    for graph in (model.graph, *model.functions):
        for group in (graph.node, getattr(graph, "initializer", ())):
            for item in group:
                item.doc_string = ""
                del item.metadata_props[:]
        graph.doc_string = ""
        del graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    del model.graph.value_info[:]  # shapes in between, which engines infer themselves
    del model.metadata_props[:]


def write_onnx(model: Any, facts: ModelFacts, file: Path) -> None:
    """Write an `onnx.ModelProto` with its facts and its seal."""
    written = _copy(model)
    for key, value in {**facts.to_strings(), KEY: OPEN}.items():
        entry = written.metadata_props.add()
        entry.key, entry.value = key, value
    written.producer_name, written.producer_version = "dfdetect", facts.dfdetect_version
    with replacing(file) as temporary:
        temporary.write_bytes(written.SerializeToString())
    close_seal(file)


def _copy(model: Any) -> Any:
    copied = type(model)()
    copied.CopyFrom(model)
    return copied


def _around(model: Any, keep: Sequence[str]) -> list[str]:
    """Nodes before the backbone, up to the last of its first convolutions that are kept, and from the heatmap's on."""
    names = [node.name for node in model.graph.node]
    head = names.index(HEAD)
    begin = next(place for place, name in enumerate(names) if name.startswith(BACKBONE))
    last = max((names.index(name) + 1 for name in keep if name in names[:head]), default=begin)
    return names[:last] + names[head:]


def _overrides(model: Any, steps: Mapping[str, torch.Tensor]) -> dict[str, list[dict[str, Any]]]:
    """What the quantiser takes in place of scales of its own, by the weights' names: one a channel."""
    zero = np.zeros((), np.int8)
    return {
        node.input[1]: [
            {"axis": 0, "scale": np.float32(step), "zero_point": zero} for step in steps[node.name].tolist()
        ]
        for node in model.graph.node
        if node.op_type == "Conv" and node.name in steps
    }


def _add_to_exact_sums(model: Any) -> None:
    """Let each residual sum add to the one before as it was, not as int8 rounds it for the layer in between.

    Of a MobileNetV2's heatmaps that takes away up to a tenth of int8's noise, most where all places say about the same
    (docs/explain.md), and costs nothing that could be measured: the tensors are small. Sums that are activated, as a
    ResNet's, stay rounded: the quantiser leaves their ReLU to the rounding, which cuts off at a zero point of 0.
    """
    from onnx.numpy_helper import to_array

    maker = {output: node for node in model.graph.node for output in node.output}
    constants = {one.name: one for one in model.graph.initializer}

    def keeps_sign(rounding: Any) -> bool:
        zero = to_array(constants[rounding.input[2]]) if rounding.input[2] in constants else np.zeros(1, np.uint8)
        return bool((zero > np.iinfo(zero.dtype).min).all())

    for node in model.graph.node:
        for place, name in enumerate(node.input if node.op_type == "Add" else ()):
            read = maker.get(name)
            rounded = maker.get(read.input[0]) if read is not None and read.op_type == "DequantizeLinear" else None
            added = maker.get(rounded.input[0]) if rounded is not None else None
            if rounded is not None and added is not None and added.op_type == "Add" and keeps_sign(rounded):
                node.input[place] = rounded.input[0]


def _batches(pixels: npt.NDArray[np.uint8]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(pixels), _CALIBRATION_BATCH):
        batch = pixels[start : start + _CALIBRATION_BATCH]
        yield {INPUT: np.ascontiguousarray(batch.transpose(0, 3, 1, 2))}
