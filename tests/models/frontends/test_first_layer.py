"""First layers of any backbone are found, widened, and keep what they learned."""

from typing import Any

import pytest
import torch
from torch import nn

from dfdetect.errors import CheckpointError, UsageError
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.frontends.first_layer import first_convolutions, fitted_filters, refuse_changed_function, widen
from dfdetect.models.frontends.registry import FRONTENDS
from tests.fits import build_tiny, faces_data, quiet_trainer, tiny_detector
from tests.models.frontends.pictures import faces, tensor_of

FIRST = {"resnet18": "conv1", "vit_b_16": "conv_proj", "convnext_tiny": "features.0.0", "tiny": "0"}
NETWORKS = [*sorted(BACKBONES), "timm:test_vit", "timm:repvgg_a0"]


def spec_of(name: str) -> Any:
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    return get_backbone(name)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_the_first_convolution_is_found(name):
    assert first_convolutions(get_backbone(name)) == [FIRST.get(name, "0.0")]


@pytest.mark.parametrize("name", NETWORKS)
def test_any_network_takes_more_channels(name):
    spec = spec_of(name)
    with torch.device("meta"):
        network = spec.build().eval()
        widen(network, spec, "rgb+srm+phase", name)
        features = network(torch.empty(2, 7, spec.input_size, spec.input_size))
    assert features.shape[:2] == (2, spec.channels)


def test_all_branches_of_a_stem_are_widened():
    spec = spec_of("timm:repvgg_a0")
    assert len(first_convolutions(spec)) == 2


def test_a_network_that_rearranges_the_picture_is_refused():
    spec = spec_of("timm:tresnet_m")
    with (
        torch.device("meta"),
        pytest.raises(UsageError, match=r"tresnet_m cannot be given the 6 channels of rgb\+srm.*such as srm"),
    ):
        widen(spec.build(), spec, "rgb+srm", "timm:tresnet_m")


@pytest.mark.parametrize(("frontend", "expected"), [
    ("rgb", ["R", "G", "B"]),
    ("srm", ["R", "G", "B"]),
    ("phase", ["R+G+B"]),
    ("phase+rgb", ["0", "R", "G", "B"]),
    ("rgb+srm", ["R", "G", "B", "0", "0", "0"]),
    ("srm+dct", ["R/2", "G/2", "B/2", "(R+G+B)/2"]),
])  # fmt: skip
def test_filters_of_each_channel(frontend, expected):
    weight = torch.randn(4, 3, 5, 5)
    red, green, blue = weight.unbind(dim=1)
    names = {"R": red, "G": green, "B": blue, "0": torch.zeros_like(red), "R+G+B": red + green + blue}
    names |= {"R/2": red / 2, "G/2": green / 2, "B/2": blue / 2, "(R+G+B)/2": (red + green + blue) / 2}
    torch.testing.assert_close(fitted_filters(weight, frontend), torch.stack([names[one] for one in expected], dim=1))


def trained(name: str, **settings: Any) -> DeepfakeDetector:
    """A detector with weights other than a fresh one's."""
    torch.manual_seed(0)
    detector = tiny_detector(backbone=name, **settings).eval()
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
    return detector


def saved(detector: DeepfakeDetector, file: Any) -> str:
    """As a checkpoint of ours, as far as initial weights look at it."""
    torch.save({"state_dict": detector.state_dict(), "hyper_parameters": dict(detector.hparams)}, file)
    return str(file)


@pytest.mark.parametrize(("name", "frontend"), [
    ("mobilenet_v2", "rgb+srm"),
    ("resnet18", "spectrum+rgb"),
    ("timm:test_vit", "rgb+srm+dct"),
    ("timm:repvgg_a0", "npr+rgb"),
])  # fmt: skip
def test_more_channels_change_no_logit_right_after_loading(name, frontend, tmp_path):
    spec_of(name)
    plain = trained(name)
    wider = tiny_detector(backbone=name, frontend=frontend, weights=saved(plain, tmp_path / "rgb.ckpt")).eval()
    wider.load_initial_weights()
    wider.head.load_state_dict(plain.head.state_dict())
    side = plain.spec.input_size if "vit" in name else 64
    pixels = tensor_of(faces(side, side)).to(torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(wider(pixels), plain(pixels), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frontend", sorted(FRONTENDS.keys() - {"rgb"}))
def test_new_channels_start_at_zero_and_learn(frontend):
    detector = tiny_detector(frontend=f"rgb+{frontend}")
    first = detector.backbone.get_submodule("0").weight
    assert isinstance(first, nn.Parameter)
    assert not first[:, 3:].any()
    detector(tensor_of(faces(32, 32))).square().sum().backward()
    assert first.grad is not None
    assert (first.grad[:, 3:] != 0).any(dim=(0, 2, 3)).all()


@pytest.mark.parametrize(("frontend", "expected"), [
    ("srm", lambda weight: weight), ("dct", lambda weight: weight.sum(dim=1, keepdim=True))
])  # fmt: skip
def test_pretrained_filters_see_through_a_front_end_without_rgb(frontend, expected, tmp_path):
    state = {f"features.{name}": tensor for name, tensor in build_tiny().state_dict().items()}
    torch.save(state | {"classifier.weight": torch.zeros(1000, 16)}, tmp_path / "w.pth")
    detector = tiny_detector(frontend=frontend, weights=str(tmp_path / "w.pth"))
    detector.load_initial_weights()
    torch.testing.assert_close(detector.backbone.get_parameter("0.weight"), expected(state["features.0.weight"]))


def test_a_checkpoint_goes_on_with_its_own_front_end_alone(tmp_path):
    file = saved(trained("tiny", frontend="rgb+srm"), tmp_path / "srm.ckpt")
    same = tiny_detector(frontend="rgb+srm", weights=file)
    same.load_initial_weights()
    assert torch.equal(same.backbone.state_dict()["0.weight"], torch.load(file)["state_dict"]["backbone.0.weight"])
    for other in ("rgb", "rgb+npr"):
        with pytest.raises(CheckpointError, match=r"trained to see through rgb\+srm, not .*--model.frontend rgb\+srm"):
            tiny_detector(frontend=other, weights=file).load_initial_weights()


def test_a_layer_that_rescales_its_filters_cannot_keep_its_function():
    """BiT's convolutions divide their filters by the deviation over all channels, new ones included."""
    layer = pytest.importorskip("timm.layers").StdConv2d(3, 8, 7)
    layer.weight = nn.Parameter(fitted_filters(layer.weight.detach(), "rgb+srm"))
    network = nn.Sequential(layer)
    with pytest.raises(UsageError, match="rescales the filters of its first layer"):
        refuse_changed_function(network, ["0"], "rgb+srm")


def test_a_front_end_is_refused_before_anything_is_built():
    with pytest.raises(UsageError, match=r"'srn' is unknown.*did you mean srm"):
        tiny_detector(frontend="rgb+srn", backbone="mobilenet_v2")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_first_layer_is_tried_as_it_is_and_moves_no_random_number(dtype):
    layer = nn.Conv2d(6, 8, 3)
    network = nn.Sequential(layer).to(dtype)
    layer.weight.data[:, 3:] = 0
    before = torch.get_rng_state()
    refuse_changed_function(network, ["0"], "rgb+srm")
    assert torch.equal(torch.get_rng_state(), before)
    layer.weight.data[:, 3:] = 1
    with pytest.raises(UsageError, match="rescales"):
        refuse_changed_function(network, ["0"], "rgb+srm")


@pytest.mark.parametrize("precision", ["64-true", "bf16-true"])
def test_front_ends_stay_in_float32_whatever_the_precision_of_a_fit(precision, generated_faces, tmp_path):
    trainer = quiet_trainer(tmp_path, [], precision=precision, limit_train_batches=2, limit_val_batches=1)
    detector = tiny_detector(frontend="rgb+srm+dct+phase")
    trainer.fit(detector, faces_data(generated_faces))
    assert torch.isfinite(trainer.callback_metrics["val/loss"])
    assert {buffer.dtype for buffer in detector.normalise.buffers()} == {torch.float32}
