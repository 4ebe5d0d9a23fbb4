"""Rounded weights, against all ways of rounding and against rounding to the nearest."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from dfdetect.deploy.export.rounding import NEIGHBOURS, STEPS, nearest, rounded, second_moments, steps


def error(weight, changed, moments):
    """Mean square by which a layer's output moves."""
    moved = (changed - weight).flatten(1).double()
    return torch.einsum("oi,oij,oj->", moved, moments.double().expand(len(moved), -1, -1), moved).item()


def correlated(count, seed=0):
    """Second moments of inputs that rise and fall together, (1, count, count)."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.rand(count, count, generator=generator, dtype=torch.float64)
    return (mixing @ mixing.T)[None] / count


def test_nearest_has_a_scale_a_channel_and_bears_channels_of_zeros():
    weight = torch.tensor([[0.5, -1.27, 0.004], [0.0, 0.0, 0.0]]).reshape(2, 1, 1, 3)
    expected = torch.tensor([[0.5, -1.27, 0.0], [0.0, 0.0, 0.0]]).reshape(2, 1, 1, 3)
    torch.testing.assert_close(nearest(weight), expected)


@pytest.mark.parametrize("seed", range(5))
def test_rounded_weights_lie_on_the_steps_and_keep_their_scale(seed):
    torch.manual_seed(seed)
    weight = torch.randn(6, 5, 3, 3)
    found = rounded(weight, correlated(45, seed))
    torch.testing.assert_close(nearest(found), found, atol=1e-6, rtol=0)
    largest = weight.abs().amax(dim=(1, 2, 3))
    torch.testing.assert_close(found.abs().amax(dim=(1, 2, 3)), largest)
    steps = found / (largest / STEPS)[:, None, None, None]
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)


def test_where_inputs_are_independent_the_nearest_is_best():
    torch.manual_seed(0)
    weight = torch.randn(4, 7, 1, 1)
    torch.testing.assert_close(rounded(weight, torch.eye(7)[None]), nearest(weight))


@pytest.mark.parametrize("seed", range(4))
def test_many_weights_together_err_far_less_than_each_at_its_nearest(seed):
    torch.manual_seed(seed)
    weight, moments = torch.randn(8, 64, 1, 1), correlated(64, seed)
    ours, plain = error(weight, rounded(weight, moments), moments), error(weight, nearest(weight), moments)
    assert ours < 0.3 * plain


def test_few_weights_err_between_the_best_of_all_ways_and_the_nearest():
    """On average: one weight after the other is no search, and with five there are few to take an error back."""
    best = ours = plain = 0.0
    for seed in range(4):
        torch.manual_seed(seed)
        weight, moments = torch.randn(2, 5, 1, 1), correlated(5, seed)
        scale = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / STEPS
        below = (weight / scale).floor()
        for channel in range(2):
            own = weight[channel : channel + 1]
            ways = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0, 2.0), repeat=5))).reshape(-1, 5, 1, 1)
            moved = ((below[channel] + ways).clamp(-STEPS, STEPS) * scale[channel] - own).flatten(1).double()
            best += torch.einsum("oi,ij,oj->o", moved, moments[0], moved).min().item()
        ours += error(weight, rounded(weight, moments), moments)
        plain += error(weight, nearest(weight), moments)
    assert best <= ours < 0.8 * plain


def test_weights_of_an_input_that_is_always_zero_do_no_harm():
    moments = correlated(4)
    moments[:, 2], moments[:, :, 2] = 0, 0
    weight = torch.randn(3, 4, 1, 1)
    assert torch.isfinite(rounded(weight, moments)).all()
    assert torch.isfinite(rounded(weight, torch.zeros(1, 4, 4))).all()
    assert (rounded(torch.zeros(3, 4, 1, 1), moments) == 0).all()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 1),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 8, 3, groups=4),
    ],
    ids=["pointwise", "strided", "depthwise", "two filters a channel"],
)
def test_moments_tell_how_far_an_output_moves(layer):
    torch.manual_seed(0)
    batches = [torch.rand(16, 4, 9, 9) for _ in range(8)]
    network = nn.Sequential(layer).eval()
    (moments,) = second_moments(network, {"0": layer}, batches).values()
    weight = layer.weight.detach()
    changed = weight + 0.01 * torch.randn_like(weight)
    moved = [
        conv2d(batch, changed - weight, None, layer.stride, layer.padding, groups=layer.groups) for batch in batches
    ]
    wanted = torch.cat(moved).square().mean(dim=(0, 2, 3)).sum().item()
    assert error(weight, changed, moments / len(batches)) == pytest.approx(wanted, rel=0.06)
    assert not layer._forward_pre_hooks


def test_layers_too_wide_are_left_to_the_nearest():
    wide, narrow = nn.Conv2d(200, 4, 3), nn.Conv2d(4, 4, 3)
    found = second_moments(nn.Sequential(wide, narrow), {"wide": wide, "narrow": narrow}, [torch.rand(1, 200, 8, 8)])
    assert set(found) == {"narrow"}


def neighbours(weight, step):
    """The most steps that two neighbouring channels' weights of one sign have together."""
    whole = (weight / step[:, None, None, None]).round()
    one, other = whole[:, ::2], whole[:, 1::2]
    return ((one * other > 0) * (one.abs() + other.abs())).max().item()


@pytest.mark.parametrize("shape", [(16, 24, 1, 1), (16, 4, 3, 3)], ids=["pointwise", "taps"])
@pytest.mark.parametrize("seed", range(3))
def test_narrow_weights_of_neighbours_never_pass_16_bits_together(shape, seed):
    torch.manual_seed(seed)
    weight = torch.randn(shape)
    count = weight[0].numel()
    moments = correlated(count, seed)
    step = steps(weight, narrow=True)
    assert neighbours(weight, steps(weight)) > NEIGHBOURS  # as they are they would
    for found in (rounded(weight, moments, narrow=True), nearest(weight, narrow=True)):
        whole = found / step[:, None, None, None]
        torch.testing.assert_close(whole, whole.round(), atol=1e-3, rtol=0)
        assert whole.abs().max() <= STEPS + 1e-3
        assert neighbours(found, step) <= NEIGHBOURS
    ours, plain = (error(weight, one, moments) for one in (rounded(weight, moments, True), nearest(weight, True)))
    assert ours < 0.5 * plain


def test_narrow_weights_of_an_odd_number_of_channels_have_half_the_steps_and_a_single_one_has_all():
    torch.manual_seed(0)
    odd, single = torch.randn(8, 3, 3, 3), torch.randn(8, 1, 3, 3)
    for found in (rounded(odd, correlated(27), narrow=True), nearest(odd, narrow=True)):
        assert (found / steps(odd, narrow=True)[:, None, None, None]).abs().max() <= NEIGHBOURS / 2 + 1e-3
    assert torch.equal(steps(single, narrow=True), steps(single))
    assert torch.equal(nearest(single, narrow=True), nearest(single))
