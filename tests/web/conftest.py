"""Servers that tests of this folder share, pictures to send, and a browser."""

import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("uvicorn")

from tests.web.browsing import Files, Served, Visit, served
from tests.web.standing import Client, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


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


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("private"), "0.5b") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *CAMERA])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser) -> Iterator[Any]:
    visits: list[Visit] = []

    def open_page(url: str, **how: Any) -> Visit:
        visits.append(Visit(browser, url, **({"viewport": {"width": 1280, "height": 900}} | how)))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()
        assert one.complaints == []
