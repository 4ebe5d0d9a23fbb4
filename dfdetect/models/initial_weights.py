"""The weights a fresh fit starts from: torchvision's or timm's, or a file's."""

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor, nn

from dfdetect.errors import CheckpointError, DFDetectError, DownloadError, MissingExtraError
from dfdetect.models.backbone import Backbone
from dfdetect.models.checkpoint import read_checkpoint
from dfdetect.models.frontends.first_layer import first_convolutions, fitted_filters, refuse_changed_function
from dfdetect.models.frontends.registry import RGB
from dfdetect.models.localisation import LOCATOR

_SAFE = ".safetensors"


def load_backbone(network: nn.Module, spec: Backbone, source: str, frontend: str = RGB) -> None:
    """Fill a backbone from `imagenet`, or a file with a state dict of torchvision or timm or a checkpoint of ours.

    It is said which tensors were left out: the head's.

    Args:
        network: the backbone, changed in place.
        spec: its entry in the registry.
        source: `imagenet`, or a path; one that ends in .safetensors is read as such; `none` leaves it as it is.
        frontend: as in `model.frontend`: filters of the first layer that saw RGB are fitted to it.

    Raises:
        DownloadError: the weights are neither cached nor can be fetched.
        CheckpointError: a file that is unsafe or does not fit.
        MissingExtraError: what reads safetensors is not installed.
        UsageError: with this front-end the pretrained filters would mean something else.
    """
    if source == "none":
        return
    state = _pretrained_state(spec) if source == "imagenet" else _state_in(source)
    tensors, left_out = _pick(state, spec, set(network.state_dict()), source)
    places = _to_fit(state, spec, source, frontend)
    try:
        for place in places:
            tensors[f"{place}.weight"] = fitted_filters(tensors[f"{place}.weight"], frontend)
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{source}: does not fit this backbone: {error}") from None
    refuse_changed_function(network, places, frontend)
    rank_zero_info(f"Backbone starts from {source}; left out: {', '.join(left_out) or 'nothing'}")


def _to_fit(state: dict[str, Any], spec: Backbone, source: str, frontend: str) -> list[str]:
    """Layers whose filters were trained on RGB and are to see through another front-end."""
    trained = state.get("hyper_parameters", {}).get("frontend", RGB)
    if trained == frontend:
        return []
    if trained != RGB:
        raise CheckpointError(
            f"{source}: its first layer was trained to see through {trained}, not {frontend}. Give it what it knows: "
            f"--model.frontend {trained}"
        )
    return first_convolutions(spec)


def _state_in(source: str) -> dict[str, Any]:
    if Path(source).suffix != _SAFE or not Path(source).is_file():
        return read_checkpoint(source)
    try:
        return dict(import_module("safetensors.torch").load_file(source))
    except ModuleNotFoundError:
        raise MissingExtraError("timm", f"Reading {source}", "safetensors") from None
    except Exception as error:  # safetensors has one class of errors for all, outside of its public names
        raise CheckpointError(f"{source}: refused: no safetensors file, or a damaged one ({error})") from None


def _pretrained_state(spec: Backbone) -> dict[str, Tensor]:
    try:
        return spec.pretrained_state()
    except pickle.UnpicklingError:
        url = spec.weights.url
        raise CheckpointError(f"{spec.cached}: refused: it is not the state dict of {url}; delete it") from None
    except DFDetectError:
        raise
    except Exception as error:  # of torch.hub, or of whatever the Hugging Face client is built upon
        raise DownloadError(
            f"Pretrained weights could not be fetched from {spec.weights.url} ({' '.join(str(error).split())}). Put "
            f"the file at {spec.cached}, or name one with --model.weights FILE, or start from random weights with "
            "--model.weights none"
        ) from error


def _pick(state: dict[str, Any], spec: Backbone, own: set[str], name: str) -> tuple[dict[str, Tensor], list[str]]:
    """The backbone's tensors under its `own` names, and the head's names, which are left out."""
    state = state.get("state_dict", state)
    ours = any(key.startswith("backbone.") for key in state)
    inner = "" if ours else spec.inner
    prefix, heads = ("backbone.", ("head.", "normalise.", LOCATOR)) if ours else (spec.prefix, spec.head_prefix)
    tensors: dict[str, Tensor] = {}
    left_out, foreign = [], []
    for key, value in state.items():
        renamed = inner + key.removeprefix(prefix)
        if key.startswith(heads):
            left_out.append(key)
        elif key.startswith(prefix) and renamed in own:
            tensors[renamed] = value
        else:
            foreign.append(key)
    missing = own - set(tensors)
    if missing or foreign:
        raise CheckpointError(
            f"{name}: does not fit this backbone: {len(missing)} tensors missing ({', '.join(sorted(missing)[:3])}), "
            f"{len(foreign)} unknown ({', '.join(foreign[:3])})"
        )
    return tensors, left_out
