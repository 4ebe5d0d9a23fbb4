"""A server with the page, what a person might send to it, and their window on it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dfdetect.deploy.film import annotated_copy
from tests.deploy.standin import marked, textured


@dataclass
class Served:
    """A server, and where it keeps uploads."""

    url: str
    folder: Path

    def is_empty(self) -> bool:
        """Whether no upload is left; Gradio's own folder may be there."""
        return [file for file in self.folder.rglob("*") if file.is_file()] == []


@contextmanager
def served(folder: Path, *models: str) -> Iterator[Served]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "tests.web.page_server", str(folder), *models]
    with open(folder.with_suffix(".log"), "w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, folder.with_suffix(".log").read_text("utf-8")
            yield Served(url, folder)
        finally:
            process.terminate()
            code = process.wait(40)
            if process.stdout is not None:
                process.stdout.close()
        assert (code, folder.with_suffix(".log").read_text("utf-8")) == (0, "")


def photo(*boxes: tuple[int, int, int, int]) -> Any:
    return marked(textured(300, 420, 100), *boxes)


@dataclass
class Files:
    """What a person might send."""

    folder: Path

    def image(self, name: str, *boxes: tuple[int, int, int, int]) -> str:
        Image.fromarray(photo(*boxes)).save(self.folder / name)
        return str(self.folder / name)

    def clip(self) -> str:
        with annotated_copy(self.folder / "clip.mp4", (320, 240), 10.0) as write:
            for i in range(15):
                write(marked(textured(240, 320, 90), (60 + i, 40, 128, 230)))
        return str(self.folder / "clip.mp4")

    def text(self) -> str:
        (self.folder / "notes.txt").write_text("no picture at all\n", "utf-8")
        return str(self.folder / "notes.txt")


class Visit:
    """A person's window on the page, with all that the browser asked for and complained of."""

    def __init__(self, browser: Any, url: str, **how: Any) -> None:
        self.context = browser.new_context(**how)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.extend([said.text] if said.type == "error" else []))
        self.page.on(
            "filechooser", lambda _: None
        )  # or a key might come before the browser heard that one is asked for
        self.page.goto(url)
        self.page.wait_for_selector(".df-camera")  # shown by its script, which listens from then on

    def send(self, path: str) -> None:
        self.page.set_input_files(".df-file", path)
        self.wait()

    def wait(self) -> None:
        """Until the answer is there and the page is at rest."""
        self.page.wait_for_selector("#df-answer .df-result", timeout=30_000)
        self.page.wait_for_selector(".df-drop:not(.df-busy)", timeout=30_000)

    @property
    def headline(self) -> str:
        return str(self.page.inner_text("#df-verdict"))

    def opacity(self, selector: str) -> float:
        """When what moves it has come to its end."""
        ended = "Promise.all(one.getAnimations().map((each) => each.finished))"
        return float(
            self.page.eval_on_selector(selector, f"async one => (await {ended}, getComputedStyle(one).opacity)")
        )

    def sideways(self) -> int:
        """Pixels that the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def said(self) -> str:
        """What a screen reader is told."""
        return str(self.page.text_content(".df-live"))
