"""Detectors on any device, without PyTorch: `Detector.load("model.onnx").predict(["photo.jpg"])`.

The public names below are imported on first use.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Detector", "ModelFacts", "Prediction"]

if TYPE_CHECKING:
    from dfdetect.deploy.metadata import ModelFacts
    from dfdetect.deploy.runtime import Detector, Prediction

_HOMES = {
    "Detector": "dfdetect.deploy.runtime",
    "ModelFacts": "dfdetect.deploy.metadata",
    "Prediction": "dfdetect.deploy.runtime",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
