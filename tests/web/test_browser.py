"""The page in a real browser, as a person uses it: with a mouse, a keyboard, a phone, in the dark."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from dfdetect.deploy.film import annotated_copy
from tests.deploy.standin import marked, textured
from tests.web.page_server import TESTED

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


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


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    return Files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("private"), "0.5b") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *CAMERA])
        yield browser
        browser.close()


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
        self.page.goto(url)
        self.page.wait_for_selector(".df-drop")

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
        time.sleep(0.4)  # its transition
        return float(self.page.eval_on_selector(selector, "one => getComputedStyle(one).opacity"))

    def sideways(self) -> int:
        """Pixels that the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def said(self) -> str:
        """What a screen reader is told."""
        return str(self.page.text_content(".df-live"))


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


def test_a_photo_gets_a_verdict_with_its_evidence(one, visit, files):
    there = visit(one.url)
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    assert there.headline == "Looks fake"
    assert there.said().startswith("Looks fake. Its p_fake of 0.8")
    assert "at or above the threshold of 0.50" in there.page.inner_text(".df-why")
    assert there.page.locator(".df-box").count() == 1
    box, stage = there.page.evaluate(  # at one moment: the page may still be scrolling
        "['.df-box', '.df-stage'].map(name => document.querySelector(name).getBoundingClientRect().toJSON())"
    )
    assert (box["x"] - stage["x"]) / stage["width"] == pytest.approx(150 / 420, abs=0.03)
    assert (box["y"] - stage["y"]) / stage["height"] == pytest.approx(70 / 300, abs=0.03)
    assert there.page.locator(".df-regions tbody tr").count() == 5
    assert "re-encoded" in there.page.inner_text(".df-versions")
    there.page.click(".df-card summary")
    assert TESTED in there.page.inner_text(".df-card")
    assert one.is_empty()


def test_the_evidence_is_laid_over_and_taken_away(one, visit, files):
    there = visit(one.url)
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    assert there.opacity(".df-stage .df-heat") == 0
    assert not there.page.is_visible(".df-ramp")
    there.page.click(".df-switch")
    assert there.opacity(".df-stage .df-heat") == 1
    assert there.page.is_visible(".df-ramp")
    there.page.click(".df-switch")
    assert there.opacity(".df-stage .df-heat") == 0


def test_a_text_file_is_refused_in_words(one, visit, files):
    there = visit(one.url)
    there.send(files.text())
    assert there.headline == "This is no photo or clip that can be read"
    assert "notes.txt: not an image" in there.page.inner_text(".df-why")
    assert there.said().startswith("This is no photo")
    assert one.is_empty()
    there.send(files.image("real.png", (150, 70, 160, 20)))
    there.page.wait_for_function("document.querySelector('#df-verdict').innerText === 'Looks real'")


def test_a_file_that_is_too_large_is_not_sent(one, visit, files):
    there = visit(one.url)
    large = files.folder / "large.bmp"
    large.write_bytes(b"BM" + bytes(4_000_000))
    there.page.set_input_files(".df-file", str(large))
    there.page.wait_for_selector(".df-bad")
    assert there.page.inner_text(".df-status") == "This file has 4.0 MB; the server takes up to 3.0 MB."
    assert not any("upload" in url for url in there.asked)


def test_the_same_photo_twice_is_answered_twice(one, visit, files):
    there = visit(one.url)
    path = files.image("fake.png", (150, 70, 160, 230))
    there.send(path)
    before = there.page.get_attribute(".df-result", "data-request")
    there.page.set_input_files(".df-file", path)
    there.page.wait_for_selector(f'.df-result:not([data-request="{before}"])')
    there.wait()
    assert there.headline == "Looks fake"


def test_a_clip_is_followed(one, visit, files):
    there = visit(one.url)
    there.send(files.clip())
    assert there.headline == "Looks fake"
    assert there.page.is_visible(".df-timeline svg")
    assert there.page.is_visible(".df-stage img")
    assert "A clip, judged frame by frame" in there.page.inner_text(".df-trust")
    assert one.is_empty()


def test_drop_and_paste(one, visit, files):
    there = visit(one.url)
    content = list(Path(files.image("fake.png", (150, 70, 160, 230))).read_bytes())
    carrying = """(content) => {
        const carried = new DataTransfer();
        carried.items.add(new File([new Uint8Array(content)], "dropped.png", { type: "image/png" }));
        return carried; }"""
    carried = there.page.evaluate_handle(carrying, content)
    there.page.dispatch_event("body", "drop", {"dataTransfer": carried})
    there.wait()
    assert there.headline == "Looks fake"
    assert "dropped.png" in there.page.inner_text(".df-head")
    before = there.page.get_attribute(".df-result", "data-request")
    there.page.evaluate(
        f"(content) => document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: ({carrying})(content)}}))",
        content,
    )
    there.page.wait_for_selector(f'.df-result:not([data-request="{before}"])')
    assert there.headline == "Looks fake"


def test_a_drawn_face(one, visit):
    there = visit(one.url)
    assert there.page.locator(".df-sample").count() == 6
    there.page.click(".df-sample >> nth=2")
    there.wait()
    assert "drawn-3.jpg · photo · 384 x 384 pixels" in there.page.inner_text(".df-head")


def test_a_photo_without_a_face(one, visit, files):
    there = visit(one.url)
    there.send(files.image("nobody.png"))
    assert there.headline == "Not judged"
    assert there.said() == "Not judged. No face found."


def test_the_camera_takes_a_photo_and_is_let_go(one, visit):
    there = visit(one.url, permissions=["camera"])
    there.page.click(".df-camera")
    there.page.wait_for_function("document.querySelector('video').videoWidth > 0")
    there.page.click(".df-take")
    there.wait()
    assert "camera.png" in there.page.inner_text(".df-head")
    assert not there.page.is_visible("dialog")
    assert there.page.evaluate("document.querySelector('video').srcObject") is None


def test_the_camera_records_a_clip(one, visit):
    there = visit(one.url, permissions=["camera"])
    there.page.click(".df-camera")
    there.page.wait_for_function("document.querySelector('video').videoWidth > 0")
    there.page.click(".df-record")
    assert there.page.inner_text(".df-record") == "Recording …"
    there.wait()
    assert "camera.webm · clip" in there.page.inner_text(".df-head")


def test_a_phone_shows_all_of_it_without_sideways_scrolling(one, visit, files):
    there = visit(one.url, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert there.sideways() <= 0
    there.send(files.image("two.png", (20, 70, 120, 230), (240, 70, 120, 20)))
    there.page.tap(".df-switch")
    there.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert there.sideways() <= 0
    small = there.page.evaluate(
        """[...document.querySelectorAll("button, summary, .df-switch, .df-zone")]
        .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 40).map((one) => one.outerHTML)"""
    )
    assert small == [], "too small for a finger"
    wide = there.page.evaluate(
        """[...document.querySelectorAll("#df-answer *")].filter((one) => {
        const place = one.getBoundingClientRect();
        return place.width && (place.right > innerWidth + 1 || place.left < -1); }).map((one) => one.className)"""
    )
    assert wide == []


def test_by_keyboard_alone(one, visit, files):
    there = visit(one.url)
    keyboard = there.page.keyboard
    focused = "document.activeElement.className"
    reached = []
    for _ in range(12):
        keyboard.press("Tab")
        reached.append(str(there.page.evaluate(focused)))
        outline = there.page.evaluate(
            """(() => { const at = document.activeElement.closest(".df-zone") ?? document.activeElement;
            return getComputedStyle(at).outlineStyle + getComputedStyle(at).outlineWidth; })()"""
        )
        if "df-" in reached[-1]:
            assert outline == "solid3px", reached[-1]
    places = [reached.index(name) for name in ("df-file", "df-camera", "df-sample")]
    assert places == sorted(places), "the order of what is seen"
    there.page.focus(".df-file")
    with there.page.expect_file_chooser() as chooser:
        keyboard.press("Space")
    chooser.value.set_files(files.image("fake.png", (150, 70, 160, 230)))
    there.wait()
    there.page.focus(".df-sample >> nth=5")
    keyboard.press("Tab")
    assert there.page.evaluate("document.activeElement.getAttribute('role')") == "switch"
    keyboard.press("Space")
    assert there.opacity(".df-stage .df-heat") == 1
    keyboard.press("Tab")
    keyboard.press("Enter")
    assert there.page.is_visible(".df-card dl")


def test_a_screen_reader_finds_names_and_roles(one, visit, files):
    there = visit(one.url)
    there.send(files.image("two.png", (20, 70, 120, 230), (240, 70, 120, 20)))
    tree = there.page.locator("body").aria_snapshot()
    for line in (
        'heading "Is this face photo fake?" [level=1]',
        'button "Use the camera"',
        'button "a part swapped"',
        'heading "Looks fake" [level=2]',
        'img "What was judged: 2 faces"',
        'switch "Show the evidence of from-0.5"',
        'heading "When not to trust this" [level=3]',
        'table "Where the evidence lies"',
        'rowheader "eyes"',
        "status",
    ):
        assert line in tree
    assert "Choose a photo or a clip" in tree
    assert there.page.get_attribute("html", "lang") == "en"
    unnamed = there.page.evaluate(
        """[...document.querySelectorAll("#df-box img, #df-answer img")]
        .filter((one) => !one.hasAttribute("alt")).length"""
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("red", [230, 128, 20])
def test_text_can_be_read_in_light_and_dark(one, visit, files, scheme, red):
    there = visit(one.url, color_scheme=scheme)
    there.send(files.image(f"{red}.png", (150, 70, 160, red)))
    there.page.click(".df-switch")
    there.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    time.sleep(0.5)
    faint = there.page.evaluate(CONTRAST)
    assert faint == []
    page = there.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, page[4:-1].split(","))) < 150) == (scheme == "dark")


CONTRAST = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (one) => { for (let at = one; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length && (colour.length < 4 || colour[3] > 0.99)) return colour; } return [255, 255, 255]; };
  const found = [];
  for (const one of document.querySelectorAll("#df-box *, #df-answer *")) {
    const text = [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim());
    if (!text || !one.checkVisibility({ opacityProperty: true }) || one.closest(".df-live, .df-box")) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(`${one.className || one.tagName}: ${ratio.toFixed(2)} ${one.textContent.slice(0, 30)}`);
  }
  return found;
}"""


def test_several_models_side_by_side(tmp_path, visit, files):
    with served(tmp_path, "0.5", "0.97") as two:
        compare(two, visit(two.url), files)


def compare(two, there, files):
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    assert there.headline == "The models disagree"
    assert "1 model says fake, 1 model says real." in there.page.inner_text(".df-why")
    assert there.page.locator(".df-opinion").count() == 2
    assert there.page.locator(".df-panel:visible").count() == 1
    there.page.click(".df-opinion:nth-of-type(2) > summary")
    assert there.page.locator(".df-panel:visible").count() == 1
    assert "threshold 0.97" in there.page.inner_text(".df-panel:visible")
    assert two.is_empty()


def test_nothing_is_asked_of_anybody_else(one, visit, files):
    there = visit(one.url)
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    there.page.click(".df-switch")
    there.page.click(".df-sample >> nth=0")
    there.wait()
    there.page.wait_for_load_state("networkidle")
    hosts = {urlsplit(url).netloc for url in there.asked if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {urlsplit(one.url).netloc}
    assert len(there.asked) > 20
    assert {urlsplit(url).scheme for url in there.asked} <= {"http", "data", "blob"}


def test_a_server_that_is_gone_is_said(visit, files, tmp_path):
    with served(tmp_path, "0.5") as gone:
        there = visit(gone.url)
    there.page.set_input_files(".df-file", files.image("fake.png", (150, 70, 160, 230)))
    there.page.wait_for_selector(".df-bad", timeout=20_000)
    assert not there.page.is_visible(".df-busy")
    there.complaints.clear()  # the browser's own words on a refused connection
