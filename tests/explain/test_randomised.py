"""What is drawn anew, and what is not."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from dfdetect.explain.randomised import STAGES, randomise
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return read_detector_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)


def changed(checkpoint, other):
    before, after = checkpoint["state_dict"], other["state_dict"]
    assert before.keys() == after.keys()
    return {key for key in before if not torch.equal(before[key], after[key])}


def test_layers_are_drawn_anew_from_the_output_down(checkpoint, pictures):
    head = {"head.linear.weight", "head.linear.bias"}
    stages = [changed(checkpoint, randomise(checkpoint, share, 0, pictures)) for share in STAGES.values()]
    assert stages[0] == head
    for smaller, larger in pairwise(stages):
        assert smaller <= larger
    weights = {key for key in checkpoint["state_dict"] if key.endswith(("weight", "bias")) and ".1." not in key}
    assert stages[-1] >= weights  # but for batch normalisation, whose scale may begin as it was


def test_a_draw_is_the_same_again_and_others_differ(checkpoint, pictures):
    first, again, other = (randomise(checkpoint, 1.0, seed, pictures) for seed in (0, 0, 1))
    assert not changed(first, again)
    assert changed(first, other)


def test_the_checkpoint_stays_as_it_was_and_so_does_torchs_state(checkpoint, pictures):
    before = {key: value.clone() for key, value in checkpoint["state_dict"].items()}
    state = torch.random.get_rng_state()
    randomise(checkpoint, 1.0, 0, pictures)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not changed({"state_dict": before}, checkpoint)


def test_the_signal_is_alive_in_a_network_of_noise(checkpoint, pictures):
    network = load_detector(randomise(checkpoint, 1.0, 0, pictures))
    with torch.inference_mode():
        inputs = network.normalise(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()))
        convolution, norm = list(network.backbone.children())[:2]
        normed = norm(convolution(inputs))
    np.testing.assert_allclose(normed.mean(dim=(0, 2, 3)), 0, atol=0.1)
    np.testing.assert_allclose(normed.std(dim=(0, 2, 3)), 1, atol=0.1)
