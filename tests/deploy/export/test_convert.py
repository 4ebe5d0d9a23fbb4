"""All formats and precisions, judged by PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dfdetect.data.cache import Decoder
from dfdetect.deploy.export.convert import Converter, correlation, require_libraries, write
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.export.rounding import NEIGHBOURS
from dfdetect.deploy.metadata import PRECISIONS, ModelFacts, UncertainBand
from dfdetect.deploy.runtime import Detector
from dfdetect.errors import MissingExtraError
from dfdetect.models.backbones import BACKBONES, get_backbone
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import train_briefly

CLOSE = {"fp32": 1e-4, "fp16": 1e-2, "int8": 0.06}
LIBRARY = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert_torch"}


def expected(network: ExportNetwork, pixels):
    with torch.inference_mode():
        return [one.numpy() for one in network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()))]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_tiny_network_says_the_same_in_every_form(kind, precision, tiny_files, tiny_converter, tiny_facts):
    detector = Detector.load(tiny_files(kind, precision), threads=1)
    pixels = tiny_converter.calibration
    p_fake, heatmap = detector.judge(pixels)
    wanted, wanted_heatmap = expected(tiny_converter.network, pixels)
    assert np.abs(p_fake - wanted).max() < CLOSE[precision]
    assert heatmap is not None
    assert heatmap.shape == wanted_heatmap.shape
    if precision == "fp32":
        np.testing.assert_allclose(heatmap, wanted_heatmap, atol=1e-4)
    kept = ("heatmap",) if precision == "int8" else ()
    facts = detector.facts
    assert facts.float_layers[-1:] == kept
    assert replace(facts, float_layers=()) == replace(tiny_facts, format=kind, precision=precision)


def test_no_two_neighbouring_weights_of_an_int8_file_pass_16_bits(tiny_files):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tiny_files("onnx", "int8"))
    arrays = [onnx.numpy_helper.to_array(one) for one in model.graph.initializer]
    layers = [one.astype(int) for one in arrays if one.dtype == np.int8 and one.ndim == 4]
    assert layers
    for weight in layers:
        if weight.shape[1] % 2:
            assert weight.shape[1] == 1 or np.abs(weight).max() <= NEIGHBOURS / 2
        else:
            one, other = weight[:, ::2], weight[:, 1::2]
            assert ((one * other > 0) * np.abs(one + other)).max() <= NEIGHBOURS


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_batch_of_any_size_gives_what_single_pictures_give(kind, tiny_files, tiny_converter):
    detector = Detector.load(tiny_files(kind), threads=1)
    pixels = tiny_converter.calibration[:5]
    whole, _ = detector.judge(pixels)
    single = [float(detector.judge(pixels[i : i + 1])[0][0]) for i in range(5)]
    np.testing.assert_allclose(whole, single, atol=1e-6)


@pytest.mark.slow
def test_half_precision_halves_the_weights_and_int8_quarters_them(tiny_converter, tmp_path):
    torch.manual_seed(0)
    network = ExportNetwork(DeepfakeDetector(backbone="resnet18", weights="none")).eval()
    converter = Converter(network, 32, np.zeros((4, 32, 32, 3), np.uint8), 1)
    facts = ModelFacts("resnet18", 0.5, 1.0, False, 32, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0")
    sizes = {}
    for precision in PRECISIONS:
        model, own = converter.convert("onnx", precision, facts)
        sizes[precision] = write(model, own, tmp_path, precision).stat().st_size
    assert sizes["fp16"] == pytest.approx(sizes["fp32"] / 2, rel=0.02)
    assert sizes["int8"] == pytest.approx(sizes["fp32"] / 4, rel=0.05)


def test_correlation_is_pearsons_and_bears_even_maps():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(5, 3, 4)).astype(np.float32)
    second = (first + rng.normal(size=(5, 3, 4))).astype(np.float32)
    wanted = [np.corrcoef(one.ravel(), two.ravel())[0, 1] for one, two in zip(first, second, strict=True)]
    np.testing.assert_allclose(correlation(first, second), wanted, atol=1e-6)
    even = np.full((5, 3, 4), 7, np.float32)
    assert (correlation(even, even - 3) == 1).all()
    assert (correlation(even, first) == 0).all()


def test_int8_without_pictures_to_calibrate_it_is_refused(tiny_network, tiny_facts):
    with pytest.raises(ValueError, match="calibration"):
        Converter(tiny_network, tiny_facts.input_size, None, 1).convert("onnx", "int8", tiny_facts)


def test_layers_are_kept_in_float_only_where_that_helps(tiny_converter, tiny_facts, monkeypatch):
    def kept(good_enough, maps_enough):
        monkeypatch.setattr("dfdetect.deploy.export.convert._GOOD_ENOUGH", good_enough)
        monkeypatch.setattr("dfdetect.deploy.export.convert._MAPS_ENOUGH", maps_enough)
        return tiny_converter.convert("onnx", "int8", tiny_facts)[1].float_layers

    assert kept(1.0, -1.0) == ("heatmap",)
    assert kept(1e-9, -1.0) == ("backbone.0", "backbone.3", "heatmap")
    assert kept(1.0, 1 - 1e-12) == ("backbone.0", "backbone.3", "heatmap")


@pytest.mark.parametrize(("library", "kind", "extra"), [
    ("onnxscript", "onnx", "onnx"), ("openvino", "openvino", "openvino"), ("ai_edge_quantizer", "litert", "litert"),
    ("litert_torch", "litert", "litert"),
])  # fmt: skip
def test_a_missing_library_names_the_line_to_type(library, kind, extra, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(
        MissingExtraError, match=rf"Exporting to {kind} needs {library}.*pip install 'dfdetect\[{extra}\]'"
    ):
        require_libraries([kind])


EXPORTS = [
    *((backbone, kind, PRECISIONS) for backbone in ("mobilenet_v2", "resnet18") for kind in LIBRARY),
    ("mobilenet_v3_large", "onnx", PRECISIONS),
    ("efficientnet_b0", "litert", ("fp32", "int8")),
    ("efficientnet_v2_s", "openvino", ("fp32",)),
    ("convnext_tiny", "onnx", ("fp32", "fp16")),
    ("vit_b_16", "onnx", ("fp32",)),
]
"""Every backbone, the recipe's two in all formats: each of the others in all of them would take half an hour."""


def test_no_backbone_goes_without_an_export():
    assert {backbone for backbone, _, _ in EXPORTS} == set(BACKBONES) - {"tiny"}


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "kind", "precisions"), EXPORTS)
def test_all_backbones_decide_alike_when_exported(backbone, kind, precisions, photos, tmp_path):
    assert kind in (get_backbone(backbone).formats or ())
    pytest.importorskip(LIBRARY[kind])
    torch.manual_seed(0)
    detector = DeepfakeDetector(backbone=backbone, weights="none")
    detector.facts["temperature"] = 2.0
    has_map = detector.spec.form == "map"
    photographs = [Decoder(64).load(0, photo) for photo in photos[:12]]
    pixels = np.stack([(image * light).astype(np.uint8) for image in photographs for light in (1.0, 0.3)])
    if has_map:
        train_briefly(detector, pixels, np.tile([0, 1], 12))
    else:
        _spread(detector, pixels)
    network = ExportNetwork(detector).eval()
    converter = Converter(network, 64, pixels, 1)
    band = UncertainBand(0.4, 0.6, 0.05, 0.04, 0.7, 100)
    plain = ModelFacts(backbone, 0.5, 2.0, True, 64, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0")
    facts = replace(plain, uncertain=band)
    wanted, *wanted_heatmap = expected(network, pixels)
    assert wanted.std() > 0.1  # or anything would pass
    for precision in precisions:
        model, own = converter.convert(kind, precision, facts)
        exported = Detector.load(write(model, own, tmp_path, precision), threads=1)
        p_fake, heatmap = exported.judge(pixels)
        change = np.abs(p_fake - wanted)
        assert change.mean() < 0.04 if precision == "int8" else change.max() < CLOSE[precision], precision
        assert ([] if heatmap is None else [heatmap.shape]) == [one.shape for one in wanted_heatmap]
        assert exported.facts == own
        assert own.uncertain == band


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "frontend"), [*((kind, "rgb") for kind in LIBRARY), ("onnx", "rgb+spectrum")])
def test_a_detector_that_flips_is_exported_for_any_number_of_pictures(kind, frontend, photos, tmp_path):
    pytest.importorskip(LIBRARY[kind])
    torch.manual_seed(0)
    detector = DeepfakeDetector("resnet18", frontend=frontend, weights="none", test_time_flip=True)
    pixels = np.stack([Decoder(64).load(0, photo) for photo in photos[:8]])
    train_briefly(detector, pixels, np.tile([0, 1], 4))
    network = ExportNetwork(detector).eval()
    wanted, heatmaps = expected(network, pixels)
    assert wanted.std() > 0.1
    plain = ModelFacts("resnet18", 0.5, 1.0, True, 64, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0")
    for precision in ("fp32", "int8"):
        facts = replace(plain, frontend=frontend, test_time_flip=True)
        model, own = Converter(network, 64, pixels, 1).convert(kind, precision, facts)
        loaded = Detector.load(write(model, own, tmp_path, precision), threads=1)
        for start, count in ((0, 1), (1, 3), (4, 4)):
            p_fake, heatmap = loaded.judge(pixels[start : start + count])
            np.testing.assert_allclose(p_fake, wanted[start : start + count], atol=CLOSE[precision])
            assert heatmap is not None
            assert correlation(heatmap, heatmaps[start : start + count]).min() > 0.95
        assert loaded.facts.grid(2).mirrored


def _spread(detector: DeepfakeDetector, pixels) -> None:
    """A head to which the pictures look different: attention and LayerNorm keep roundings small without training."""
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    linear = detector.eval().head.linear
    with torch.no_grad():
        features = detector.head.pool(detector.backbone(detector.normalise(images)))
        first = torch.linalg.svd(features - features.mean(dim=0)).Vh[0]
        along = features @ first
        linear.weight.copy_(torch.stack([torch.zeros_like(first), first / along.std() * detector.facts["temperature"]]))
        linear.bias.copy_(torch.stack([torch.zeros(()), -along.mean() / along.std() * detector.facts["temperature"]]))
