"""LiteRT, formerly TensorFlow Lite: phones first; here on the CPU through XNNPACK."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.deploy.engines.engine import Batch, Pool, Scores, reading, refuse_provider, require
from dfdetect.deploy.engines.flatbuffer import has_network, tflite_metadata
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.quiet import closed
from dfdetect.deploy.seal import check_seal
from dfdetect.errors import DamagedModelError

ENTRY = "dfdetect"
"""Name of our entry in a TFLite file's metadata; its buffer holds one JSON object of texts."""
_PROVIDER = "CPU (XNNPACK)"


class LiteRTEngine:
    """An exported .tflite file in LiteRT; pictures are run one by one, as a phone does.

    Args:
        file: the model.
        threads: of one run.
        provider: `cpu`, the only one that Python can choose.
    """

    def __init__(self, file: Path, threads: int, provider: str | None = None) -> None:
        content = reading(file)
        self.facts = ModelFacts.from_strings(read_strings(content, str(file)), str(file))
        check_seal(str(file), content)
        if not has_network(content):  # sealed by somebody else; LiteRT would end the process
            raise DamagedModelError(f"{file}: no network in it")
        if provider is not None and provider.lower() != "cpu":
            raise refuse_provider(provider, ["CPU"])
        litert = require("ai_edge_litert.interpreter", "litert", f"Running {file}")

        def make() -> Any:
            with closed(2):  # it announces its delegate
                interpreter = litert.Interpreter(model_content=content, num_threads=threads)
                interpreter.allocate_tensors()
            return interpreter

        try:
            self._interpreters: Pool[Any] = Pool(make)
        except (ValueError, RuntimeError) as error:
            raise DamagedModelError(f"{file}: LiteRT refuses it ({' '.join(str(error).split())})") from error
        with self._interpreters.borrow() as interpreter:
            self._input = interpreter.get_input_details()[0]["index"]
            outputs = {len(output["shape"]): output["index"] for output in interpreter.get_output_details()}
        self._p_fake, self._heatmap = outputs[1], outputs.get(3)
        self.name, self.provider, self.threads = f"LiteRT {version('ai-edge-litert')}", _PROVIDER, threads

    def __call__(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """As `Engine`."""
        scores, heatmaps = [], []
        with self._interpreters.borrow() as interpreter:
            for image in batch:
                interpreter.set_tensor(self._input, image[None])
                interpreter.invoke()
                scores.append(interpreter.get_tensor(self._p_fake))
                if self._heatmap is not None:
                    heatmaps.append(interpreter.get_tensor(self._heatmap))
        return np.concatenate(scores), np.concatenate(heatmaps) if heatmaps else None


def read_strings(content: bytes, name: str) -> dict[str, str]:
    """Our metadata in a TFLite file; empty where there is none.

    Raises:
        DamagedModelError: not a TFLite file, or one that was cut off or changed.
    """
    try:
        text = tflite_metadata(content, ENTRY)
        strings = json.loads(text) if text else {}
    except ValueError as error:  # JSON's and Unicode's errors are ValueErrors too
        raise DamagedModelError(f"{name}: {error}") from None
    if not isinstance(strings, dict) or not all(isinstance(value, str) for value in strings.values()):
        raise DamagedModelError(f"{name}: damaged metadata: no texts")
    return strings
