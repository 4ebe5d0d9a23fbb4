"""The page in a real browser: what a person is told."""

from urllib.parse import urlsplit

import pytest

from tests.web.browsing import served
from tests.web.page_server import TESTED

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")


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


@pytest.mark.parametrize("kind", ["photo", "clip"])
def test_the_evidence_is_laid_over_and_taken_away(one, visit, files, kind):
    there = visit(one.url)
    there.send(files.clip() if kind == "clip" else files.image("fake.png", (150, 70, 160, 230)))
    assert there.opacity(".df-stage .df-heat") == 0
    assert not there.page.is_visible(".df-ramp")
    there.page.click(".df-switch")
    assert there.opacity(".df-stage .df-heat") == there.opacity(".df-crop .df-heat") == 1
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


def test_a_photo_without_a_face(one, visit, files):
    there = visit(one.url)
    there.send(files.image("nobody.png"))
    assert there.headline == "Not judged"
    assert there.said() == "Not judged. No face found."


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
    assert there.page.locator(".df-panel:visible").count() == 2  # beside each other, to be compared
    assert "threshold 0.97" in there.page.locator(".df-panel:visible").nth(1).inner_text()
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
