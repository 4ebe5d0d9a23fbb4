"""LiteRT (TFLite), by way of litert_torch, with the facts in a metadata buffer; in half precision and in int8 too."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dfdetect.deploy.engines.engine import require
from dfdetect.deploy.engines.litert import ENTRY
from dfdetect.deploy.export.network import ChannelsLastNetwork, ExportNetwork
from dfdetect.deploy.metadata import INPUT, OUTPUTS, ModelFacts
from dfdetect.deploy.quiet import hushed
from dfdetect.deploy.seal import KEY, OPEN, close_seal
from dfdetect.files import replacing

_SIGNATURE = "serving_default"
_QUANTISED = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD", "MAX_POOL_2D")
"""Operators that compute in int8; normalisation and score stay as they are."""
_WEIGHTED = (*_QUANTISED[:2], "FULLY_CONNECTED")


def litert_model(network: ExportNetwork, size: int) -> bytes:
    """The network as a TFLite file without metadata: uint8 (1, size, size, 3) to p_fake (1,) and heatmap (1, h, w).

    Raises:
        MissingExtraError: litert_torch is not installed.
    """
    example = torch.randint(0, 256, (1, size, size, 3), dtype=torch.uint8)
    with hushed(), tempfile.TemporaryDirectory() as folder:
        litert_torch = require("litert_torch", "litert", "Exporting to LiteRT")
        file = os.path.join(folder, "model.tflite")
        litert_torch.convert(ChannelsLastNetwork(network).eval(), sample_kwargs={INPUT: example}).export(file)
        model = _tools().read_model(file)
        _name_tensors(model)
        return bytes(_tools().convert_object_to_bytearray(model))


def half_litert(content: bytes, keep: Sequence[str]) -> bytes:
    """The same network with weights in half precision, but for those of the convolutions in `keep`."""
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    half = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    with hushed():
        quantiser = _quantiser(content)
        for name in _WEIGHTED:
            quantiser.update_quantization_recipe(".*", _operation(name), half, AlgorithmName.FLOAT_CASTING)
        _leave(quantiser, keep)
        return bytes(quantiser.quantize(enable_progress_report=False).quantized_model)


def quantise_litert(content: bytes, pixels: npt.NDArray[np.uint8], keep: Sequence[str]) -> bytes:
    """The same network in int8, as `quantise_onnx` does it; `keep` names the convolutions that stay in float."""
    with hushed():
        quantiser = _quantiser(content)
        for name in _QUANTISED:
            quantiser.add_static_config(".*", _operation(name), activation_num_bits=8, weight_num_bits=8)
        _leave(quantiser, ["", *keep])  # "": normalisation and score, which belong to no layer
        samples = [{INPUT: image[None]} for image in pixels]
        found = quantiser.calibrate({_SIGNATURE: samples}, num_threads=1)
        return bytes(quantiser.quantize(found, enable_progress_report=False).quantized_model)


def write_litert(content: bytes, facts: ModelFacts, file: Path) -> None:
    """Write a TFLite file with its facts, its seal, and outputs called as in every other format."""
    from ai_edge_litert import schema_py_generated as schema

    model = _tools().read_model_from_bytearray(bytearray(content))
    _name_outputs(model)
    model.description = f"dfdetect {facts.dfdetect_version}"
    buffer, entry = schema.BufferT(), schema.MetadataT()
    text = json.dumps({**facts.to_strings(), KEY: OPEN}, ensure_ascii=False)
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = ENTRY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    with replacing(file) as temporary:
        temporary.write_bytes(bytes(_tools().convert_object_to_bytearray(model)))
    close_seal(file)


def _tools() -> Any:
    return require("ai_edge_litert.tools.flatbuffer_utils", "litert", "Exporting to LiteRT")


def _quantiser(content: bytes) -> Any:
    return require("ai_edge_quantizer", "litert", "Exporting to LiteRT").quantizer.Quantizer(content)


def _operation(name: str) -> Any:
    from ai_edge_quantizer import qtyping

    return qtyping.TFLOperationName(name)


def _leave(quantiser: Any, layers: Sequence[str]) -> None:
    """Leave layers, and what is in them, as they are; an operator is known by its output's name, LAYER;NUMBER."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    for layer in layers:
        for name in {*_QUANTISED, *_WEIGHTED}:
            pattern = f"^{re.escape(layer)}[.;]"
            quantiser.update_quantization_recipe(pattern, _operation(name), algorithm_key=AlgorithmName.NO_QUANTIZE)


def _name_tensors(model: Any) -> None:
    """Call each operator's output LAYER;NUMBER, as layers are called in the network, and the input by its own name."""
    (graph,) = model.subgraphs
    for number, operator in enumerate(graph.operators):
        for output in operator.outputs:
            tensor = graph.tensors[output]
            tensor.name = f"{_layer(_text(tensor.name))};{number}"
    graph.tensors[graph.inputs[0]].name = INPUT


def _layer(name: str) -> str:
    """backbone.0.0 of `ChannelsLast.../...ExportNetwork_network/...Sequential_backbone/..._0/...Conv2d_0;1`."""
    path = name.rpartition(";;")[2].partition(";")[0]
    parts = [part.rpartition(".")[2].partition("_")[2] for part in path.split("/")]
    return ".".join(part for part in parts if part and part != "network")


def _name_outputs(model: Any) -> None:
    """p_fake and heatmap, told apart by their dimensions, first p_fake."""
    (graph,) = model.subgraphs
    (signature,) = model.signatureDefs
    names = {index: OUTPUTS[0 if len(graph.tensors[index].shape) == 1 else 1] for index in graph.outputs}
    for index, name in names.items():
        graph.tensors[index].name = name
    for output in signature.outputs:
        output.name = names[output.tensorIndex]
    graph.outputs = sorted((int(index) for index in graph.outputs), key=lambda index: OUTPUTS.index(names[index]))
    signature.outputs.sort(key=lambda output: OUTPUTS.index(output.name))


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
