"""dfdetect: train, honestly judge and ship detectors of fake face photos.

The public names below are imported on first use, so that `import dfdetect` costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["DeepfakeDataModule", "DeepfakeDetector", "__version__", "default_callbacks"]

if TYPE_CHECKING:
    from dfdetect.callbacks.defaults import default_callbacks
    from dfdetect.data.datamodule import DeepfakeDataModule
    from dfdetect.models.detector import DeepfakeDetector

_HOMES = {
    "DeepfakeDataModule": "dfdetect.data.datamodule",
    "DeepfakeDetector": "dfdetect.models.detector",
    "default_callbacks": "dfdetect.callbacks.defaults",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
