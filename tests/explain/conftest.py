"""The tiny trained detector of the deploy side's tests."""

from tests.deploy.conftest import (  # noqa: F401
    photos,
    tiny_checkpoint,
    tiny_converter,
    tiny_facts,
    tiny_files,
    tiny_network,
    tiny_onnx,
)
