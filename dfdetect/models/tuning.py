"""Which parameters learn, and how fast: tuning only norms or the head, and rates that decay towards the input."""

from collections.abc import Collection
from typing import Any, Literal

from torch import nn
from torch.nn import Parameter

from dfdetect.errors import UsageError
from dfdetect.models.backbone import Backbone

Tune = Literal["all", "norms", "head"]


def restrict(network: nn.Module, tune: Tune, name: str = "The network", new: Collection[str] = ()) -> None:
    """Let only some parameters of a backbone learn.

    `norms` are scale and shift of its normalisation layers, whichever kind it has; running statistics of BatchNorm go
    on following the data. With them learn the filters that see what nobody pretrained them for.

    Source: Frankle, Schwab and Morcos, *Training BatchNorm and Only BatchNorm*, ICLR 2021; for LayerNorm Qi, Ruan,
    Zuo and Li, *Parameter-Efficient Tuning on Layer Normalization for Pre-trained Language Models*, 2022.

    Args:
        network: the backbone, changed in place.
        tune: `all`, `norms`, or `head` for nothing of the backbone.
        name: how an error calls it.
        new: names of the layers that see new channels.

    Raises:
        UsageError: it has no normalisation layers.
    """
    if tune == "all":
        return
    network.requires_grad_(False)
    learning = norm_parameters(network) if tune == "norms" else []
    if tune == "norms" and not learning:
        raise UsageError(f"{name} has no normalisation layers: model.tune is all or head")
    widened = [network.get_submodule(place).weight for place in new] if tune == "norms" else []
    for parameter in [*learning, *widened]:
        parameter.requires_grad_(True)


def norm_parameters(network: nn.Module) -> list[Parameter]:
    """Scale and shift of all normalisation layers: torch's, torchvision's and timm's have `Norm` in their names."""
    layers = (module for module in network.modules() if "norm" in type(module).__name__.lower())
    return [parameter for layer in layers for parameter in layer.parameters(recurse=False)]


def parameter_groups(
    backbone: nn.Module, head: nn.Module, spec: Backbone, lr: float, decay: float
) -> list[dict[str, Any]]:
    """Learning parameters in groups of one depth, the head's first, each with its rate: lr x decay^(distance to head).

    Source: Clark, Luong, Le and Manning, *ELECTRA*, ICLR 2020; Bao, Dong, Piao and Wei, *BEiT*, ICLR 2022.

    Args:
        backbone: as `spec` builds it.
        head: at full rate, with what of the backbone lies behind its last block.
        spec: knows how deep a parameter lies.
        lr: of the head.
        decay: in (0, 1].

    Returns:
        Groups for a torch optimiser, each with `params`, `lr` and a `name`.

    Raises:
        UsageError: no name of its parameters tells how deep it lies.
    """
    depths, top = spec.depths(backbone)
    if top == 0:
        raise UsageError("model.layer_decay needs to know this backbone's blocks: give its Backbone `depths`, or use 1")
    members: dict[int, list[Parameter]] = {top: [p for p in head.parameters() if p.requires_grad]}
    for name, parameter in backbone.named_parameters():
        if parameter.requires_grad:
            members.setdefault(depths[name], []).append(parameter)
    return [
        {"params": members[depth], "lr": lr * decay ** (top - depth), "name": f"depth {depth:02d} of {top}"}
        for depth in sorted(members, reverse=True)
    ]
