"""ONNX, by way of torch.export, with the facts in its metadata."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from dfdetect.deploy.engines.engine import require
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.metadata import INPUT, OUTPUTS, ModelFacts
from dfdetect.deploy.seal import KEY, OPEN, close_seal
from dfdetect.files import replacing

_OPSET = 18
"""The lowest that the exporter writes natively; ONNX Runtime reads it since 1.14, its web build too."""


def onnx_model(network: ExportNetwork, size: int) -> Any:
    """The network as an `onnx.ModelProto`: uint8 (N, 3, size, size) with any N, without the exporter's notes.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
    """
    for library in ("onnx", "onnxscript"):
        require(library, "onnx", "Exporting to ONNX")
    example = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8)
    with quiet_exporter():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            external_data=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes={INPUT: {0: torch.export.Dim("N", min=1)}},
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    strip_notes(model)
    return model


def strip_notes(model: Any) -> None:
    """Take away what exporters and quantisers note on each node: a third of a small network's structure."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        for group in (graph.node, getattr(graph, "initializer", ()), graph.value_info):
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
    for key, value in {**facts.to_strings(), KEY: OPEN}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    model.producer_name, model.producer_version = "dfdetect", facts.dfdetect_version
    with replacing(file) as temporary:
        temporary.write_bytes(model.SerializeToString())
    close_seal(file)


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep exporters' progress and notices about themselves off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
