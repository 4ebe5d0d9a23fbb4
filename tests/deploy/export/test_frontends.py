"""Each front-end in each format, judged by PyTorch; all of it stays in float where the backbone becomes int8."""

import numpy as np
import pytest
import torch

from dfdetect.deploy.export.convert import Converter, write
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.runtime import Detector
from dfdetect.models.frontends.registry import FRONTENDS
from tests.fits import tiny_detector
from tests.models.frontends.pictures import faces

OTHERS = [name for name in FRONTENDS if name != "rgb"]
LIBRARY = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert_torch"}
JOINED = "rgb+" + "+".join(OTHERS)
"""All of them in one file: the formats that take longest to write are tried with this one."""
FILES = [*((name, "onnx") for name in OTHERS), *((JOINED, kind) for kind in LIBRARY)]
SIDE = 64


def pictures():
    return faces(SIDE, SIDE, 12).transpose(0, 2, 3, 1).astype(np.uint8)


def network_of(frontend) -> ExportNetwork:
    """A tiny network to which the pictures look different."""
    torch.manual_seed(0)
    detector = tiny_detector(frontend=frontend).eval()
    pixels = torch.from_numpy(pictures().transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        if frontend.startswith("rgb+"):  # new filters are zero: let them count
            torch.nn.init.normal_(detector.backbone.get_parameter("0.weight"), std=0.1)
        features = detector.head.pool(detector.backbone(detector.normalise(pixels)))
        direction = torch.linalg.svd(features - features.mean(dim=0)).Vh[0]
        along = features @ direction
        detector.head.linear.weight.copy_(torch.stack([torch.zeros_like(direction), direction / along.std()]))
        detector.head.linear.bias.copy_(torch.stack([torch.zeros(()), -along.mean() / along.std()]))
    return ExportNetwork(detector).eval()


def moved(kind, precision, frontend, folder):
    """Largest change of p_fake, of the heatmaps, and the file's facts."""
    pytest.importorskip(LIBRARY[kind])
    network, pixels = network_of(frontend), pictures()
    plain = ModelFacts("tiny", 0.5, 1.0, False, SIDE, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0", frontend)
    model, own = Converter(network, SIDE, pixels, 1).convert(kind, precision, plain)
    detector = Detector.load(write(model, own, folder, precision), threads=1)
    p_fake, heatmap = detector.judge(pixels)
    with torch.inference_mode():
        wanted, wanted_map = (one.numpy() for one in network(torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())))
    assert wanted.std() > 0.1  # or anything would pass
    assert heatmap is not None
    return np.abs(p_fake - wanted).max(), np.abs(heatmap - wanted_map).max(), detector.facts


@pytest.mark.slow
@pytest.mark.parametrize(("frontend", "kind"), FILES)
def test_every_format_decides_as_the_checkpoint(frontend, kind, tmp_path):
    scores, maps, facts = moved(kind, "fp32", frontend, tmp_path)
    assert scores < 1e-4
    assert maps < 1e-2
    assert facts.frontend == frontend


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "kind"), [("fp16", "onnx"), *(("int8", kind) for kind in LIBRARY)])
def test_front_ends_stay_in_float(precision, kind, tmp_path, monkeypatch):
    monkeypatch.setattr("dfdetect.deploy.export.convert._PREFIXES", (0,))
    scores, _, facts = moved(kind, precision, "rgb+srm+phase", tmp_path)
    assert scores < (0.1 if precision == "int8" else 1e-2)
    if precision == "int8":
        assert facts.float_layers == ("normalise.rgb", "normalise.srm", "normalise.phase", "heatmap")
