"""One network to all formats and precisions; for int8 it finds out which layers must stay in floating point."""

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dfdetect.deploy.engines.engine import Batch, Scores, require
from dfdetect.deploy.export.bias_correction import corrected
from dfdetect.deploy.export.network import HEAD, LEAST_HALVED, ExportNetwork, convolutions, frontends, sees
from dfdetect.deploy.metadata import Format, Layout, ModelFacts, Precision
from dfdetect.deploy.quiet import hushed
from dfdetect.deploy.runtime import Detector

_PREFIXES = (0, 2, 4)
"""How many convolutions at the input may stay in float at int8: in the first few, where there are few channels, and
depthwise ones among them, single channels of a wide range cost the others their resolution."""
_GOOD_ENOUGH = 0.025
"""Mean change of p_fake on the calibration images from which no further layer is kept in float,"""
_MAPS_ENOUGH, _MAPS_BELOW = 0.99, 0.05
"""if no more than this share of their heatmaps correlates by less with what it was. The worst ones are maps of which
all places say about the same, where int8's grain shows most."""
_BATCH = 16
_EVEN = 1e-6


@dataclass(frozen=True)
class _Steps:
    """How a format is made: `plain` of a network in fp32, `half` and `quantise` of what that gave, `write` of any.

    `narrow`: its engines may add products of bytes in 16 bits. Such a format's quantiser takes steps that are given.
    """

    plain: Callable[[ExportNetwork, int], Any]
    half: Callable[[Any, Sequence[str]], Any]
    quantise: Callable[[Any, Batch, Sequence[str], Mapping[str, Tensor]], Any]
    write: Callable[[Any, ModelFacts, Path], None]
    suffix: str
    layout: Layout
    narrow: bool


def _steps(format: Format) -> _Steps:  # noqa: A002
    if format == "litert":
        from dfdetect.deploy.export import to_litert

        return _Steps(
            to_litert.litert_model,
            to_litert.half_litert,
            lambda content, pixels, keep, _: to_litert.quantise_litert(content, pixels, keep),
            to_litert.write_litert,
            suffix=".tflite",
            layout="NHWC",
            narrow=False,
        )
    from dfdetect.deploy.export import to_onnx, to_openvino

    write = to_openvino.write_openvino if format == "openvino" else to_onnx.write_onnx
    suffix = ".xml" if format == "openvino" else ".onnx"
    own = (to_onnx.onnx_model, to_onnx.half_onnx, to_onnx.quantise_onnx, write)
    return _Steps(*own, suffix=suffix, layout="NCHW", narrow=True)


class Converter:
    """Writes a network as files.

    Args:
        network: in evaluation mode.
        size: side of its input.
        calibration: (N, S, S, 3) uint8, images of the training part, which int8 needs; None without.
        threads: of the runs that choose an int8 network's float layers.
    """

    def __init__(self, network: ExportNetwork, size: int, calibration: Batch | None, threads: int) -> None:
        # litert_torch 0.10 writes wrong numbers of weights that lie channels-last, as those of our detectors do
        self.network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
        self.size, self.calibration, self.threads = size, calibration, threads
        seen = convolutions(self.network, size)  # which also has front-ends make what depends on the size
        self.layers = [name for name in seen if not sees(name)]
        self._plain: dict[Callable[..., Any], Any] = {}
        self._awaiting: dict[tuple[Callable[..., Any], tuple[str, ...]], tuple[Any, Mapping[str, Tensor]]] = {}

    def convert(self, format: Format, precision: Precision, facts: ModelFacts) -> tuple[Any, ModelFacts]:  # noqa: A002
        """What `write` writes, and the facts of such a file.

        Raises:
            MissingExtraError: a library is not installed.
            ValueError: int8 without calibration images.
        """
        if precision == "int8" and self.calibration is None:
            raise ValueError("int8 needs calibration images")
        steps = _steps(format)
        own = replace(facts, format=format, precision=precision, layout=steps.layout)
        if precision == "int8" and self.calibration is not None:
            return self._quantise(steps, own, self.calibration)
        plain = self._made(steps)
        return steps.half(plain, self._small()) if precision == "fp16" else plain, own

    def _made(self, steps: _Steps) -> Any:
        """The network in fp32."""
        if steps.plain not in self._plain:
            self._plain[steps.plain] = steps.plain(self.network, self.size)
        return self._plain[steps.plain]

    def _ready(self, steps: _Steps, keep: tuple[str, ...], pixels: Batch) -> tuple[Any, Mapping[str, Tensor]]:
        """One in fp32 whose weights and biases await int8 in all but those layers, and its channels' steps."""
        if (steps.plain, keep) not in self._awaiting:
            network, widths = corrected(self.network, pixels, keep, steps.narrow)
            self._awaiting[steps.plain, keep] = steps.plain(network, self.size), widths
        return self._awaiting[steps.plain, keep]

    def _quantise(self, steps: _Steps, facts: ModelFacts, pixels: Batch) -> tuple[Any, ModelFacts]:
        """With more and more layers in float, until the calibration images get about the scores that they had."""
        tried: list[tuple[float, Any, ModelFacts]] = []
        for prefix in _PREFIXES:
            if prefix < len(self.layers):
                own = replace(facts, float_layers=tuple(self._kept(prefix)))
                plain, widths = self._ready(steps, own.float_layers, pixels)
                model = steps.quantise(plain, pixels, own.float_layers, widths)
                error = self._error(model, own)
                tried.append((error, model, own))
                if error <= 1:
                    break
        _, model, own = min(tried, key=lambda one: one[0])
        return model, own

    def _small(self) -> list[str]:
        weights = {name: module.weight for name, module in self.network.named_modules() if name in self.layers}
        small = [name for name in self.layers if weights[name].numel() < LEAST_HALVED]
        return frontends(self.network) + small

    def _kept(self, prefix: int) -> list[str]:
        return [*frontends(self.network), *self.layers[:-1][:prefix], HEAD]

    def _error(self, model: Any, facts: ModelFacts) -> float:
        """How far a model, in its own engine, is off on the calibration images: 1 where it is just good enough."""
        with tempfile.TemporaryDirectory() as folder:
            file = write(model, facts, Path(folder), "model")
            detector = Detector.load(file, self.threads)
            found = [detector.judge(batch) for batch in self._batches()]
        p_fake, heatmaps = self._wanted
        moved = float(np.abs(np.concatenate([scores for scores, _ in found]) - p_fake).mean())
        maps = correlation(np.concatenate([one for _, one in found if one is not None]), heatmaps)
        return max(moved / _GOOD_ENOUGH, float(1 - np.quantile(maps, _MAPS_BELOW)) / (1 - _MAPS_ENOUGH))

    @cached_property
    def _wanted(self) -> tuple[Scores, Scores]:
        """p_fake and heatmaps of the calibration images by the network itself."""
        with torch.inference_mode():
            pixels = (np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) for batch in self._batches())
            found = [self.network(torch.from_numpy(batch)) for batch in pixels]
            return tuple(torch.cat(parts).numpy() for parts in zip(*found, strict=True))  # type: ignore[return-value]

    def _batches(self) -> list[Batch]:
        images = self.calibration
        return [] if images is None else [images[i : i + _BATCH] for i in range(0, len(images), _BATCH)]


def correlation(first: Scores, second: Scores) -> npt.NDArray[np.float64]:
    """Pearson's correlation of each map (N, h, w) with its counterpart, (N,); 1 where both are even, 0 where one is."""
    one, two = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (first, second))
    one, two = one - one.mean(axis=1, keepdims=True), two - two.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1)
    even = (sizes[0] < _EVEN) & (sizes[1] < _EVEN)
    found: npt.NDArray[np.float64] = np.where(even, 1, (one * two).sum(axis=1) / np.maximum(sizes[0] * sizes[1], 1e-12))
    return found


def write(model: Any, facts: ModelFacts, folder: Path, stem: str) -> Path:
    """Write what `Converter.convert` gave, with its facts inside; returns the file."""
    steps = _steps(facts.format)
    file = folder / f"{stem}{steps.suffix}"
    steps.write(model, facts, file)
    return file


def require_libraries(formats: Sequence[Format]) -> None:
    """Ask for all that the formats need before the first minute of work; raises `MissingExtraError`."""
    from_onnx = (("onnx", "onnx"), ("onnxscript", "onnx"), ("onnxruntime", "onnx"))
    needed = {
        "onnx": from_onnx,
        "openvino": (*from_onnx, ("openvino", "openvino")),
        "litert": tuple((library, "litert") for library in ("ai_edge_litert", "ai_edge_quantizer", "litert_torch")),
    }
    for name in formats:
        for library, extra in needed[name]:
            with hushed():
                require(library, extra, f"Exporting to {name}")
