"""OpenVINO: Intel's CPUs best, ARM's and others too; `provider` is a device such as CPU, GPU or NPU."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from dfdetect.deploy.engines.engine import Batch, Pool, Scores, reading, refuse_provider, require, usable_cores
from dfdetect.deploy.engines.signal_stack import kept_signal_stack
from dfdetect.deploy.metadata import INPUT, OUTPUTS, PREFIX, ModelFacts
from dfdetect.deploy.seal import check_seal
from dfdetect.errors import DamagedModelError, ModelFileError

SECTION = PREFIX.rstrip(".")
"""Where in an IR's rt_info our metadata lies."""


class OpenVinoEngine:
    """An exported .xml file, with its .bin beside it, in OpenVINO.

    Args:
        file: the .xml.
        threads: of one run.
        provider: a device.
    """

    def __init__(self, file: Path, threads: int, provider: str | None = None) -> None:
        weights_file = file.with_suffix(".bin")
        content = reading(file)
        self.facts = ModelFacts.from_strings(ir_metadata(content, str(file)), str(file))
        if not weights_file.is_file():
            raise ModelFileError(f"{file}: its weights, {weights_file.name}, do not lie beside it; copy both files")
        weights = reading(weights_file)
        check_seal(str(file), content, weights)
        ov = require("openvino", "openvino", f"Running {file}")
        device = (provider or "CPU").upper()
        with kept_signal_stack():
            self._compiled = _compile(
                ov.Core(), file, (content, weights), device, openvino_settings(device, threads, self.facts)
            )
        names = [output.get_names() for output in self._compiled.outputs]  # an output may have several
        self._outputs = [place for name in OUTPUTS for place, own in enumerate(names) if name in own]
        self._requests = Pool(self._compiled.create_infer_request)
        self._run_once(file)
        self.name, self.provider, self.threads = f"OpenVINO {_short(ov.__version__)}", device, threads

    def _run_once(self, file: Path) -> None:
        """Run a black picture, so that no two threads make the process's first run.

        At its first use the binding looks NumPy up, under a lock of its own and under Python's; two threads that came
        to that at once waited for each other for ever.

        Raises:
            DamagedModelError: the network does not take what the file says that it takes.
        """
        size = self.facts.input_size
        try:
            self(np.zeros((1, size, size, 3), np.uint8))
        except RuntimeError as error:
            raise DamagedModelError(f"{file}: OpenVINO cannot run it ({' '.join(str(error).split())})") from error

    def __call__(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """As `Engine`."""
        pixels = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        with self._requests.borrow() as request:
            request.infer({INPUT: pixels})
            p_fake, *heatmap = (request.get_output_tensor(place).data.copy() for place in self._outputs)
        return p_fake, heatmap[0] if heatmap else None


def _compile(core: Any, file: Path, model: tuple[bytes, bytes], device: str, settings: dict[str, object]) -> Any:
    if device.split(".")[0].split(":")[0] not in {*(one.split(".")[0] for one in core.available_devices), "AUTO"}:
        raise refuse_provider(device, list(core.available_devices))
    try:
        return core.compile_model(core.read_model(*model), device, settings)
    except Exception as error:  # OpenVINO raises plain RuntimeErrors
        raise DamagedModelError(f"{file}: OpenVINO refuses it ({' '.join(str(error).split())})") from error


def ir_metadata(content: bytes, name: str) -> dict[str, str]:
    """Our metadata in an OpenVINO .xml; raises `DamagedModelError` for what is no XML of that kind."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DamagedModelError(f"{name}: an OpenVINO model declares no document type or entities")
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  # entities, which could explode, are refused above
    except ElementTree.ParseError as error:
        raise DamagedModelError(f"{name}: cut off, or not XML ({error})") from None
    if root.tag != "net":
        raise DamagedModelError(f"{name}: not an OpenVINO model: its root is <{root.tag[:40]}>, not <net>")
    section = root.find(f"rt_info/{SECTION}")
    return {} if section is None else {f"{PREFIX}{entry.tag}": entry.get("value", "") for entry in section}


def openvino_settings(device: str, threads: int, facts: ModelFacts) -> dict[str, object]:
    """What a model is compiled with, for so many threads of one run."""
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if device == "CPU":
        # one stream alone would make the runs of several threads wait for each other
        streams = max(1, usable_cores() // threads)
        settings |= {"INFERENCE_NUM_THREADS": threads * streams, "NUM_STREAMS": streams}
    if device == "CPU" or facts.precision == "fp32":
        # or newer CPUs compute in bfloat16 without a word, and p_fake moves by 1e-2
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return settings


def _short(version: str) -> str:
    match = re.match(r"[\d.]+", version)
    return match[0].rstrip(".") if match else version
