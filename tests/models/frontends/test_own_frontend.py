"""A front-end outside of the package: named by import path, joined like the others, tried before it is used."""

import pytest
import torch

from dfdetect.errors import UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.frontends.first_layer import fitted_filters
from dfdetect.models.frontends.registry import build_frontend, channels_of
from dfdetect.models.initial_weights import load_backbone
from tests.extensions import write_extension
from tests.fits import tiny_detector

HEAD = """
import torch
from torch import nn
from dfdetect.models.frontends.registry import FrontEnd

class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor(32.0))

    def forward(self, pixels):
        return (pixels[:, :2] - pixels[:, 1:]) / self.scale
"""
STEPS = "steps = FrontEnd(lambda mean, std: Steps(), 2, 'differences of colours')"


def frontend(tmp_path, monkeypatch, code: str = STEPS) -> str:
    return write_extension(tmp_path, monkeypatch, f"{HEAD}\n{code}\n") + ".steps"


def test_it_joins_the_others(tmp_path, monkeypatch):
    path = frontend(tmp_path, monkeypatch)
    joined = build_frontend(f"rgb+{path}+npr", [0.5] * 3, [0.5] * 3)
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    seen = joined(pixels)
    assert seen.shape == (2, 8, 16, 16)
    assert channels_of(f"rgb+{path}+npr") == 8
    torch.testing.assert_close(seen[:, 3:5], (pixels[:, :2].float() - pixels[:, 1:].float()) / 32)
    assert list(joined.state_dict()) == ["rgb.mean", "rgb.std", f"{path.replace('.', '__')}.scale"]


def test_filters_of_any_number_of_channels_sum_to_the_pretrained_ones(tmp_path, monkeypatch):
    path, weight = frontend(tmp_path, monkeypatch), torch.rand(4, 3, 3, 3)
    alone = fitted_filters(weight, path)
    assert alone.shape == (4, 2, 3, 3)
    torch.testing.assert_close(alone.sum(1), weight.sum(1))
    beside = fitted_filters(weight, f"{path}+rgb")
    assert torch.equal(beside[:, 2:], weight)
    assert not beside[:, :2].any()


def test_pretrained_weights_change_no_logit_beside_rgb(tmp_path, monkeypatch):
    path, plain = frontend(tmp_path, monkeypatch), tiny_detector().eval()
    torch.save({f"features.{k}": v for k, v in plain.backbone.state_dict().items()}, file := tmp_path / "net.pth")
    wide = tiny_detector(frontend=f"rgb+{path}").eval()
    load_backbone(wide.backbone, get_backbone("tiny"), str(file), f"rgb+{path}")
    pixels = torch.rand(2, 3, 32, 32) * 255
    torch.testing.assert_close(wide.features(pixels), plain.features(pixels))


@pytest.mark.parametrize(("code", "cause"), [
    ("steps = FrontEnd(lambda mean, std: Steps(), 3, '')", r"must make \(1, 3, 224, 224\).*makes \(1, 2, 224, 224\)"),
    ("steps = FrontEnd(lambda mean, std: nn.MaxPool2d(2), 3, '')", r"makes \(1, 3, 112, 112\)"),
    ("steps = FrontEnd(Steps, 2, '')", "fails where only shapes are computed.*positional argument"),
    ("steps = FrontEnd(lambda mean, std: nn.Conv2d(3, 1, 1), 1, '')", "parameters that learn"),
    ("steps = Steps()", "is a Steps, not a FrontEnd"),
])  # fmt: skip
def test_one_that_is_not_what_it_says_is_refused(code, cause, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=cause):
        tiny_detector(frontend=f"rgb+{frontend(tmp_path, monkeypatch, code)}")


def test_named_twice_or_not_allowed(tmp_path, monkeypatch):
    path = frontend(tmp_path, monkeypatch)
    with pytest.raises(UsageError, match="twice"):
        tiny_detector(frontend=f"{path}+{path}")
    monkeypatch.delenv("DFDETECT_EXTENSIONS")
    with pytest.raises(UsageError, match=r"model\.frontend unlisted\.steps: the module unlisted is not part"):
        tiny_detector(frontend="rgb+unlisted.steps")
