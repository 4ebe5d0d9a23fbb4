"""A backbone outside of the package: named by import path, tried before it is used, stored as its name."""

import pytest
import torch
from torch import nn

from dfdetect.errors import CheckpointError, UsageError
from dfdetect.models.backbone import Backbone, NoWeights
from dfdetect.models.backbones import get_backbone
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.initial_weights import load_backbone
from dfdetect.models.tuning import parameter_groups
from tests.extensions import write_extension
from tests.fits import faces_data, quiet_trainer, tiny_detector

HEAD = """
import torch
from torch import nn
from dfdetect.models.backbone import Backbone, NoWeights

def build():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
"""


def backbone(tmp_path, monkeypatch, code: str = "net = Backbone(build, 8, weights=NoWeights(size=48))") -> str:
    return write_extension(tmp_path, monkeypatch, f"{HEAD}\n{code}\n") + ".net"


def test_it_is_what_the_module_says(tmp_path, monkeypatch):
    spec = get_backbone(backbone(tmp_path, monkeypatch))
    assert (spec.channels, spec.form, spec.input_size, spec.dropout, spec.formats) == (8, "map", 48, 0.0, None)
    assert spec.normalisation() == ([0.5] * 3, [0.5] * 3)


def test_own_normalisation_and_size():
    weights = NoWeights(size=96, mean=(0.1, 0.2, 0.3), std=(1, 2, 3))
    spec = Backbone(nn.Identity, 3, weights=weights)
    assert spec.normalisation() == ([0.1, 0.2, 0.3], [1, 2, 3])
    assert spec.input_size == 96


@pytest.mark.parametrize(("code", "cause"), [
    ("net = Backbone(build, 9)", r"makes a map \(1, 9, h, w\).* but makes \(1, 8, 112, 112\)"),
    ("net = Backbone(build, 8, form='vector')", r"makes a vector \(1, 8\).* but makes \(1, 8, 112, 112\)"),
    ("net = Backbone(lambda: nn.Sequential(build(), nn.Flatten()), 8)", r"but makes \(1, 100352\)"),
    ("net = Backbone(lambda: nn.Conv2d(4, 8, 3), 8)", "fails where only shapes are computed"),
    ("net = Backbone(lambda: None, 8)", "fails.*NoneType"),
    ("net = build", "is a function, not a Backbone"),
])  # fmt: skip
def test_one_that_is_not_what_it_says_is_refused(code, cause, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=cause):
        get_backbone(backbone(tmp_path, monkeypatch, code))


def test_it_draws_no_random_number_when_it_is_tried(tmp_path, monkeypatch):
    path = backbone(tmp_path, monkeypatch)
    before = torch.get_rng_state()
    get_backbone(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_has_no_imagenet_weights():
    spec = Backbone(lambda: nn.Conv2d(3, 8, 3), 8)
    with pytest.raises(UsageError, match=r"no pretrained weights: --model\.weights none"):
        load_backbone(spec.build(), spec, "imagenet")


def test_it_starts_from_a_plain_state_dict(tmp_path):
    spec = Backbone(lambda: nn.Conv2d(3, 8, 3), 8)
    wanted, network = spec.build(), spec.build()
    torch.save(wanted.state_dict(), tmp_path / "net.pth")
    load_backbone(network, spec, str(tmp_path / "net.pth"))
    assert torch.equal(network.state_dict()["weight"], wanted.state_dict()["weight"])
    torch.save(wanted.state_dict() | {"head.weight": torch.zeros(2, 8)}, tmp_path / "more.pth")
    with pytest.raises(CheckpointError, match=r"1 unknown \(head.weight\)"):
        load_backbone(network, spec, str(tmp_path / "more.pth"))


def test_rates_by_layer_need_depths(tmp_path):
    spec = Backbone(lambda: nn.Conv2d(3, 8, 3), 8)
    with pytest.raises(UsageError, match=r"layer_decay.*`depths`"):
        parameter_groups(spec.build(), nn.Linear(8, 2), spec, lr=1.0, decay=0.5)


def test_a_checkpoint_holds_its_path_and_loads_only_where_that_is_allowed(tmp_path, monkeypatch, generated_faces):
    path = backbone(tmp_path, monkeypatch)
    detector = tiny_detector(backbone=path)
    trainer = quiet_trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    trainer.fit(detector, faces_data(generated_faces))
    trainer.save_checkpoint(file := tmp_path / "own.ckpt")
    assert torch.load(file, weights_only=True)["hyper_parameters"]["backbone"] == path
    loaded, pixels = DeepfakeDetector.load_from_checkpoint(file).eval(), torch.rand(2, 3, 48, 48) * 255
    assert torch.equal(loaded(pixels), detector.eval()(pixels))
    monkeypatch.delenv("DFDETECT_EXTENSIONS")
    with pytest.raises(UsageError, match=r"export DFDETECT_EXTENSIONS=written_idea"):
        DeepfakeDetector.load_from_checkpoint(file)
