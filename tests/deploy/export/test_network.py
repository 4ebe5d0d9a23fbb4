from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from dfdetect.deploy.engines.checkpoint import CheckpointEngine
from dfdetect.deploy.export.convert import Converter, write
from dfdetect.deploy.export.network import ChannelsLastNetwork, ExportNetwork, convolutions, refuse_impossible
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import ExportError
from dfdetect.explain.grid import grid_of
from dfdetect.models.backbones import BACKBONES
from dfdetect.models.detector import DeepfakeDetector
from dfdetect.models.layers import margin_of
from tests.fits import build_tiny, faces_data, quiet_trainer, tiny_detector


def drawn(backbone: str) -> DeepfakeDetector:
    torch.manual_seed(0)
    detector = DeepfakeDetector(backbone=backbone, weights="none").eval()
    detector.facts["temperature"] = 1.7
    nn.init.normal_(detector.head.linear.weight)
    nn.init.normal_(detector.head.linear.bias)
    return detector


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18", "mobilenet_v3_large", "efficientnet_b0"])
def test_it_gives_the_detectors_score_and_a_heatmap_whose_mean_is_the_margin(backbone):
    detector = drawn(backbone)
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        margin = margin_of(detector(pixels))
        features = detector.backbone(detector.normalise(pixels))
        p_fake, heatmap = ExportNetwork(detector).eval()(pixels)
        direction = detector.head.linear.weight[1] - detector.head.linear.weight[0]
        wanted = torch.einsum("c,nchw->nhw", direction, features)
        bias = detector.head.linear.bias[1] - detector.head.linear.bias[0]
    torch.testing.assert_close(p_fake, detector.p_fake(margin), atol=1e-6, rtol=0)
    torch.testing.assert_close(heatmap, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(heatmap.mean(dim=(1, 2)) + bias, margin, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "convnext_tiny"])
def test_a_detector_that_flips_flips_in_the_exported_network(backbone):
    detector = drawn(backbone)
    detector.hparams["test_time_flip"] = True
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        p_fake, *heatmap = ExportNetwork(detector).eval()(pixels)
        turned, *turned_map = ExportNetwork(detector).eval()(pixels.flip(3))
        torch.testing.assert_close(p_fake, detector.p_fake(margin_of(detector(pixels))), atol=1e-6, rtol=0)
    torch.testing.assert_close(p_fake, turned, atol=1e-6, rtol=0)
    for one, other in zip(heatmap, turned_map, strict=True):
        torch.testing.assert_close(one, other.flip(2), atol=1e-4, rtol=1e-4)


def test_pixels_may_lie_as_a_camera_gives_them():
    network = ExportNetwork(tiny_detector()).eval()
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        for one, other in zip(network(pixels), ChannelsLastNetwork(network)(pixels.permute(0, 2, 3, 1)), strict=True):
            torch.testing.assert_close(one, other)


def test_the_detector_keeps_its_own_head():
    detector = tiny_detector()
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    for parameter in (ExportNetwork(detector).heatmap or nn.Identity()).parameters():
        parameter.data.zero_()
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, before[name])


def test_convolutions_come_in_the_order_in_which_they_run():
    resnet = convolutions(ExportNetwork(drawn("resnet18")).eval(), 64)
    assert resnet[0] == "backbone.conv1"
    assert resnet[-1] == "heatmap"
    assert len(resnet) == 21
    place = resnet.index("backbone.layer2.0.downsample.0")
    assert resnet[place - 1] == "backbone.layer2.0.conv2"  # it runs after the branch beside it, though built before


def test_another_head_is_refused_with_a_way_out():
    detector = tiny_detector()
    detector.head = nn.Flatten()  # type: ignore[assignment]
    with pytest.raises(ExportError, match=r"tiny cannot be exported.*mobilenet_v2"):
        ExportNetwork(detector)


class Normed(nn.Module):
    """The tiny network, pooled, then a norm and a matrix: nothing that a heatmap could be made of."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.norm, self.matrix = build_tiny(), nn.LayerNorm(16), nn.Linear(16, 800)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 800)."""
        return torch.tanh(self.matrix(self.norm(self.features(pixels).mean(dim=(2, 3)))))


@pytest.fixture
def normed(monkeypatch) -> DeepfakeDetector:
    """A detector without a heatmap, that tells something apart."""
    spec = replace(BACKBONES["tiny"], build=Normed, channels=800, form="vector", formats=("onnx", "openvino"))
    monkeypatch.setitem(BACKBONES, "normed", spec)
    torch.manual_seed(0)
    detector = tiny_detector(backbone="normed").eval()
    nn.init.normal_(detector.head.linear.weight, std=0.1)
    return detector


def test_without_a_map_the_score_stands_alone_in_every_file(normed, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        wanted = normed.p_fake(margin_of(normed(images))).numpy()
    assert wanted.std() > 0.02
    network = ExportNetwork(normed).eval()
    assert len(network(images)) == 1
    converter = Converter(network, 32, None, 1)
    facts = ModelFacts("normed", 0.5, 1.0, True, 32, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0")
    sizes = {}
    for kind, precision, close in (("onnx", "fp32", 1e-5), ("onnx", "fp16", 2e-3), ("openvino", "fp32", 1e-5)):
        model, own = converter.convert(kind, precision, facts)  # type: ignore[arg-type]
        file = write(model, own, tmp_path, f"{kind}-{precision}")
        p_fake, heatmap = Detector.load(file, 1).judge(pixels)
        np.testing.assert_allclose(p_fake, wanted, atol=close)
        assert heatmap is None
        sizes[file.stem] = file.stat().st_size
    assert sizes["onnx-fp16"] < sizes["onnx-fp32"] - 800 * 16 * 2 + 1000  # the matrix, of which half is gone


def test_a_checkpoint_without_a_map_runs(normed, generated_faces, tmp_path):
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=1, limit_val_batches=1)
    trainer.fit(normed, faces_data(generated_faces))
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    p_fake, heatmap = CheckpointEngine(tmp_path / "x.ckpt", 1)(np.zeros((2, 32, 32, 3), np.uint8))
    assert p_fake.shape == (2,)
    assert heatmap is None


def test_what_cannot_be_written_is_refused_before_the_work(normed):
    with pytest.raises(ExportError, match=r"normed is not exported in int8.*--precision fp32 fp16"):
        refuse_impossible(normed, ["onnx"], ["fp32", "int8"])
    with pytest.raises(ExportError, match=r"normed cannot be exported to litert: use --format onnx openvino"):
        refuse_impossible(normed, ["onnx", "litert"], ["fp32"])
    refuse_impossible(normed, ["onnx", "openvino"], ["fp32", "fp16"])
    refuse_impossible(tiny_detector(), ["onnx", "litert"], ["int8"])


def test_where_cells_look_goes_from_the_registry_into_checkpoint_and_file(monkeypatch, generated_faces, tmp_path):
    monkeypatch.setitem(BACKBONES, "first", replace(BACKBONES["tiny"], centred_on_first=True))
    trainer = quiet_trainer(tmp_path, callbacks=[], limit_train_batches=1, limit_val_batches=1)
    trainer.fit(tiny_detector(backbone="first"), faces_data(generated_faces))
    trainer.save_checkpoint(tmp_path / "first.ckpt")
    facts = CheckpointEngine(tmp_path / "first.ckpt", 1).facts
    assert ModelFacts.from_strings(facts.to_strings()).grid(8) == facts.grid(8) == grid_of(True, 32, 8)
