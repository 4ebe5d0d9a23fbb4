"""Grad-CAM and its kin against what they are by hand; networks are left as they were."""

import numpy as np
import pytest
import torch

from dfdetect.errors import CheckpointError, ExplainError, MissingExtraError
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.explain.grid import middles
from dfdetect.explain.maps import cam

from .networks import ChannelsLast, TinyVit, convolutional, hooks_of

pytest.importorskip("pytorch_grad_cam")

METHODS = ["gradcam", "gradcam++", "hirescam", "xgradcam"]
BATCH = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)


def pixels():
    return torch.from_numpy(BATCH.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_of_a_pooled_linear_network_they_are_the_class_activation_map(method):
    network = convolutional()
    found = GradientExplainer(network, method, temperature=2.0)(BATCH)
    with torch.no_grad():
        features, logits = network.features(pixels().float()), network(pixels().float())
        weight = network.head.linear.weight.detach()
    wanted = torch.einsum("c,nchw->nhw", weight[1] - weight[0], features) / 2
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.p_fake, torch.sigmoid((logits[:, 1] - logits[:, 0]) / 2).numpy(), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_mirrored_it_is_the_mean_of_both_ways_round(method):
    network = convolutional()
    own, turned = (GradientExplainer(network, method)(batch) for batch in (BATCH, BATCH[:, :, ::-1]))
    found = GradientExplainer(network, method, mirrors=True)(BATCH)
    np.testing.assert_allclose(found.values, (own.values + turned.values[:, :, ::-1]) / 2, atol=1e-4)
    with torch.no_grad():
        logits = (network(pixels().float()) + network(pixels().flip(3).float())) / 2
    np.testing.assert_allclose(found.p_fake, torch.sigmoid(logits[:, 1] - logits[:, 0]).numpy(), rtol=1e-4)


def test_grad_cam_plus_plus_weighs_each_channel_by_its_formula():
    network = convolutional()
    found = GradientExplainer(network, "gradcam++")(BATCH)
    with torch.no_grad():
        features = network.features(pixels().float()).double()
        weight = (network.head.linear.weight[1] - network.head.linear.weight[0]).double()
    gradient = weight / features[0, 0].numel()
    sums = features.sum(dim=(2, 3))
    wanted = torch.zeros(features[:, 0].shape, dtype=torch.float64)
    for sign in (1, -1):  # equation 19 of the paper, with gradients that are even over the map
        g = (sign * gradient)[None]
        alpha = g**2 / (2 * g**2 + sums * g**3 + 1e-6)
        channel = features[0, 0].numel() * torch.clamp(g, min=0) * alpha
        wanted += sign * torch.einsum("nc,nchw->nhw", channel, features)
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [convolutional, TinyVit, ChannelsLast])
def test_any_network_is_explained_and_left_as_it_was(make, method):
    network = make()
    parameter = next(network.parameters())
    parameter.grad = torch.ones_like(parameter)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    explain = GradientExplainer(network, method)
    found = explain(BATCH)
    assert found.values.shape == (3, 4, 4)
    assert np.isfinite(found.values).all()
    assert np.abs(found.values).max() > 0
    assert found.grid == middles(4)
    assert hooks_of(network) == 0
    assert (parameter.grad == 1).all()
    assert all(one.grad is None for one in list(network.parameters())[1:])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    np.testing.assert_allclose(explain(BATCH[1:]).values, found.values[1:], rtol=1e-3, atol=1e-5)


def test_a_transformers_map_follows_its_patches():
    """Only one patch differs from all others, so only there does Grad-CAM differ."""
    network = TinyVit()
    with torch.no_grad():
        network.place[:, 2:] = network.place[:, 1:2]
    batch = np.full((1, 32, 32, 3), 90, np.uint8)
    batch[0, 8:16, 24:] = 250
    found = GradientExplainer(network, "hirescam")(batch).values[0]
    rest = np.delete(found.ravel(), 1 * 4 + 3)
    assert np.ptp(rest) < 1e-4
    assert abs(found[1, 3] - rest[0]) > 1e-2


def test_no_hook_is_left_where_the_method_fails():
    class Broken(torch.nn.Module):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.inner, self.calls, self.error = convolutional(), 0, error

        def forward(self, batch):
            self.calls += 1
            if self.calls > 1:
                raise self.error
            return self.inner(batch)

    cases: list[tuple[Exception, type[Exception]]] = [(ValueError("x"), ValueError), (IndexError("x"), ExplainError)]
    for error, raised in cases:
        network = Broken(error)
        with pytest.raises(raised):
            GradientExplainer(network, "gradcam")(BATCH)
        assert hooks_of(network) == 0


def test_a_network_of_which_every_weight_is_frozen_is_explained_too():
    network = convolutional()
    wanted = GradientExplainer(network, "gradcam")(BATCH).values
    network.requires_grad_(False)
    np.testing.assert_allclose(GradientExplainer(network, "gradcam")(BATCH).values, wanted, rtol=1e-4)


def test_inference_mode_around_it_does_not_matter():
    with torch.no_grad():
        found = GradientExplainer(convolutional(), "gradcam")(BATCH)
    assert np.abs(found.values).max() > 0


def test_a_named_layer_gives_its_own_map():
    explain = GradientExplainer(convolutional(), "gradcam", layer="features.0")
    assert explain(BATCH).values.shape == (3, 8, 8)
    assert explain.layer == "features.0"


@pytest.mark.parametrize("method", ["gradcam", "hirescam", "xgradcam"])
def test_of_a_checkpoint_it_agrees_with_the_heatmap_of_its_own_engine(tiny_checkpoint, method):
    from dfdetect.deploy.runtime import Detector

    detector = Detector.load(tiny_checkpoint, threads=1)
    batch = np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    wanted = cam(detector)(batch)
    found = GradientExplainer.load(tiny_checkpoint, method)(batch)
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.p_fake, wanted.p_fake, rtol=1e-4)
    assert found.grid == wanted.grid


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dfdetect\[cam\]'"):
        GradientExplainer(convolutional(), "gradcam")
    (tmp_path / "no.ckpt").write_text("text")
    with pytest.raises(CheckpointError):
        GradientExplainer.load(tmp_path / "no.ckpt", "gradcam")
