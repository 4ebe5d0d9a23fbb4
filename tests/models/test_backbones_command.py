"""The list of backbones tells torchvision's own figures, and sums by hand."""

import json
from typing import Any

import pytest
import torch

from dfdetect.main import main
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.backbones_command import measure, table
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.frontends.registry import FRONTENDS
from tests.fits import tiny_detector

NAMES = sorted(name for name in BACKBONES if name != "tiny")
CLASSIFIERS = {  # parameters of torchvision's, of which nothing is left
    "mobilenet_v2": 1280 * 1000 + 1000,
    "mobilenet_v3_large": 960 * 1280 + 1280 + 1280 * 1000 + 1000,
    "resnet18": 512 * 1000 + 1000,
    "efficientnet_b0": 1280 * 1000 + 1000,
    "efficientnet_v2_s": 1280 * 1000 + 1000,
    "convnext_tiny": 768 * 1000 + 1000,
    "vit_b_16": 768 * 1000 + 1000,
}


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_work_are_torchvisions_less_its_classifier(name):
    """torchvision states billions of multiply-adds to three digits; two operations each are counted here."""
    weights: Any = get_backbone(name).weights
    row, known = measure(name), weights.meta
    head = get_backbone(name).channels * 2 + 2
    assert row["parameters"] == known["num_params"] - CLASSIFIERS[name] + head
    macs = known["_ops"] - CLASSIFIERS[name] / 1e9
    assert row["flops"] / 2e9 == pytest.approx(macs, abs=0.0012, rel=0.0015)


def test_work_of_one_network_by_hand():
    """The tests' tiny network on 224 pixels: two convolutions of stride 2 and a linear layer."""
    first, second = 111, 55
    macs = first**2 * 8 * 3 * 9 + second**2 * 16 * 8 * 9 + 16 * 2
    row = measure("tiny")
    assert row["flops"] == 2 * macs
    assert row["parameters"] == 8 * 27 + 16 + 16 * 72 + 16 + 34 == sum(p.numel() for p in tiny_detector().parameters())
    assert row["megabytes"] == pytest.approx((row["parameters"] + 16 + 1) * 4 / 1e6)  # and BatchNorm's statistics


def test_attention_is_counted_and_torchs_setting_left_as_it_was():
    before = torch.backends.mha.get_fastpath_enabled()
    tokens, width, depth = 197, 768, 12
    attention = depth * 2 * 2 * tokens**2 * width
    linear = 2 * depth * tokens * 12 * width**2 + 2 * 196 * 768 * width + 2 * width * 2
    assert measure("vit_b_16")["flops"] == attention + linear
    assert torch.backends.mha.get_fastpath_enabled() == before


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_large"])
def test_parameters_are_those_of_the_detector(name):
    detector = DeepfakeDetector(name, weights="none")
    assert measure(name)["parameters"] == sum(parameter.numel() for parameter in detector.parameters())


def test_the_list_names_all(capsys):
    assert main(["backbones"]) == 0
    output = capsys.readouterr().out
    first, _, second = output.partition("\n| front-end")
    assert all(f"| {name} " in second for name in FRONTENDS)
    lines = [line for line in first.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(BACKBONES)
    assert len({len(line) for line in lines}) == 1
    assert "MACs x 2" in output


def test_as_json(capsys):
    assert main(["backbones", "--json"]) == 0
    rows = {row["backbone"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["vit_b_16"]["heatmap"] is False
    assert rows["resnet18"]["weights"] == "https://download.pytorch.org/models/resnet18-f37072fd.pth"


def test_those_of_timm(capsys):
    pytest.importorskip("timm")
    assert main(["backbones", "--timm", "test_[rv]*t"]) == 0
    output = capsys.readouterr().out
    assert "| timm:test_resnet" in output
    assert "| timm:test_vit" in output
    assert "untried" in output
    assert main(["backbones", "--timm", "no such"]) == 2


def test_a_table_of_what_nobody_tried():
    text = table([measure("tiny") | {"formats": None, "heatmap": False}])
    assert "untried" in text.splitlines()[2]


def test_with_a_front_end_its_work_and_the_wider_first_layer_are_counted():
    """Three more channels into 8 filters of 3x3; the residuals are 3 filters of 5x5 on 3 channels."""
    plain, wider = measure("tiny"), measure("tiny", "rgb+srm")
    assert wider["frontend"] == "rgb+srm"
    assert wider["parameters"] - plain["parameters"] == 8 * 3 * 9
    assert wider["flops"] - plain["flops"] == 2 * (111**2 * 8 * 3 * 9 + 224**2 * 3 * 3 * 25)
