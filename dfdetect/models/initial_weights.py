"""The weights a fresh fit starts from: torchvision's, or a file's."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.errors import CheckpointError, DownloadError
from dfdetect.models.backbones import Backbone
from dfdetect.models.checkpoint import read_checkpoint


def load_backbone(network: nn.Module, spec: Backbone, source: str) -> list[str]:
    """Fill a backbone from `imagenet` or a file with a state dict of torchvision or a checkpoint of ours.

    Args:
        network: the backbone, changed in place.
        spec: its entry in the registry.
        source: `imagenet`, or a path.

    Returns:
        Names of the tensors that were left out: the head's.

    Raises:
        DownloadError: torchvision's file is neither cached nor can be fetched.
        CheckpointError: a file that is unsafe or does not fit.
    """
    state = _imagenet_state(spec) if source == "imagenet" else read_checkpoint(source)
    tensors, left_out = _pick(state, spec, set(network.state_dict()), source)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{source}: does not fit this backbone: {error}") from None
    return left_out


def _imagenet_state(spec: Backbone) -> dict[str, Tensor]:
    url = spec.weights.url
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    try:
        return spec.imagenet_state()
    except pickle.UnpicklingError:
        raise CheckpointError(f"{cached}: refused: it is not the state dict of {url}; delete it") from None
    except (OSError, RuntimeError) as error:
        raise DownloadError(
            f"ImageNet weights could not be fetched from {url} ({error}). Put the file at {cached}, or name one "
            "with --model.weights FILE, or start from random weights with --model.weights none"
        ) from error


def _pick(state: dict[str, Any], spec: Backbone, wanted: set[str], name: str) -> tuple[dict[str, Tensor], list[str]]:
    """The backbone's tensors under the names in `wanted`, and the head's names, which are left out."""
    state = state.get("state_dict", state)
    ours = any(key.startswith("backbone.") for key in state)
    prefix, heads = ("backbone.", ("head.", "normalise.")) if ours else (spec.prefix, (spec.head_prefix,))
    tensors: dict[str, Tensor] = {}
    left_out, foreign = [], []
    for key, value in state.items():
        if key.startswith(heads):
            left_out.append(key)
        elif key.startswith(prefix) and key[len(prefix) :] in wanted:
            tensors[key[len(prefix) :]] = value
        else:
            foreign.append(key)
    missing = wanted - set(tensors)
    if missing or foreign:
        raise CheckpointError(
            f"{name}: does not fit this backbone: {len(missing)} tensors missing ({', '.join(sorted(missing)[:3])}), "
            f"{len(foreign)} unknown ({', '.join(foreign[:3])})"
        )
    return tensors, left_out
