"""Which layer of a network a gradient method looks at: the last one that still knows places."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dfdetect.errors import ExplainError

_MOST_PREFIX = 8
_NO_LAYER = (nn.Linear, nn.Dropout, nn.Identity, nn.Softmax)
"""A projection within attention stands for no place of the network, and dropout, identity and softmax pass through what
attention makes: maps of tokens by tokens, which look like pictures."""


@dataclass(frozen=True)
class Layer:
    """A layer with places.

    Attributes:
        name: in the network.
        module: the layer itself.
        as_map: brings its output to (N, C, h, w).
    """

    name: str
    module: nn.Module
    as_map: Callable[[Tensor], Tensor]


def target_layer(network: nn.Module, pixels: Tensor, margin: Callable[[Tensor], Tensor], named: str = "") -> Layer:
    """The last layer to run whose output has places and whose every place can move the margin.

    So it is the feature map before pooling in a convolutional network. In a transformer that answers by its class token
    nothing after the last attention can move it but that token, and the layer is the normalisation before.

    Args:
        network: in evaluation mode.
        pixels: (N, 3, S, S) a few real pictures, in which few places are without effect by chance.
        margin: output of the network to (N,).
        named: take the layer of this name; empty to find it.

    Raises:
        ExplainError: there is none, or none of that name.
    """
    modules = {name: module for name, module in network.named_modules() if name}
    if named and named not in modules:
        learned = [name for name, module in modules.items() if any(True for _ in module.parameters())]
        raise ExplainError(f"--layer {named}: there is no such layer; the last ones are {', '.join(learned[-6:])}")
    found: list[tuple[Layer, Tensor]] = []
    watched = {named: modules[named]} if named else modules
    with torch.enable_grad(), _watching(watched, found, len(pixels), pixels.shape[-1]):
        value = margin(network(pixels.clone().float().requires_grad_())).sum()
    outputs = [output for _, output in found]
    gradients = torch.autograd.grad(value, outputs, allow_unused=True) if outputs else ()
    for (layer, _), gradient in reversed(list(zip(found, gradients, strict=True))):
        if gradient is not None and bool((layer.as_map(gradient).abs().sum(dim=(0, 1)) > 0).float().mean() > 0.5):
            return layer
    raise ExplainError(
        f"--layer {named}: its output has no places, or they cannot move the answer"
        if named
        else "No layer of this network has places that can move its answer. Try --method occlusion"
    )


def as_map(shape: torch.Size, batch: int, size: int) -> Callable[[Tensor], Tensor] | None:
    """How to bring an output of this shape to (N, C, h, w); None where it has no places.

    Known are feature maps with channels first or last, and tokens (N, T, C), perhaps behind a few that are no place.

    Args:
        shape: of the output.
        batch: N.
        size: side of the network's input.
    """
    if len(shape) not in (3, 4) or shape[0] != batch:
        return None
    if len(shape) == 4:
        if shape[2] == shape[3] and _divides(size, shape[2]):
            return _same
        return _channels_first if shape[1] == shape[2] and _divides(size, shape[1]) else None
    for prefix in range(_MOST_PREFIX + 1):
        side = round(max(shape[1] - prefix, 0) ** 0.5)
        if side * side == shape[1] - prefix and _divides(size, side):
            return _Tokens(prefix, side)
    return None


def _divides(size: int, cells: int) -> bool:
    """Whether an input of that side can have so many cells: one for each so many pixels, the last one perhaps short."""
    return 1 < cells <= size and -(-size // -(-size // cells)) == cells


def _same(output: Tensor) -> Tensor:
    return output


def _channels_first(output: Tensor) -> Tensor:
    return output.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class _Tokens:
    prefix: int
    side: int

    def __call__(self, output: Tensor) -> Tensor:
        places = output[:, self.prefix :]
        return places.transpose(1, 2).reshape(len(output), -1, self.side, self.side)


@contextmanager
def _watching(
    modules: dict[str, nn.Module], found: list[tuple[Layer, Tensor]], batch: int, size: int
) -> Iterator[None]:
    """Note each layer with places as it runs, with its output; no hook is left behind."""

    def note(name: str, module: nn.Module, output: Any) -> None:
        if isinstance(module, _NO_LAYER) or not isinstance(output, Tensor) or not output.requires_grad:
            return
        bring = as_map(output.shape, batch, size)
        if bring is not None:
            found.append((Layer(name, module, bring), output))

    hooks = [
        module.register_forward_hook(lambda own, _, output, name=name: note(name, own, output))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
