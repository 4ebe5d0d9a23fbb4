"""Networks made ready for int8, against those whose weights are rounded to the nearest."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from dfdetect.deploy.export.bias_correction import corrected
from dfdetect.deploy.export.network import HEAD, ExportNetwork
from dfdetect.deploy.export.rounding import nearest
from dfdetect.models.detector import DeepfakeDetector

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), np.uint8)


def batch():
    return torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())


@pytest.fixture(scope="module", params=["mobilenet_v2", "resnet18"])
def network(request):
    """Random weights; BatchNorm with statistics and scales that folding must not lose."""
    torch.manual_seed(1)
    made = ExportNetwork(DeepfakeDetector(backbone=request.param, weights="none")).eval()
    torch.manual_seed(101)  # random networks differ: most err less by a fifth, some no less
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
            module.reset_running_stats()
            module.momentum = None
    with torch.no_grad():
        made.train()(batch())
    return made.eval()


def with_rounded_weights(network: ExportNetwork, keep) -> ExportNetwork:
    made = copy.deepcopy(network)
    for name, module in made.named_modules():
        if isinstance(module, nn.Conv2d) and name not in keep:
            module.weight.data = nearest(module.weight.data)
    return made


def convolutions(network):
    return [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]


def test_a_network_of_which_no_layer_is_rounded_says_what_it_said(network):
    folded = corrected(network, PIXELS, convolutions(network)).network
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.inference_mode():
        for one, other in zip(folded(batch()), network(batch()), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_layer_with_rounded_weights_has_the_mean_that_it_had(network):
    first = convolutions(network)[0]
    others = [name for name in convolutions(network) if name != first]
    folded, awaiting = (corrected(network, PIXELS, keep).network for keep in (convolutions(network), others))
    ready, means = with_rounded_weights(awaiting, others), []
    for one in (folded, ready, with_rounded_weights(folded, others)):
        seen: list[torch.Tensor] = []
        one.get_submodule(first).register_forward_hook(lambda *values, seen=seen: seen.append(values[-1].clone()))
        with torch.inference_mode():
            one(batch())
        means.append(seen[0].mean(dim=(0, 2, 3)))
    torch.testing.assert_close(means[1], means[0], atol=1e-5, rtol=1e-5)
    assert (means[2] - means[0]).abs().max() > 1e-3  # without it they move


def test_a_whole_network_with_rounded_weights_errs_less(network):
    keep = [HEAD]
    plain = corrected(network, PIXELS, convolutions(network)).network
    with torch.inference_mode():
        wanted = network(batch())[1]
        uncorrected = (with_rounded_weights(plain, keep)(batch())[1] - wanted).abs().mean()
        ours = (with_rounded_weights(corrected(network, PIXELS, keep).network, keep)(batch())[1] - wanted).abs().mean()
    assert ours < 0.9 * uncorrected
