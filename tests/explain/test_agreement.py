"""The heatmap of an exported file is Grad-CAM of the margin before its ReLU: held to it on 100 pictures."""

import numpy as np
import pytest

from dfdetect.data.synthetic import KINDS, draw_face
from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.deploy.export.convert import Converter, correlation, write
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.runtime import Detector
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.explain.maps import cam
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer

pytestmark = pytest.mark.slow
SIZE = 160


@pytest.fixture(scope="module")
def trained(generated_faces, tmp_path_factory):
    """A MobileNetV2 that was briefly trained on drawn faces: its checkpoint, and pictures to calibrate int8 with."""
    folder = tmp_path_factory.mktemp("trained")
    trainer = quiet_trainer(folder, max_epochs=4)
    detector = DeepfakeDetector("mobilenet_v2", weights="none", lr=1e-3, optimizer="adamw")
    trainer.fit(detector, faces_data(generated_faces, image_size=SIZE))
    checkpoint = next(folder.rglob("best.ckpt"))
    return checkpoint, np.stack([draw_face(7, i, kind(i), SIZE).image for i in range(64)])


def kind(index):
    return ("real", *KINDS)[index % 4]


@pytest.fixture(scope="module")
def wanted(trained):
    """100 pictures, and Grad-CAM of them."""
    batch = np.stack([draw_face(5, i, kind(i), SIZE).image for i in range(100)])
    explain = GradientExplainer.load(trained[0], "gradcam")
    return batch, np.concatenate([explain(batch[i : i + 20]).values for i in range(0, 100, 20)])


@pytest.mark.parametrize("engine", ["onnx", "openvino", "litert"])
@pytest.mark.parametrize(("precision", "median", "least"), [("fp32", 0.999, 0.999), ("int8", 0.99, 0.95)])
def test_heatmaps_agree_with_grad_cam_before_its_relu(engine, precision, median, least, trained, wanted, tmp_path):
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert_torch"}[engine])
    checkpoint, pictures = trained
    loaded = read_detector_checkpoint(checkpoint)
    converter = Converter(ExportNetwork(load_detector(loaded)).eval(), SIZE, pictures, 1)
    model, facts = converter.convert(engine, precision, facts_of_checkpoint(loaded, checkpoint))
    detector = Detector.load(write(model, facts, tmp_path, "model"), threads=1)
    batch, maps = wanted
    found = cam(detector)(batch).values
    assert maps.std(axis=(1, 2)).min() > 0.01  # or the correlation would be one of grain
    correlations = correlation(found, maps)
    assert np.median(correlations) >= median
    assert correlations.min() >= least
    if precision == "fp32":
        np.testing.assert_allclose(found, maps, atol=2e-3)
