"""The heatmap of an exported file is Grad-CAM of the margin before its ReLU: held to it on 100 pictures."""

import os

import numpy as np
import pytest
import torch

from dfdetect.data.decode import decode
from dfdetect.data.samples import load_samples
from dfdetect.data.synthetic import KINDS, draw_face
from dfdetect.deploy.export.convert import Converter, correlation, write
from dfdetect.deploy.export.network import ExportNetwork
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.runtime import Detector
from dfdetect.explain.gradients import GradientExplainer
from dfdetect.explain.maps import cam
from dfdetect.models.checkpoint import read_detector_checkpoint
from dfdetect.models.cost import load_detector
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import train_briefly

pytestmark = pytest.mark.slow
LIBRARY = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "litert_torch"}
SIZE = 96
CHECKPOINT, FOLDER = os.environ.get("DFDETECT_CHECKPOINT", ""), os.environ.get("DFDETECT_IMAGES", "")
REAL = pytest.mark.skipif(
    not (CHECKPOINT and FOLDER),
    reason="needs a trained MobileNetV2 in $DFDETECT_CHECKPOINT and images of its set in $DFDETECT_IMAGES",
)
"""Brief training leaves activations that int8 blurs far more than those of a detector that has learned something."""


@pytest.fixture(scope="module")
def trained():
    """A MobileNetV2 that was briefly trained on drawn faces."""
    torch.manual_seed(0)
    detector = DeepfakeDetector("mobilenet_v2", weights="none")
    train_briefly(detector, faces(7, 32), np.array([kind(i) != "real" for i in range(32)], np.int64))
    return detector


def kind(index):
    return ("real", *KINDS)[index % 4]


def faces(seed, count):
    return np.stack([draw_face(seed, i, kind(i), SIZE).image for i in range(count)])


def maps(detector, batch):
    """Grad-CAM before its ReLU."""
    explain = GradientExplainer(detector, "gradcam")
    return np.concatenate([explain(batch[i : i + 20]).values for i in range(0, len(batch), 20)])


def exported(detector, engine, precision, calibration, folder):
    size = calibration.shape[1]
    facts = ModelFacts("mobilenet_v2", 0.5, 1.0, True, size, "checkpoint", "fp32", "NCHW", "resize", "any", "0.1.0")
    model, own = Converter(ExportNetwork(detector).eval(), size, calibration, 1).convert(engine, precision, facts)
    return Detector.load(write(model, own, folder, "model"), threads=1)


@pytest.mark.parametrize("engine", list(LIBRARY))
def test_heatmaps_in_fp32_are_grad_cam_before_its_relu(engine, trained, tmp_path):
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip(LIBRARY[engine])
    batch = faces(5, 100)
    wanted = maps(trained, batch)
    found = cam(exported(trained, engine, "fp32", batch[:1], tmp_path))(batch).values
    assert wanted.std(axis=(1, 2)).min() > 0.01  # or the correlation would be one of grain
    assert correlation(found, wanted).min() >= 0.999
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@REAL
@pytest.mark.parametrize("engine", list(LIBRARY))
def test_heatmaps_of_a_trained_detector_keep_their_shape_in_int8(engine, tmp_path):
    pytest.importorskip("pytorch_grad_cam")
    pytest.importorskip(LIBRARY[engine])
    detector = load_detector(read_detector_checkpoint(CHECKPOINT)).eval()
    detector.facts["temperature"] = 1.0  # as Grad-CAM is asked for
    samples, preparation = load_samples(FOLDER), Detector.load(CHECKPOINT)
    drawn = np.random.default_rng(0).choice(len(samples), 228, replace=False).tolist()
    pictures = np.stack([preparation.prepare(decode(samples.file(i))) for i in drawn])
    found = cam(exported(detector, engine, "int8", pictures[100:], tmp_path))(pictures[:100]).values
    correlations = correlation(found, maps(detector, pictures[:100]))
    assert np.median(correlations) >= 0.99
    assert correlations.min() >= 0.95
