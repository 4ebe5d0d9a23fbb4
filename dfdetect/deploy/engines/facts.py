"""What an exported file says of itself, read without its engine."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from dfdetect.deploy.engines.engine import reading
from dfdetect.deploy.metadata import ModelFacts

_READERS = {
    ".onnx": ("onnx", "read_strings"),
    ".xml": ("openvino", "ir_metadata"),
    ".tflite": ("litert", "read_strings"),
}
EXPORTED_SUFFIXES = tuple(_READERS)
"""Endings of exported files."""


def read_facts(file: Path) -> ModelFacts:
    """Facts of an exported file, whose name ends in one of `EXPORTED_SUFFIXES`; whether it is whole is not checked.

    Raises:
        ModelFileError: it cannot be read, or is foreign or damaged.
    """
    module, name = _READERS[file.suffix.lower()]
    read_strings: Callable[[bytes, str], dict[str, str]] = getattr(
        import_module(f"dfdetect.deploy.engines.{module}"), name
    )
    return ModelFacts.from_strings(read_strings(reading(file), str(file)), str(file))
