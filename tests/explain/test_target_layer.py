"""Layers are found in networks of every build, and nothing is left in them."""

import pytest
import torch
from torch import nn

from dfdetect.errors import ExplainError
from dfdetect.explain.target_layer import as_map, target_layer
from dfdetect.models.layers import margin_of

from .networks import ChannelsLast, TinyVit, convolutional, hooks_of


def found(network, named="", size=32):
    torch.manual_seed(0)
    return target_layer(network.eval(), torch.rand(2, 3, size, size) * 255, margin_of, named)


def test_a_convolutional_networks_layer_is_what_its_head_pools():
    network = convolutional()
    layer = found(network)
    assert layer.name == "features"
    assert hooks_of(network) == 0


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_a_class_tokens_layer_lies_before_the_last_attention(prefix):
    network = TinyVit(prefix=prefix, pooled=prefix == 0)
    layer = found(network)
    assert layer.name == ("norm" if prefix == 0 else "blocks.1.norm1")
    tokens = torch.arange(2 * (16 + prefix) * 3).reshape(2, 16 + prefix, 3).float()
    assert layer.as_map(tokens).shape == (2, 3, 4, 4)
    assert layer.as_map(tokens)[1, 2, 3, 0] == tokens[1, prefix + 12, 2]
    assert hooks_of(network) == 0


def test_channels_may_come_last():
    layer = found(ChannelsLast())
    assert layer.name == "norm"
    assert layer.as_map(torch.zeros(2, 4, 4, 7)).shape == (2, 7, 4, 4)


def test_a_named_layer():
    assert found(convolutional(), "features.0").name == "features.0"
    with pytest.raises(ExplainError, match="no such layer"):
        found(convolutional(), "features.99")
    with pytest.raises(ExplainError, match="has no places"):
        found(convolutional(), "head")


def test_a_network_without_places_is_refused_with_the_way_on():
    with pytest.raises(ExplainError, match="--method occlusion"):
        found(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)))


def test_no_hook_is_left_where_the_network_fails():
    network = convolutional()
    with pytest.raises(RuntimeError):
        target_layer(network, torch.zeros(1, 5, 32, 32), margin_of)
    assert hooks_of(network) == 0


@pytest.mark.parametrize(
    "shape",
    [(2, 8), (2, 3, 50, 50), (2, 12, 197, 197), (2, 12, 197, 64), (2, 8, 1, 1), (3, 8, 7, 7), (2, 48, 9), (2, 1, 9)],
)
def test_what_has_no_places(shape):
    assert as_map(torch.Size(shape), 2, 224) is None


@pytest.mark.parametrize(
    "shape", [(2, 8, 7, 7), (2, 7, 7, 8), (2, 49, 8), (2, 50, 8), (2, 197, 8), (2, 198, 8), (2, 201, 8), (2, 261, 8)]
)
def test_what_has_places(shape):
    bring = as_map(torch.Size(shape), 2, 224)
    assert bring is not None
    result = bring(torch.zeros(shape))
    assert result.shape[:2] == (2, 8)
    assert result.shape[2] == result.shape[3] in (7, 14, 16)
