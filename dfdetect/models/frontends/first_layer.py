"""The first convolution of any backbone, fitted to what a front-end gives, pretrained filters included."""

import torch
from torch import Tensor, nn

from dfdetect.errors import UsageError
from dfdetect.models.backbone import Backbone
from dfdetect.models.frontends.registry import RGB, channels_of, get_frontend, parts_of

_RGB_CHANNELS = 3
_TRIED = 64
"""Side of a picture on which first layers are tried: no patch is larger."""


def fitted_filters(weight: Tensor, frontend: str) -> Tensor:
    """Filters made for RGB, for the channels of a front-end.

    With `rgb` among them the network computes at first what it did: filters of other channels start at zero, and learn.
    Without it each front-end of three channels gets the filters as they are and each of another number their sum over
    R, G and B, shared among its channels; all divided by the number of front-ends.

    Args:
        weight: (out, 3, h, w).
        frontend: as in `model.frontend`.

    Returns:
        (out, C, h, w).
    """
    parts = parts_of(frontend)
    fitted = {part: _shared(weight, get_frontend(part).channels) for part in parts}
    if RGB in parts:
        return torch.cat([own if part == RGB else torch.zeros_like(own) for part, own in fitted.items()], dim=1)
    return torch.cat([own / len(parts) for own in fitted.values()], dim=1)


def _shared(weight: Tensor, channels: int) -> Tensor:
    if channels == _RGB_CHANNELS:
        return weight
    return weight.sum(dim=1, keepdim=True).repeat(1, channels, 1, 1) / channels


def first_convolutions(spec: Backbone) -> list[str]:
    """Names of the convolutions of a backbone that see the picture itself; several where its stem has branches."""
    found: list[str] = []
    with torch.device("meta"):  # shapes only: nothing is computed
        network, pixels = spec.build().eval(), torch.empty(1, _RGB_CHANNELS, spec.input_size, spec.input_size)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(
                lambda _, inputs, name=name: found.append(name) if inputs[0] is pixels else None
            )
    network(pixels)
    return found


def widen(network: nn.Module, spec: Backbone, frontend: str, name: str) -> list[str]:
    """Have a backbone take the channels of a front-end; its random filters become those of `fitted_filters`.

    Args:
        network: as `spec` builds it, changed in place.
        spec: of the backbone.
        frontend: as in `model.frontend`.
        name: how an error calls the backbone.

    Returns:
        Names of the layers whose filters see further channels than the three that they were made for.

    Raises:
        UsageError: it has no first convolution, or sees the picture in yet another way.
    """
    channels = channels_of(frontend)
    if channels == _RGB_CHANNELS:
        return []
    places = first_convolutions(spec)
    with torch.device("meta"):
        trial = spec.build().eval()
        pixels = torch.empty(1, channels, spec.input_size, spec.input_size)
    try:
        _widen_all(trial, places, frontend)
        trial(pixels)
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"{name} cannot be given the {channels} channels of {frontend} ({' '.join(str(error).split())}). Take "
            "front-ends of three in all, such as srm"
        ) from None
    _widen_all(network, places, frontend)
    return places


def _widen_all(network: nn.Module, places: list[str], frontend: str) -> None:
    for place in places:
        layer = network.get_submodule(place)
        if not isinstance(layer, nn.Conv2d) or layer.groups != 1:
            raise ValueError(f"{place} is grouped")
        layer.weight = nn.Parameter(fitted_filters(layer.weight.detach(), frontend))
        layer.in_channels = layer.weight.shape[1]


def refuse_changed_function(network: nn.Module, places: list[str], frontend: str) -> None:
    """Refuse first layers that do not use their filters as they are, but divide by their deviation, say.

    Args:
        network: with pretrained filters as `fitted_filters` gives them.
        places: of its first convolutions.
        frontend: as in `model.frontend`.

    Raises:
        UsageError: what the network sees besides `rgb` moves its output from the start.
    """
    if RGB not in parts_of(frontend):
        return
    parts = parts_of(frontend)
    kept = torch.cat([torch.full((get_frontend(part).channels, 1, 1), float(part == RGB)) for part in parts])
    tried = torch.rand(1, len(kept), _TRIED, _TRIED, generator=torch.Generator().manual_seed(0))  # not the run's own
    with torch.inference_mode():
        for layer in (network.get_submodule(place) for place in places):
            own = next(layer.parameters())
            full, rgb_alone = (layer(values.to(own.device, own.dtype)) for values in (tried, tried * kept))
            if not torch.allclose(full, rgb_alone, atol=1e-5 if own.dtype == torch.float32 else 1e-2):
                raise UsageError(
                    "This backbone rescales the filters of its first layer: pretrained ones would mean something else "
                    f"with further channels. Take a front-end without {RGB}, or --model.weights none"
                )
