"""ONNX Runtime: CPU everywhere, CUDA where onnxruntime-gpu is installed and finds a device."""

from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.deploy.engines.engine import Batch, Scores, reading, refuse_provider, require
from dfdetect.deploy.engines.protobuf import onnx_metadata
from dfdetect.deploy.metadata import INPUT, OUTPUTS, ModelFacts
from dfdetect.deploy.seal import check_seal
from dfdetect.errors import DamagedModelError
from dfdetect.process import forbid_telemetry

_PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Others (TensorRT, DirectML, CoreML ...) by name: they need minutes to start, or round in a way of their own."""
_ERRORS_ONLY = 3


class OnnxEngine:
    """An exported .onnx file in ONNX Runtime; sessions may be run by several threads at once.

    Args:
        file: the model.
        threads: of one run.
        provider: an execution provider; `cuda` is short for CUDAExecutionProvider.
    """

    def __init__(self, file: Path, threads: int, provider: str | None = None) -> None:
        content = reading(file)
        self.facts = ModelFacts.from_strings(read_strings(content, str(file)), str(file))
        check_seal(str(file), content)
        forbid_telemetry()
        ort = require("onnxruntime", "onnx", f"Running {file}")
        chosen = _choose(provider, ort.get_available_providers())
        try:
            self._session = ort.InferenceSession(content, session_options(ort, threads), providers=chosen)
        except Exception as error:  # onnxruntime raises classes of its C++ part, one a status code
            raise DamagedModelError(f"{file}: ONNX Runtime refuses it ({' '.join(str(error).split())})") from error
        self._outputs = [name for name in OUTPUTS if name in {output.name for output in self._session.get_outputs()}]
        self.name, self.threads = f"ONNX Runtime {ort.__version__}", threads
        self.provider = str(self._session.get_providers()[0])

    def __call__(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """As `Engine`."""
        pixels = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        p_fake, *heatmap = self._session.run(self._outputs, {INPUT: pixels})
        return p_fake, heatmap[0] if heatmap else None


def session_options(ort: Any, threads: int) -> Any:
    """`SessionOptions` of the module `onnxruntime` for a model of ours."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    # threads that spin while they wait would take the cores from whoever decodes the next pictures
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def read_strings(content: bytes, name: str) -> dict[str, str]:
    """The metadata of an ONNX file; raises `DamagedModelError` for what is none, or was cut off."""
    try:
        return onnx_metadata(content)
    except ValueError as error:
        raise DamagedModelError(f"{name}: {error}") from None


def _choose(provider: str | None, available: list[str]) -> list[str]:
    """Providers in the order to try; the CPU does what another one cannot."""
    if provider is None:
        return [name for name in _PREFERRED if name in available]
    wanted = provider.lower().removesuffix("executionprovider")
    for name in available:
        if name.lower().removesuffix("executionprovider") == wanted:
            return [name] if name == _PREFERRED[-1] else [name, _PREFERRED[-1]]
    raise refuse_provider(provider, available)
