"""What learns, and at which rate: against sums by hand, and against what a fit then moves."""

from typing import Any

import pytest
import torch
from torch import nn

from dfdetect.errors import UsageError
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.tuning import norm_parameters, parameter_groups, restrict
from tests.fits import faces_data, quiet_trainer, tiny_detector

NAMES = sorted(name for name in BACKBONES if name != "tiny")


def built(name: str) -> nn.Module:
    with torch.device("meta"):
        return get_backbone(name).build()


def groups_of(name: str, network: nn.Module, decay: float) -> list[dict[str, Any]]:
    return parameter_groups(network, nn.Linear(4, 2), get_backbone(name), 1e-3, decay)


def test_rates_of_a_transformer_by_hand():
    network = built("vit_b_16")
    rate = {id(p): group["lr"] for group in groups_of("vit_b_16", network, 0.75) for p in group["params"]}
    by_hand = {"class_token": 1e-3 * 0.75**13, "conv_proj.weight": 1e-3 * 0.75**13, "encoder.ln.bias": 1e-3}
    for block in range(12):
        by_hand[f"encoder.layers.encoder_layer_{block}.ln_1.weight"] = 1e-3 * 0.75 ** (12 - block)
    named = dict(network.named_parameters())
    assert {name: rate[id(named[name])] for name in by_hand} == pytest.approx(by_hand)


def test_rates_of_an_efficientnet_by_hand():
    network = built("efficientnet_b0")
    rate = {id(p): group["lr"] for group in groups_of("efficientnet_b0", network, 0.5) for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert rate[id(parameter)] == pytest.approx(1e-3 * 0.5 ** (9 - int(name.split(".")[0]))), name


@pytest.mark.parametrize("name", NAMES)
def test_groups_hold_each_parameter_once_and_the_heads_come_first(name):
    network = built(name)
    groups = groups_of(name, network, 0.9)
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(held) == len(set(held)) == 2 + sum(1 for _ in network.parameters())
    assert groups[0]["lr"] == 1e-3
    assert [group["lr"] for group in groups] == sorted((group["lr"] for group in groups), reverse=True)
    assert len({group["name"] for group in groups}) == len(groups)


@pytest.mark.parametrize("name", NAMES)
def test_norms_are_what_torch_calls_so(name):
    network = built(name)
    kinds = (nn.BatchNorm2d, nn.LayerNorm)
    expected = {id(p) for m in network.modules() if isinstance(m, kinds) for p in m.parameters()}
    assert {id(parameter) for parameter in norm_parameters(network)} == expected
    restrict(network, "norms")
    assert {id(parameter) for parameter in network.parameters() if parameter.requires_grad} == expected


def test_norms_of_a_transformer_are_a_two_thousandth_of_it():
    network = built("vit_b_16")
    share = sum(p.numel() for p in norm_parameters(network)) / sum(p.numel() for p in network.parameters())
    assert sum(p.numel() for p in norm_parameters(network)) == 25 * 2 * 768  # two a block and the last
    assert share < 1 / 2000


def test_a_network_without_norms_says_so():
    with pytest.raises(UsageError, match="bare has no normalisation layers"):
        restrict(nn.Sequential(nn.Conv2d(3, 4, 1)), "norms", "bare")


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize(("tune", "moved"), [
    ("all", {"0.weight", "1.weight", "1.bias", "3.weight", "3.bias"}),
    ("norms", {"1.weight", "1.bias"}),
    ("head", set()),
])  # fmt: skip
def test_a_fit_moves_what_it_may(tmp_path, generated_faces, tune, moved, optimizer):
    detector = tiny_detector(tune=tune, optimizer=optimizer, weight_decay=0.1, layer_decay=0.9)
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=2, limit_val_batches=0)
    trainer.fit(detector, faces_data(generated_faces))
    changed = {name for name, tensor in detector.state_dict().items() if not torch.equal(tensor, before[name])}
    weights = {name for name, _ in detector.named_parameters()}
    assert changed & weights == {f"backbone.{name}" for name in moved} | {"head.linear.weight", "head.linear.bias"}
    assert ("backbone.1.running_mean" in changed) == (tune != "head")


def test_with_norms_learn_the_filters_that_see_what_a_front_end_adds(tmp_path, generated_faces):
    detector = tiny_detector(tune="norms", frontend="rgb+srm")
    filters = detector.backbone.get_parameter("0.weight")
    assert (filters[:, 3:] == 0).all()
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=2, limit_val_batches=0)
    trainer.fit(detector, faces_data(generated_faces))
    assert (filters[:, 3:] != 0).any()
    assert not detector.backbone.get_parameter("3.weight").requires_grad
    assert not tiny_detector(tune="norms", frontend="srm").backbone.get_parameter("0.weight").requires_grad


def test_decayed_rates_follow_the_cosine_together(tmp_path, generated_faces):
    detector = tiny_detector(lr=0.1, layer_decay=0.5, scheduler="cosine", warmup_epochs=1.0)
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=4, limit_val_batches=0, max_epochs=2)
    trainer.fit(detector, faces_data(generated_faces))
    (optimizer,) = trainer.optimizers
    assert [group["initial_lr"] for group in optimizer.param_groups] == pytest.approx([0.1 * 0.5**i for i in range(4)])
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.0] * 4, abs=1e-9)


def test_without_decay_there_is_one_group_of_all():
    optimizer: Any = tiny_detector(layer_decay=1.0).configure_optimizers()
    (group,) = optimizer.param_groups
    assert len(group["params"]) == len(list(tiny_detector().parameters()))


@pytest.mark.parametrize(("settings", "said"), [
    ({"layer_decay": 0.0}, "layer_decay is above 0 and at most 1"),
    ({"layer_decay": 1.1}, "layer_decay is above 0 and at most 1"),
    ({"tune": "biases"}, "tune is one of all, norms, head"),
    ({"drop_path": 1.0}, "drop_path is at least 0 and below 1"),
])  # fmt: skip
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        tiny_detector(**settings)


def test_a_checkpoint_of_decayed_groups_goes_on(tmp_path, generated_faces):
    short: dict[str, Any] = {"callbacks": [], "limit_train_batches": 2, "limit_val_batches": 0}
    trainer = quiet_trainer(tmp_path, **short)
    trainer.fit(tiny_detector(layer_decay=0.5, tune="norms"), faces_data(generated_faces))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    resumed = quiet_trainer(tmp_path, **short | {"max_epochs": 2})
    detector = DeepfakeDetector.load_from_checkpoint(tmp_path / "last.ckpt")
    assert (detector.hparams["layer_decay"], detector.hparams["tune"]) == (0.5, "norms")
    resumed.fit(detector, faces_data(generated_faces), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.global_step == 4
