"""An ensemble is one detector: its margin is that of its members, its name says what it is built of."""

import numpy as np
import pytest
import torch

from dfdetect.deploy.export.network import ExportNetwork, frontends, refuse_impossible, sees
from dfdetect.errors import ExportError, UsageError
from dfdetect.evaluation.network_name import Composition, Member, network_name
from dfdetect.models import layers
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.combining import weigh
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.ensemble import Ensemble, compose, margin_of_mean
from tests.fits import tiny_detector

SIZE = 32


def detectors(**last):
    """Three detectors of other weights, temperatures and front-ends, in evaluation mode."""
    made = []
    for seed, settings in enumerate(({}, {"frontend": "rgb+srm"}, {"test_time_flip": True} | last)):
        torch.manual_seed(seed)
        detector = tiny_detector(**settings).eval()
        with torch.no_grad():
            detector.head.linear.weight.mul_(20)
        detector.facts["temperature"] = 0.5 + seed
        made.append(detector)
    return made


def pixels(count=5):
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def joined(members, method):
    composition, network = compose(members, method, SIZE)
    ensemble = DeepfakeDetector(backbone=str(composition), weights="none").eval()
    ensemble.backbone.load_state_dict(network.state_dict())
    return ensemble


def tempered(members):
    """Margins (N, M) of the members alone, each over its temperature."""
    with torch.no_grad():
        return torch.stack([layers.margin_of(one(pixels())) / one.facts["temperature"] for one in members], 1)


def said(ensemble):
    with torch.no_grad():
        return layers.margin_of(ensemble(pixels()))


@pytest.mark.parametrize("method", ["logit", "stack"])
def test_margin_is_the_weighed_sum_of_the_members(method):
    members = detectors()
    ensemble = joined(members, method)
    weights = np.array([0.2, -0.5, 1.5])
    weigh(ensemble, weights, 0.7)
    wanted = tempered(members) @ torch.from_numpy(weights).float() + 0.7
    torch.testing.assert_close(said(ensemble), wanted, atol=2e-5, rtol=1e-4)
    assert tempered(members).std(0).min() > 0.01  # pictures differ in what is said of them


def test_mean_is_that_of_the_members_p_fake():
    members = detectors()
    ensemble = joined(members, "mean")
    weigh(ensemble, np.ones(1), 0.0)
    wanted = torch.sigmoid(tempered(members)).mean(1)
    torch.testing.assert_close(torch.sigmoid(said(ensemble)), wanted, atol=1e-5, rtol=1e-4)


def test_margin_of_the_mean_stays_finite_where_p_fake_rounds_to_its_bounds():
    margins = torch.tensor([[200.0, 190.0], [-200.0, -190.0], [300.0, -300.0]])
    found = margin_of_mean(margins)[:, 0]
    # log(2) less than the surer one in the first two; in the third both sides are sure of themselves
    torch.testing.assert_close(found, torch.tensor([190 + np.log(2), -190 - np.log(2), 0.0]).float())


def test_heatmap_is_the_sum_of_the_members_heatmaps_and_its_mean_the_margin():
    members = detectors()
    ensemble = joined(members, "logit")
    weigh(ensemble, np.full(3, 1 / 3), 0.0)
    assert isinstance(ensemble.head, layers.PooledLinearHead)
    assert ensemble.spec.centred_on_first == members[0].spec.centred_on_first
    p_fake, heatmap = ExportNetwork(ensemble)(pixels())
    own = sum(layers.margin_of(one(pixels())) / one.facts["temperature"] for one in members) / 3
    torch.testing.assert_close(torch.sigmoid(own), p_fake, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(heatmap.mean(dim=(1, 2)), own, atol=2e-5, rtol=1e-3)
    alone = sum(one.head.heatmap(one.features(pixels())) / one.facts["temperature"] for one in members) / 3
    mine, wanted = (maps - maps.mean(dim=(1, 2), keepdim=True) for maps in (heatmap, alone))
    torch.testing.assert_close(mine, wanted, atol=2e-5, rtol=1e-3)  # but for the biases, which every place has alike


def test_members_of_another_grid_keep_their_margins_only(monkeypatch):
    coarse = BACKBONES["tiny"].__class__(
        **{**vars(BACKBONES["tiny"]), "build": lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 16, 16, stride=16))}
    )
    monkeypatch.setitem(BACKBONES, "coarse", coarse)
    members = [tiny_detector().eval(), tiny_detector(backbone="coarse").eval()]
    ensemble = joined(members, "logit")
    assert ensemble.hparams["backbone"] == "ensemble:logit:tiny,coarse"
    weigh(ensemble, np.full(2, 0.5), 0.0)
    torch.testing.assert_close(said(ensemble), tempered(members).mean(1), atol=2e-5, rtol=1e-4)
    assert ExportNetwork(ensemble).heatmap is None


def test_people_read_a_shorter_name():
    named = network_name("ensemble:stack.maps:mobilenet_v2,resnet18|rgb+srm,timm:vit|rgb|flip")
    assert named == "ensemble of mobilenet_v2, resnet18 on rgb+srm, timm:vit with flips (stack)"
    assert network_name("ensemble:of:nothing") == "ensemble:of:nothing"


@pytest.mark.parametrize(
    "name",
    [
        "ensemble:logit:mobilenet_v2,resnet18",
        "ensemble:mean:mobilenet_v2,mobilenet_v2",
        "ensemble:stack.maps:mobilenet_v2|rgb+srm|flip,timm:resnet10t.c3_in1k|npr,resnet18|rgb|flip",
    ],
)
def test_names_are_read_as_they_are_written(name):
    assert str(Composition.parse(name)) == name


def test_a_members_name_leaves_out_what_is_usual():
    members = (Member("a"), Member("b", "srm"), Member("c", flip=True))
    assert str(Composition("stack", members, maps=True)) == "ensemble:stack.maps:a,b|srm,c|rgb|flip"


@pytest.mark.parametrize(
    "name",
    ["ensemble:", "ensemble:logit:resnet18", "ensemble:vote:resnet18,resnet18", "ensemble:logit.x:resnet18,resnet18",
     "ensemble:logit:resnet18|rgb,resnet18", "ensemble:logit:resnet18||flip,resnet18"],
)  # fmt: skip
def test_other_names_are_refused(name):
    with pytest.raises(UsageError, match=r"is no ensemble.*dfdetect ensemble RUN RUN"):
        get_backbone(name)


def test_unknown_member_is_refused_as_an_unknown_backbone():
    with pytest.raises(UsageError, match=r"resnet81.*unknown.*did you mean resnet18"):
        get_backbone("ensemble:logit:resnet81,resnet18")


def test_an_ensemble_cannot_start_from_pretrained_weights():
    with pytest.raises(UsageError, match="made of trained runs"):
        DeepfakeDetector(backbone="ensemble:logit:tiny,tiny", weights="imagenet").load_initial_weights()


def test_normalisation_before_the_members_leaves_pixels_as_they_are():
    ensemble = DeepfakeDetector(backbone="ensemble:logit:tiny,tiny", weights="none")
    assert torch.equal(ensemble.normalise(pixels()), pixels().float())


def test_registry_entry_joins_what_the_members_can(monkeypatch):
    spec = get_backbone("ensemble:mean:mobilenet_v2,vit_b_16")
    assert (spec.channels, spec.form, spec.takes_any_size, spec.input_size) == (1, "vector", False, 224)
    assert spec.formats == ("onnx", "openvino", "litert")
    limited = BACKBONES["tiny"].__class__(**{**vars(BACKBONES["tiny"]), "formats": ("onnx",)})
    monkeypatch.setitem(BACKBONES, "limited", limited)
    assert get_backbone("ensemble:mean:mobilenet_v2,limited").formats == ("onnx",)


def test_front_ends_of_members_are_found_and_int8_is_refused():
    ensemble = joined(detectors(), "logit")
    network = ExportNetwork(ensemble)
    assert frontends(network) == ["backbone.members.1.normalise.rgb", "backbone.members.1.normalise.srm"]
    assert sees("backbone.members.1.normalise.srm")
    assert not sees("backbone.members.1.backbone.0")
    assert isinstance(ensemble.backbone, Ensemble)
    with pytest.raises(ExportError, match=r"model\.teacher"):
        refuse_impossible(ensemble, ["onnx"], ["int8"])
    refuse_impossible(ensemble, ["onnx"], ["fp32", "fp16"])
