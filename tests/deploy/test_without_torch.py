"""An exported file runs end to end where torch, lightning, scikit-learn and albumentations cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise AssertionError(f"{name} was imported")

REFUSED = set("torch torchvision lightning pytorch_lightning torchmetrics sklearn albumentations matplotlib".split())
sys.meta_path.insert(0, Refuse())
from dfdetect.deploy import Detector
detector = Detector.load(sys.argv[1])
found = detector.predict(sys.argv[2:])
loaded = sorted(REFUSED & {name.split(".")[0] for name in sys.modules})
print(json.dumps({
    "engine": detector.describe(), "loaded": loaded, "backbone": detector.facts.backbone,
    "p_fake": [one.p_fake for one in found], "errors": [one.error for one in found],
    "heatmaps": [one.heatmap is not None for one in found],
}))
"""


@pytest.mark.parametrize("kind", ["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def test_an_exported_file_needs_none_of_what_trained_it(kind, request, photos, tiny_checkpoint):
    from dfdetect.deploy import Detector

    model = request.getfixturevalue(f"tiny_{kind}")
    arguments = [str(model), *photos[:4], "missing.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, env=_environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["loaded"] == []
    assert result["backbone"] == "tiny"
    assert result["errors"] == [None] * 4 + ["no such file"]
    assert result["heatmaps"] == [True] * 4 + [False]
    wanted = [one.p_fake for one in Detector.load(tiny_checkpoint).predict(photos[:4])]
    assert result["p_fake"][:4] == pytest.approx(wanted, abs=1e-4)


def test_the_proof_would_notice(tiny_checkpoint, photos):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tiny_checkpoint), photos[0]],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )
    assert done.returncode != 0
    assert "torch was imported" in done.stderr


def _environment() -> dict[str, str]:
    import os

    root = Path(__file__).parent.parent.parent
    return os.environ | {"PYTHONPATH": str(root)}
