"""Which way each weight is rounded to int8: so that a layer's output on real pictures moves least.

Each weight to its nearest step is not best: inputs of a layer rise and fall together, so the error of one weight can be
taken back by its neighbours. Weights are rounded one after the other, and what each loses is spread over those that
follow, as the inputs' second moments tell. On MobileNetV2 it takes away four fifths of what a layer's output moves by.

The result lies on the steps that quantisers use, so that theirs, to the nearest, leaves it as it is.

Source: Frantar, Ashkboos, Hoefler and Alistarh, *GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers*, ICLR 2023, after Hassibi, Stork and Wolff, *Optimal Brain Surgeon*, 1993.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

STEPS = 127
"""On each side of 0; the largest weight of a channel is the last one, in every engine's int8."""
NEIGHBOURS = 128
"""Steps that weights of one sign of two neighbouring channels may have together. x86 processors without VNNI add their
products with bytes in 16 bits, which hold 255 * 128; what is more would be cut off there, and verdicts would differ."""
_PLACES = 64
"""Of each picture's map, drawn by chance: 128 pictures give 8,192 inputs for a layer with at most `_MOST_INPUTS`."""
_MOST_INPUTS = 1200
"""Inputs of one output; layers with more (ResNet18's widest) would take minutes, and average their errors out."""
_DAMPING = 0.01
"""Share of the mean second moment that is added to each: pictures of the training part are not all pictures."""


def steps(weight: Tensor, narrow: bool = False) -> Tensor:
    """Of each channel (out,) of (out, in, h, w) weights the step of int8; with `narrow` no sum passes 16 bits.

    Which channels are neighbours where their number is odd is the engine's to say: there weights have half the steps.
    """
    largest = weight.abs().amax(dim=(1, 2, 3)).clamp(min=1e-12).double()
    if not narrow or weight.shape[1] == 1:
        return largest / STEPS
    if weight.shape[1] % 2:
        return largest / (NEIGHBOURS // 2)
    one, other = weight[:, ::2].double(), weight[:, 1::2].double()
    together = ((one * other > 0) * (one.abs() + other.abs())).amax(dim=(1, 2, 3))
    return torch.maximum(largest / STEPS, together / (NEIGHBOURS - 1))  # each may gain half a step when it is rounded


def nearest(weight: Tensor, narrow: bool = False) -> Tensor:
    """(out, in, h, w) weights as int8 holds them: a scale a channel, 0 in the middle."""
    scale = steps(weight, narrow)[:, None, None, None].to(weight.dtype)
    return (weight / scale).round() * scale


def rounded(weight: Tensor, moments: Tensor, narrow: bool = False) -> Tensor:
    """Weights on int8's steps whose errors cancel on inputs with these second moments.

    Args:
        weight: (out, in, h, w).
        moments: (1, d, d) of all outputs' inputs, or (out, d, d) of each one's own; d = in * h * w.
        narrow: as `steps` takes it.

    Returns:
        (out, in, h, w); but with `narrow`, the largest weight of each channel keeps its value, and so the channel its
        scale.
    """
    flat = weight.flatten(1).double()
    scale = steps(weight, narrow)
    largest = flat.abs().argmax(dim=1)
    factor = _factor(moments.double())
    rest, result = flat.clone(), torch.empty_like(flat)
    taps = weight[0, 0].numel()
    for place in range(flat.shape[1]):
        step = (rest[:, place] / scale).round().clamp(-STEPS, STEPS)
        if narrow:
            result[:, place] = _narrowed(step, result[:, place - taps] / scale, place // taps, weight.shape[1]) * scale
        else:
            result[:, place] = torch.where(largest == place, flat[:, place], step * scale)
        lost = (rest[:, place] - result[:, place]) / factor[:, place, place]
        rest[:, place + 1 :] -= lost[:, None] * factor[:, place, place + 1 :]
    return result.reshape(weight.shape).to(weight.dtype)


def _narrowed(step: Tensor, before: Tensor, channel: int, channels: int) -> Tensor:
    """What a weight may have of its steps (out,), given those that the channel before it has at the same place."""
    if channels > 1 and channels % 2:
        return step.clamp(-NEIGHBOURS // 2, NEIGHBOURS // 2)
    if channel % 2 == 0:
        return step
    before = before.round()
    room = torch.where(step * before > 0, NEIGHBOURS - before.abs(), STEPS)
    return step.clamp(-room, room)


def second_moments(network: nn.Module, layers: Mapping[str, nn.Conv2d], batches: Iterable[Tensor]) -> dict[str, Tensor]:
    """Of each layer's inputs: (1, d, d), or of a depthwise one (out, d, d). Layers too wide for it are left out.

    Args:
        network: in evaluation mode; all its layers are exact.
        layers: of it, by name.
        batches: pictures.
    """
    sums: dict[str, Tensor] = {}
    chance = torch.Generator().manual_seed(0)

    def add(name: str, layer: nn.Conv2d, inputs: Tensor) -> None:
        patches = _patches(layer, inputs, chance)
        sums[name] = sums.get(name, torch.zeros(())) + patches.transpose(1, 2) @ patches / patches.shape[1]

    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs, name=name: add(name, module, inputs[0]))
        for name, layer in layers.items()
        if layer.weight[0].numel() <= _MOST_INPUTS and layer.groups in (1, layer.in_channels)
    ]
    try:
        with torch.inference_mode():
            for batch in batches:
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return sums


def _patches(layer: nn.Conv2d, inputs: Tensor, chance: torch.Generator) -> Tensor:
    """What a layer's weights meet at random places: (1, places, d), or of a depthwise one (out, places, d)."""
    high, wide = layer.kernel_size
    above, left = (int(one) for one in layer.padding)  # zeros: neither backbone pads in another way
    padded = pad(inputs, (left, left, above, above))
    rows, columns = (
        torch.randint((n - reach) // stride + 1, (_PLACES,), generator=chance) * stride
        for n, reach, stride in zip(padded.shape[2:], layer.kernel_size, layer.stride, strict=True)
    )
    taken = torch.stack(
        [padded[:, :, rows + down, columns + across] for down in range(high) for across in range(wide)], dim=-1
    )  # (N, in, places, h * w)
    if layer.groups > 1:
        repeated = taken.permute(1, 0, 2, 3).flatten(1, 2)
        return repeated.repeat_interleave(layer.out_channels // layer.in_channels, dim=0)
    return taken.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)[None]


def _factor(moments: Tensor) -> Tensor:
    """Upper Cholesky factor of the inverse, damped."""
    mean = torch.diagonal(moments, dim1=1, dim2=2).mean(dim=1)[:, None, None]
    eye = torch.eye(moments.shape[1], dtype=moments.dtype)
    inverse = torch.linalg.inv(moments + (_DAMPING * mean + 1e-9) * eye)
    factor: Tensor = torch.linalg.cholesky((inverse + inverse.transpose(1, 2)) / 2, upper=True)
    return factor
