"""A server that most tests of this folder share, and pictures to send."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")

from tests.web.standing import Client, serving


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("private")) as running:
        yield running


def encoded(red: int, kind: str = "PNG", size: tuple[int, int] = (48, 48)) -> bytes:
    """A flat picture of this redness."""
    stream = io.BytesIO()
    pixels = np.full((*size[::-1], 3), (red, 90, 90), np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def fake_png() -> bytes:
    return encoded(242)


@pytest.fixture(scope="session")
def real_png() -> bytes:
    return encoded(51)
