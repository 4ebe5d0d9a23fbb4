"""The sanity check by weights: detectors whose last layers, or all, know nothing. The only scoring that loads torch.

A map that stays the same when what was learned is thrown away explains the picture, not the detector.

Source: Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, *Sanity Checks for Saliency Maps*, NeurIPS 2018: cascading
randomisation, from the output down.
"""

import copy
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dfdetect.explain.maps import Explainer
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.models.detector import DeepfakeDetector

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

STAGES = {"head": 0.0, "last third": 1 / 3, "last two thirds": 2 / 3, "all": 1.0}
"""Shares of the layers, from the output down, that are drawn anew; the last layer always is."""
_BATCH = 16


def randomised_maps(
    file: Path, share: float, seed: int, pictures: Pixels, explainer_of: Callable[[Path], Explainer]
) -> Floats:
    """Maps of a checkpoint's network with layers drawn anew.

    Args:
        file: the checkpoint; it is left as it is.
        share: of the layers, from the output down.
        seed: of the draw.
        pictures: (N, S, S, 3) RGB uint8, as the detector's `prepare` makes them.
        explainer_of: gives a checkpoint file's explainer.

    Returns:
        (N, h, w), signed.

    Raises:
        CheckpointError: the file is no checkpoint.
    """
    checkpoint = read_detector_checkpoint(file)
    with tempfile.TemporaryDirectory(prefix="dfdetect-") as folder:
        copied = Path(folder) / "randomised.ckpt"
        torch.save(randomise(checkpoint, share, seed, pictures), copied)
        explainer = explainer_of(copied)
        parts = [explainer(pictures[start : start + _BATCH]).values for start in range(0, len(pictures), _BATCH)]
    return np.concatenate(parts)


def randomise(checkpoint: dict[str, Any], share: float, seed: int, pictures: Pixels) -> dict[str, Any]:
    """The same checkpoint with layers drawn anew.

    Layers are initialised as before a training. Statistics of their batch normalisation are then taken from the
    pictures: without it the signal would die out on its way, and maps of nothing are no test.

    Args:
        checkpoint: as `read_detector_checkpoint` gives it; it is not changed.
        share: of the layers, from the output down.
        seed: of the draw.
        pictures: (N, S, S, 3) RGB uint8.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        detector = load_detector(checkpoint)
        layers = [module for module in detector.modules() if list(module.parameters(recurse=False))]
        chosen = layers[len(layers) - max(1, math.ceil(share * len(layers))) :]
        for layer in chosen:
            _draw_anew(layer)
        _take_statistics(detector, chosen, pictures)
    changed = copy.copy(checkpoint)
    changed["state_dict"] = checkpoint["state_dict"] | detector.state_dict()
    return changed


def _draw_anew(layer: nn.Module) -> None:
    reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if callable(reset):
        reset()
        return
    for parameter in layer.parameters(recurse=False):  # such as a transformer's positions
        parameter.normal_(float(parameter.mean()), float(parameter.std()) if parameter.numel() > 1 else 1.0)


def _take_statistics(detector: DeepfakeDetector, chosen: list[nn.Module], pictures: Pixels) -> None:
    norms = [layer for layer in chosen if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # a plain mean over all batches
        norm.train()
    for start in range(0, len(pictures) if norms else 0, _BATCH):
        batch = np.ascontiguousarray(pictures[start : start + _BATCH].transpose(0, 3, 1, 2))
        detector(Tensor(torch.from_numpy(batch)))
    detector.eval()
