"""Residual branches are dropped as often as the paper's rule says, and the same weights are there without."""

import pytest
import torch
from torchvision.ops import StochasticDepth

from dfdetect.errors import UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.drop_path import set_drop_path
from dfdetect.models.torchvision_networks import AnySizeTransformer

BLOCKS = {
    "mobilenet_v2": 10,
    "mobilenet_v3_large": 10,
    "efficientnet_b0": 16,
    "efficientnet_v2_s": 40,
    "convnext_tiny": 18,
    "vit_b_16": 12,
}


def rates(network: torch.nn.Module) -> list[float]:
    return [module.p for module in network.modules() if isinstance(module, StochasticDepth)]


@pytest.mark.parametrize("name", BLOCKS)
def test_rates_rise_linearly_to_the_deepest_block(name):
    with torch.device("meta"):
        network = get_backbone(name).build()
    set_drop_path(network, 0.3)
    assert rates(network) == pytest.approx([0.3 * (i + 1) / BLOCKS[name] for i in range(BLOCKS[name])])


@pytest.mark.parametrize(("name", "own"), [("mobilenet_v2", 0.0), ("vit_b_16", 0.0), ("efficientnet_b0", 0.1875)])
def test_without_a_rate_the_backbones_own_stays(name, own):
    with torch.device("meta"):
        network = get_backbone(name).build()
    assert max(rates(network)) == pytest.approx(own)


def test_what_has_no_branches_is_refused():
    with pytest.raises(UsageError, match="resnet18 has no residual branches"):
        DeepfakeDetector("resnet18", weights="none", drop_path=0.1)
    DeepfakeDetector("resnet18", weights="none", drop_path=0.0)


def test_a_detector_hands_its_rate_on():
    detector = DeepfakeDetector("mobilenet_v2", weights="none", drop_path=0.5)
    assert max(rates(detector.backbone)) == 0.5


def test_mobilenet_without_its_branches_is_what_is_left_by_hand():
    """All branches dropped: only blocks that change shape compute anything."""
    torch.manual_seed(0)
    network = get_backbone("mobilenet_v2").build().train()
    for module in network.modules():
        if isinstance(module, StochasticDepth):
            module.p = 1.0
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0  # so that one pass leaves the statistics that the next one finds
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = pixels
        for block in network.children():
            if not getattr(block, "use_res_connect", False):
                expected = block(expected)
        torch.testing.assert_close(network(pixels), expected)


def test_a_transformer_drops_both_branches_of_a_block():
    torch.manual_seed(0)
    network = get_backbone("vit_b_16").build()
    assert isinstance(network, AnySizeTransformer)
    block = network.encoder.layers[5].train()
    tokens = torch.randn(2, 3, 768)
    set_drop_path(network, 0.999)
    for module in block.modules():
        if isinstance(module, StochasticDepth):
            module.p = 1.0
    with torch.no_grad():
        assert torch.equal(block(tokens), tokens)
        assert not torch.equal(block.eval()(tokens), tokens)
