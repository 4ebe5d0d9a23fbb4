"""Grad-CAM and its kin for any network, by the grad-cam library.

This module and `target_layer` alone load torch here: they are imported when a method asks for them. The library cuts
off what is negative and stretches each map to 0..1. Here its maps are taken before that, of the margin (logit of fake
less logit of real), so that they keep sign and unit.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.engines.engine import require
from dfdetect.errors import ExplainError
from dfdetect.evaluation.network_name import ENSEMBLE
from dfdetect.explain.colours import EVIDENCE, GRADIENT_PLUS, Scale
from dfdetect.explain.grid import Grid, middles
from dfdetect.explain.maps import Maps
from dfdetect.explain.target_layer import Layer, target_layer
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.models.layers import margin_of

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_CLASSES = {"gradcam": "GradCAM", "gradcam++": "GradCAMPlusPlus", "hirescam": "HiResCAM", "xgradcam": "XGradCAM"}
_FOR_PROBE = 4


class GradientExplainer:
    """Explains prepared pictures by gradients at one layer.

    - `gradcam`: Selvaraju et al., ICCV 2017: weights are gradients averaged over the map.
    - `gradcam++`: Chattopadhay et al., WACV 2018; fake's map less real's, since it knows only what speaks for a class.
    - `hirescam`: Draelos and Carin, arXiv:2011.08891: gradients times activations, place by place.
    - `xgradcam`: Fu et al., BMVC 2020: gradients weighted by activations.

    Where a network ends in average pooling and a linear layer, all but the second are the class activation map.

    Args:
        network: (N, 3, S, S) RGB in 0..255 to logits (N, 2); set to evaluation mode. No hook and no gradient is left.
        method: one of these.
        temperature: that its margin is divided by.
        layer: name of the layer; empty for the last with places.
        grid: gives the places of a map with so many cells on a side, as `ModelFacts.grid`.
        mirrors: explain the mean over each picture and its mirror image; the network itself knows nothing of it.

    Raises:
        MissingExtraError: grad-cam is not installed.
        ExplainError: no such layer, when it is called.
    """

    def __init__(
        self,
        network: nn.Module,
        method: str,
        temperature: float = 1.0,
        layer: str = "",
        grid: Callable[[int], Grid] = middles,
        mirrors: bool = False,
    ) -> None:
        library = require("pytorch_grad_cam", "cam", f"--method {method}")
        self._make = _unscaled(getattr(library, _CLASSES[method]))
        self._network, self._method, self._named = network.eval(), method, layer
        self._temperature, self._grid, self._mirrors = temperature, grid, mirrors
        self._layer: Layer | None = None
        self._lock = threading.Lock()

    @classmethod
    def load(cls, file: Path, method: str, layer: str = "") -> "GradientExplainer":
        """For a checkpoint; raises `CheckpointError` for what is none, `ExplainError` for members apart."""
        checkpoint = read_detector_checkpoint(file)
        facts = facts_of_checkpoint(checkpoint, file)
        detector = load_detector(checkpoint)
        if detector.hparams["backbone"].startswith(ENSEMBLE) and detector.spec.form != "map":
            raise ExplainError(
                f"--method {method}: the members of this ensemble have no layer in common, so one layer would explain "
                "one of them. Explain each by its own checkpoint, or try --method occlusion"
            )
        mirrors, detector.hparams["test_time_flip"] = detector.hparams["test_time_flip"], False
        return cls(detector, method, facts.temperature, layer, facts.grid, mirrors)

    @property
    def layer(self) -> str:
        """Name of the layer, once pictures were explained."""
        return self._layer.name if self._layer else self._named

    def __call__(self, batch: Pixels) -> Maps:
        """As `Explainer`."""
        device = next(self._network.parameters()).device
        pixels = torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).to(device)
        margin, found = self._explain(pixels)
        values: npt.NDArray[np.floating] = found
        if self._mirrors:
            mirrored_margin, mirrored = self._explain(pixels.flip(3))
            margin, values = (margin + mirrored_margin) / 2, (found + mirrored[:, :, ::-1]) / 2
        scale: Scale = GRADIENT_PLUS if self._method == "gradcam++" else EVIDENCE
        if self._method != "gradcam++":
            values = values * (values.shape[1] * values.shape[2])  # the margin is a mean over the map, not a sum
        p_fake = torch.sigmoid(margin / self._temperature).cpu().numpy()
        scaled = np.asarray(values / self._temperature, np.float32)
        return Maps(p_fake, scaled, scale, self._method, self._grid(scaled.shape[2]))

    def _explain(self, pixels: Tensor) -> tuple[Tensor, Floats]:
        """Margins (N,) and maps (N, h, w) of pixels (N, 3, S, S)."""
        with self._lock:  # hooks and gradients belong to the network
            if self._layer is None:
                self._layer = target_layer(self._network, pixels[:_FOR_PROBE], margin_of, self._named)
            logits, values = self._run(pixels, self._layer, 1.0)
            if self._method == "gradcam++":
                values = values - self._run(pixels, self._layer, -1.0)[1]
        return margin_of(logits), values

    def _run(self, pixels: Tensor, layer: Layer, sign: float) -> tuple[Tensor, Floats]:
        """Logits and maps (N, h, w) of the margin times `sign`, as the method gives them."""
        found: Floats | None = None
        wanted: list[Callable[[Tensor], Tensor]] = [lambda logits: sign * (logits[1] - logits[0])] * len(pixels)
        before = [parameter.grad for parameter in self._network.parameters()]
        try:
            with torch.enable_grad(), self._make(self._network, [layer.module], layer.as_map) as method:
                # inputs with a gradient reach networks of which every weight is frozen, too
                found = method(input_tensor=pixels.float().requires_grad_(), targets=wanted)
                logits: Tensor = method.outputs.detach()
        finally:
            for parameter, gradient in zip(self._network.parameters(), before, strict=True):
                parameter.grad = gradient
        if found is None:  # the library's context swallows an IndexError
            raise ExplainError(f"--method {self._method} found nothing at layer {layer.name}")
        return logits, found


def _unscaled(method: Any) -> Any:
    """The library's class, giving its map as it is computed: neither cut off below 0, nor stretched, nor enlarged."""

    class Unscaled(method):  # type: ignore[misc]
        def compute_cam_per_layer(self, input_tensor: Tensor, targets: Any, eigen_smooth: bool) -> Any:
            (activations,), (gradients,) = (
                [one.float().cpu().numpy() for one in kept]
                for kept in (self.activations_and_grads.activations, self.activations_and_grads.gradients)
            )
            layer = self.target_layers[0]
            return self.get_cam_image(input_tensor, layer, targets, activations, gradients, eigen_smooth)

        def aggregate_multi_layers(self, cam_per_target_layer: Any) -> Any:
            return cam_per_target_layer

    return Unscaled
