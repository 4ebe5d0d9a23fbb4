"""What autocast must not touch: scores that decide, and convolutions that bfloat16 makes slow."""

import pytest
import torch
from torch import nn

from dfdetect.models.backbones import get_backbone
from dfdetect.models.layers import PooledLinearHead, StridedDepthwiseConv2d, margin_of, replace_strided_depthwise


def test_head_scores_in_float32_under_autocast():
    head, features = PooledLinearHead(8, dropout=0.0), torch.randn(64, 8, 7, 7).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(features)
    torch.testing.assert_close(logits, head(features.float()), atol=1e-6, rtol=0)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("autocast", [False, True])
def test_the_mean_of_the_heads_map_and_the_biases_are_the_margin(autocast):
    head, features = PooledLinearHead(8, dropout=0.0), torch.randn(6, 8, 5, 7).bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        heatmap, margin = head.heatmap(features), margin_of(head(features))
    assert heatmap.shape == (6, 5, 7)
    bias = head.linear.bias[1] - head.linear.bias[0]
    torch.testing.assert_close(heatmap.mean(dim=(1, 2)) + bias, margin, atol=1e-6, rtol=0)


@pytest.mark.parametrize("autocast", [False, True])
def test_strided_depthwise_is_the_convolution_it_replaces(autocast):
    plain = nn.Conv2d(12, 12, 3, stride=2, padding=1, groups=12, bias=False)
    network = nn.Sequential(plain)
    inputs = torch.randn(2, 12, 16, 16).bfloat16().float().requires_grad_()
    expected = plain(inputs)
    (gradient,) = torch.autograd.grad(expected.sum(), inputs)
    replace_strided_depthwise(network)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        given = inputs.bfloat16() if autocast else inputs
        result = network(given)
    assert result.dtype == given.dtype
    torch.testing.assert_close(result.float(), expected.bfloat16().float() if autocast else expected, atol=1e-6, rtol=0)
    (own,) = torch.autograd.grad(result.sum(), inputs)
    torch.testing.assert_close(own, gradient, atol=2e-2 if autocast else 1e-6, rtol=0)


def test_mobilenet_has_four_of_them_and_they_compute_in_float32(monkeypatch):
    backbone = get_backbone("mobilenet_v2").build()
    layers = [module for module in backbone.modules() if isinstance(module, StridedDepthwiseConv2d)]
    assert [layer.in_channels for layer in layers] == [96, 144, 192, 576]
    seen: list[torch.dtype] = []
    plain = nn.Conv2d.forward

    def watched(self: nn.Conv2d, inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs.dtype)
        return plain(self, inputs)

    monkeypatch.setattr(nn.Conv2d, "forward", watched)
    with torch.autocast("cpu", torch.bfloat16):
        layers[0](torch.randn(1, 96, 8, 8).bfloat16())
    assert seen == [torch.float32]
    assert not any(isinstance(module, StridedDepthwiseConv2d) for module in get_backbone("resnet18").build().modules())
