"""Networks of timm by their names: what is found of them, against timm itself, and where their weights come from."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dfdetect.errors import CheckpointError, DownloadError, MissingExtraError, UsageError
from dfdetect.models.backbones import get_backbone
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.tuning import norm_parameters, parameter_groups

timm = pytest.importorskip("timm")
FORMS = {  # timm's name: form, input size, channels
    "resnet18": ("map", 224, 512),
    "tf_efficientnet_b0": ("map", 224, 1280),
    "swin_tiny_patch4_window7_224": ("map", 224, 768),  # whose maps are channels-last
    "inception_v3": ("map", 299, 2048),
    "vit_tiny_patch16_384": ("vector", 384, 192),
    "convnext_atto": ("vector", 224, 320),  # a norm after pooling
    "mobilenetv3_small_050": ("vector", 224, 1024),  # a convolution after pooling
}


@pytest.mark.parametrize("name", FORMS)
def test_form_size_and_normalisation_are_found(name):
    spec, config = get_backbone(f"timm:{name}"), timm.get_pretrained_cfg(name)
    assert (spec.form, spec.input_size, spec.channels) == FORMS[name]
    assert spec.normalisation() == (list(config.mean), list(config.std))
    with torch.device("meta"):
        features = spec.build().eval()(torch.empty(2, 3, spec.input_size, spec.input_size))
    assert features.shape[:2] == (2, spec.channels)
    assert features.ndim == (4 if spec.form == "map" else 2)


@pytest.mark.parametrize(
    "name", ["test_resnet", "convnext_atto", "test_vit", "mobilenetv3_small_050", "swin_tiny_patch4_window7_224"]
)
def test_the_head_sees_what_timms_classifier_sees(name, tmp_path):
    """Of a file with the whole network's weights, classifier included, in either way to write one."""
    torch.manual_seed(0)
    whole = timm.create_model(name).eval()
    safetensors = pytest.importorskip("safetensors.torch")
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    safetensors.save_file(whole.state_dict(), tmp_path / "w.safetensors")
    size = {"swin_tiny_patch4_window7_224": 224, "test_vit": 160}.get(name, 64)
    pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
    for file in ("w.pth", "w.safetensors"):
        detector = DeepfakeDetector(f"timm:{name}", weights=str(tmp_path / file)).eval()
        detector.load_initial_weights()
        with torch.no_grad():
            seen = whole.forward_head(whole.forward_features(detector.normalise(pixels)), pre_logits=True)
            own = detector.head.pool(detector.backbone(detector.normalise(pixels)))
        torch.testing.assert_close(own, seen, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "said"), [
    ("timm:resnet81", r"no network 'resnet81'; did you mean resnet"),
    ("timm:resnet18.nobody", r"no weights 'nobody' of resnet18; there are: a1_in1k"),
    ("timm:hf-hub:someone/something", "timm has no network"),
    ("timm:", "timm has no network ''"),
])  # fmt: skip
def test_what_timm_has_not_is_refused(name, said):
    with pytest.raises(UsageError, match=said):
        get_backbone(name)


def test_without_timm_the_line_to_type_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"needs timm.*pip install 'dfdetect\[timm\]'"):
        get_backbone("timm:resnet18.tv_in1k")


def test_another_size_is_interpolated_or_refused():
    get_backbone("timm:vit_tiny_patch16_224").check_size("v", 64)
    with pytest.raises(UsageError, match=r"takes no pictures of 65 pixels .*divisible.*--data.image_size 224"):
        get_backbone("timm:vit_tiny_patch16_224").check_size("v", 65)
    with pytest.raises(UsageError, match=r"takes no pictures of 256 pixels"):
        get_backbone("timm:beit_base_patch16_224").check_size("b", 256)


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_decayed_rates_are_those_of_timms_own_groups(name):
    spec = get_backbone(f"timm:{name}")
    with torch.device("meta"):
        backbone, whole = spec.build(), timm.create_model(name, num_classes=2)
    own = parameter_groups(backbone, nn.Linear(1, 2), spec, 1.0, 0.7)
    rate = {id(p): group["lr"] for group in own for p in group["params"]}
    names = {id(p): name for name, p in whole.named_parameters()}
    expected = {
        names[id(p)]: group["lr_scale"]
        for group in import_module("timm.optim").param_groups_layer_decay(whole, layer_decay=0.7)
        for p in group["params"]
    }
    classifier = (*spec.head_prefix,)
    found = {name.removeprefix("network."): rate[id(p)] for name, p in backbone.named_parameters()}
    assert found == pytest.approx({k: v for k, v in expected.items() if not k.startswith(classifier)})


def test_drop_path_and_norms_of_timms():
    detector = DeepfakeDetector("timm:test_vit", weights="none", drop_path=0.2)
    blocks = len(detector.backbone.network.blocks)  # type: ignore[arg-type,union-attr]
    rates = [m.drop_prob for m in detector.backbone.modules() if hasattr(m, "drop_prob")]
    assert rates == pytest.approx([0.2 * (1 + i // 2) / (blocks - 1) for i in range(2 * blocks - 2)])  # not the first's
    plain = DeepfakeDetector("timm:test_vit", weights="none")
    assert {m.drop_prob for m in plain.backbone.modules() if hasattr(m, "drop_prob")} == {0.0}
    assert len(norm_parameters(plain.backbone)) == (2 * blocks + 1) * 2
    with pytest.raises(UsageError, match="no residual branches"):
        DeepfakeDetector("timm:vgg11", weights="none", drop_path=0.2)


class Hub(BaseHTTPRequestHandler):
    """Serves one file as the Hugging Face hub does."""

    content = b""
    asked: list[str] = []  # noqa: RUF012

    def do_HEAD(self) -> None:
        found = self.path.endswith("/model.safetensors")
        self.send_response(200 if found else 404)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.do_HEAD()
        if self.path.endswith("/model.safetensors"):
            self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for the hub, which the client of timm's own choice talks to; its folder of downloads."""
    constants = pytest.importorskip("huggingface_hub.constants")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    Hub.asked.clear()
    home = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", home)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", home + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield tmp_path / "hub"
    server.shutdown()
    thread.join()
    server.server_close()


def test_weights_come_through_timms_own_download_code(hub):
    safetensors = pytest.importorskip("safetensors.torch")
    torch.manual_seed(3)
    whole = timm.create_model("test_resnet")
    Hub.content = safetensors.save(whole.state_dict())
    for _ in range(2):
        detector = DeepfakeDetector("timm:test_resnet")
        detector.load_initial_weights()
        loaded = detector.backbone.state_dict()
        assert torch.equal(loaded["network.layer1.0.conv1.weight"], whole.state_dict()["layer1.0.conv1.weight"])
    (weights,) = [path for path in Hub.asked if path.endswith("model.safetensors")]  # once, and then no more
    assert weights == "/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"
    assert get_backbone("timm:test_resnet").cached == hub / "models--timm--test_resnet.r160_in1k"
    assert get_backbone("timm:test_resnet").cached.is_dir()


def test_damaged_weights_are_no_weights(hub):
    Hub.content = b"no safetensors"
    with pytest.raises(DownloadError, match=r"could not be fetched from https://huggingface\.co/timm/test_resnet"):
        DeepfakeDetector("timm:test_resnet").load_initial_weights()


def test_offline_says_what_to_do(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError) as caught:
        DeepfakeDetector("timm:test_resnet").load_initial_weights()
    said = str(caught.value)
    url = "https://huggingface.co/timm/test_resnet.r160_in1k"
    for part in (url, str(hub / "models--timm--test_resnet.r160_in1k"), "--model.weights FILE", "--model.weights none"):
        assert part in said
    assert "\n" not in said


@pytest.mark.parametrize("content", [b"", b"no safetensors at all", None])
def test_a_bad_safetensors_file_is_refused(content, tmp_path):
    file = Path(tmp_path / "w.safetensors")
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: (refused|no such)"):
        DeepfakeDetector("timm:test_resnet", weights=str(file)).load_initial_weights()
