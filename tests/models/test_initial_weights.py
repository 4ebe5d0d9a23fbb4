"""Where a fresh fit starts: a file or torchvision's download, safely, strictly, and only then."""

import gc
import hashlib
import pickle
import shutil
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import ResNet18_Weights

from dfdetect.errors import CheckpointError, DownloadError
from dfdetect.models.backbones import BACKBONES
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import build_tiny, faces_data, quiet_trainer, tiny_detector

NAMES = ["mobilenet_v2", "resnet18"]
OTHERS = [name for name in sorted(BACKBONES) if name not in (*NAMES, "tiny")]


class Payload:
    """Creates a file if it is ever unpickled by plain pickle."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def settled(name: str) -> nn.Module:
    """A random torchvision network whose BatchNorm statistics are no longer those of a fresh one."""
    torch.manual_seed(1)
    network: nn.Module = getattr(torchvision.models, name)()
    network.train()
    with torch.no_grad():
        network(torch.randn(8, 3, 64, 64))
    return network.eval()


def classifier_of(network: nn.Module) -> nn.Module:
    return network.classifier if hasattr(network, "classifier") else network.fc  # type: ignore[return-value]


def save(content, file: Path) -> str:
    torch.save(content, file)
    return str(file)


def tiny_state() -> dict[str, torch.Tensor]:
    """A state dict of the tiny backbone as torchvision would name it, with a classifier."""
    state = {f"features.{name}": tensor for name, tensor in build_tiny().state_dict().items()}
    return state | {"classifier.weight": torch.zeros(1000, 16)}


@pytest.mark.parametrize("name", NAMES)
def test_same_logits_as_plain_torchvision(tmp_path, name):
    network = settled(name)
    detector = DeepfakeDetector(name, weights=save(network.state_dict(), tmp_path / "w.pth"))
    detector.load_initial_weights()
    detector.eval()
    pixels = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    mean, std = detector.spec.normalisation()
    with torch.no_grad():
        expected = network(torchvision.transforms.functional.normalize(pixels / 255, mean, std))
        features = detector.backbone(detector.normalise(pixels)).mean(dim=(2, 3))
        torch.testing.assert_close(classifier_of(network)(features), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_head_is_left_out_and_that_is_said(tmp_path, name, caplog):
    network = settled(name)
    detector = DeepfakeDetector(name, weights=save(network.state_dict(), tmp_path / "w.pth"))
    head = detector.head.linear.weight.clone()
    with caplog.at_level("INFO"):
        detector.load_initial_weights()
    head_names = [key for key in network.state_dict() if key.startswith(detector.spec.head_prefix)]
    assert f"left out: {', '.join(head_names)}" in caplog.text
    assert torch.equal(detector.head.linear.weight, head)


def random_torchvision(name: str) -> nn.Module:
    """Statistics of BatchNorm other than a fresh network's, which say nothing in evaluation mode."""
    torch.manual_seed(1)
    network: nn.Module = getattr(torchvision.models, name)()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
    return network.eval()


@pytest.mark.parametrize("name", OTHERS)
def test_others_see_what_torchvisions_classifier_sees(tmp_path, name):
    """Of the very file that torchvision would give: features, pooled, are what its last layers get."""
    network: Any = random_torchvision(name)
    size = 224 if name == "vit_b_16" else 64
    detector = DeepfakeDetector(name, weights=save(network.state_dict(), tmp_path / "w.pth")).eval()
    detector.load_initial_weights()
    seen: list[torch.Tensor] = []
    last = {"vit_b_16": "heads.head", "convnext_tiny": "classifier.2"}.get(name, "classifier.0")
    network.get_submodule(last).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
    with torch.no_grad():
        network(detector.normalise(pixels))
        torch.testing.assert_close(detector.head.pool(detector.backbone(detector.normalise(pixels))), seen[0])


def test_our_own_checkpoint_is_taken(tmp_path, generated_faces, caplog):
    trained = tiny_detector()
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=2, limit_val_batches=1)
    trainer.fit(trained, faces_data(generated_faces))
    trainer.save_checkpoint(tmp_path / "ours.ckpt")
    fresh = tiny_detector(weights=str(tmp_path / "ours.ckpt"))
    with caplog.at_level("INFO"):
        fresh.load_initial_weights()
    assert "head.linear.weight" in caplog.text
    for name, tensor in trained.backbone.state_dict().items():
        assert torch.equal(fresh.backbone.state_dict()[name], tensor), name
    assert not torch.equal(fresh.head.linear.weight, trained.head.linear.weight)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: settled("resnet18").state_dict(), "does not fit"),
        (lambda: without(tiny_state(), "features.0.weight"), "1 tensors missing .*0.weight"),
        (lambda: tiny_state() | {"features.9.weight": torch.zeros(1)}, "1 unknown .*features.9.weight"),
        (lambda: tiny_state() | {"features.0.weight": torch.zeros(1)}, "does not fit"),
        (dict, "does not fit"),
        (lambda: [torch.zeros(1)], "holds a list"),
    ],
    ids=["other architecture", "missing tensor", "unknown tensor", "other shape", "empty", "no dictionary"],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, content, said):
    detector = tiny_detector(weights=save(content(), tmp_path / "w.pth"))
    with pytest.raises(CheckpointError, match=said):
        detector.load_initial_weights()


@pytest.mark.parametrize(
    "write", [torch.save, lambda content, file: file.write_bytes(pickle.dumps(content, 2))], ids=["torch", "pickle"]
)
def test_pickled_code_is_refused_and_does_not_run(tmp_path, write):
    write({"features.0.weight": Payload(tmp_path / "ran")}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="pickled code, which is never run"):
        tiny_detector(weights=str(tmp_path / "w.pth")).load_initial_weights()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("source", "said"), [("http://127.0.0.1/w.pth", "local file only"), ("w.pth", "no such")])
def test_a_url_or_nothing_is_refused(source, said):
    with pytest.raises(CheckpointError, match=said):
        tiny_detector(weights=source).load_initial_weights()


class CountingHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a word, and counts."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        super().do_GET()

    def log_message(self, *_) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home" / "hub" / "checkpoints"


@pytest.fixture
def stand_in(tmp_path, monkeypatch, torch_home):
    """Serves files in place of torchvision's server: call it with a file to make it ResNet18's weights."""
    CountingHandler.requests = 0
    (tmp_path / "served").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(CountingHandler, directory=str(tmp_path / "served")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def serve(file: Path, digest: str | None = None) -> str:
        digest = digest or hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        name = f"resnet18-{digest}.pth"
        shutil.copy(file, tmp_path / "served" / name)
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", url)
        return name

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()
    with warnings.catch_warnings():  # torch.hub never closes its connection: let that not fall on a later test
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_imagenet_weights_are_fetched_once_and_checked(tmp_path, stand_in, torch_home):
    network = settled("resnet18")
    name = stand_in(Path(save(network.state_dict(), tmp_path / "w.pth")))
    for _ in range(2):
        detector = DeepfakeDetector("resnet18")
        detector.load_initial_weights()
        assert torch.equal(detector.backbone.state_dict()["conv1.weight"], network.state_dict()["conv1.weight"])
    assert CountingHandler.requests == 1
    assert (torch_home / name).is_file()


@pytest.mark.parametrize("digest", ["00000000", None], ids=["damaged download", "refused"])
def test_a_bad_download_says_what_to_do(tmp_path, stand_in, torch_home, digest, monkeypatch):
    name = stand_in(Path(save(settled("resnet18").state_dict(), tmp_path / "w.pth")), digest)
    if digest is None:
        (tmp_path / "served" / name).unlink()
    with pytest.raises(DownloadError) as caught:
        DeepfakeDetector("resnet18").load_initial_weights()
    assert_names_the_ways_on(str(caught.value), torch_home)
    assert list(torch_home.iterdir()) == []


def test_offline_says_what_to_do(torch_home, monkeypatch):
    closed = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_port}/resnet18-00000000.pth"
    closed.server_close()
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", url)
    with pytest.raises(DownloadError) as caught:
        DeepfakeDetector("resnet18").load_initial_weights()
    assert_names_the_ways_on(str(caught.value), torch_home)


def assert_names_the_ways_on(message: str, torch_home: Path) -> None:
    url = ResNet18_Weights.IMAGENET1K_V1.url
    for part in (url, str(torch_home / Path(url).name), "--model.weights FILE", "--model.weights none"):
        assert part in message


def test_pickled_code_in_torchvisions_cache_does_not_run(tmp_path, torch_home):
    torch_home.mkdir(parents=True)
    file = torch_home / Path(ResNet18_Weights.IMAGENET1K_V1.url).name
    torch.save({"conv1.weight": Payload(tmp_path / "ran")}, file)
    with pytest.raises(CheckpointError, match="refused"):
        DeepfakeDetector("resnet18").load_initial_weights()
    assert not (tmp_path / "ran").exists()


def test_initial_weights_are_read_by_a_fresh_fit_alone(tmp_path, generated_faces):
    source = Path(save(tiny_state(), tmp_path / "w.pth"))
    short: dict[str, Any] = {
        "callbacks": [],
        "limit_train_batches": 1,
        "limit_val_batches": 1,
        "num_sanity_val_steps": 0,
    }
    trainer = quiet_trainer(tmp_path, **short)
    detector = tiny_detector(weights=str(source), lr=0.0)
    trainer.fit(detector, faces_data(generated_faces))
    assert torch.equal(detector.backbone.state_dict()["0.weight"], torch.load(source)["features.0.weight"])
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    source.unlink()

    resumed = quiet_trainer(tmp_path, **short | {"max_epochs": 2})
    resumed.fit(tiny_detector(weights=str(source)), faces_data(generated_faces), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.global_step == 2
    tested = DeepfakeDetector.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    quiet_trainer(tmp_path, callbacks=[]).test(tested, faces_data(generated_faces), verbose=False)
    with pytest.raises(CheckpointError, match="no such"):
        quiet_trainer(tmp_path, **short).fit(tiny_detector(weights=str(source)), faces_data(generated_faces))
