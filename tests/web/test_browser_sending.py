"""The page in a real browser: the ways in which a photo or a clip gets there."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")


def test_a_clip_is_followed(one, visit, files):
    there = visit(one.url)
    there.send(files.clip())
    assert there.headline == "Looks fake"
    assert there.page.is_visible(".df-timeline svg")
    assert there.page.locator(".df-box").count() == 1
    assert there.page.locator(".df-regions tbody tr").count() == 5
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


def test_a_file_that_is_too_large_is_not_sent(one, visit, files):
    there = visit(one.url)
    large = files.folder / "large.bmp"
    large.write_bytes(b"BM" + bytes(4_000_000))
    there.page.set_input_files(".df-file", str(large))
    there.page.wait_for_selector(".df-bad")
    assert there.page.inner_text(".df-status") == "This file has 4.0 MB; the server takes up to 3.0 MB."
    assert not any("upload" in url for url in there.asked)


def test_what_was_said_of_another_photo_does_not_stand_beside_a_refusal(one, visit, files):
    there = visit(one.url, viewport={"width": 390, "height": 500})
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    large = files.folder / "large.bmp"
    large.write_bytes(b"BM" + bytes(4_000_000))
    there.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    there.page.set_input_files(".df-file", str(large))
    there.page.wait_for_selector(".df-bad")
    assert not there.page.is_visible(".df-result")
    there.page.wait_for_function(
        "(({top, bottom}) => top >= 0 && bottom <= innerHeight)"
        "(document.querySelector('.df-status').getBoundingClientRect())"
    )
    there.send(files.image("fake.png", (150, 70, 160, 230)))
    assert there.page.is_visible(".df-result")


def test_of_several_files_it_says_which_one_was_looked_at(one, visit, files):
    there = visit(one.url)
    content = list(Path(files.image("fake.png", (150, 70, 160, 230))).read_bytes())
    carried = there.page.evaluate_handle(
        """(content) => {
        const carried = new DataTransfer();
        for (const name of ["first.png", "second.png"]) carried.items.add(new File([new Uint8Array(content)], name));
        return carried; }""",
        content,
    )
    there.page.dispatch_event("body", "drop", {"dataTransfer": carried})
    there.page.dispatch_event("body", "drop", {"dataTransfer": carried})
    assert "Still looking at the file before. first.png was not taken" in there.page.inner_text(".df-status")
    there.wait()
    assert "first.png" in there.page.inner_text(".df-head")
    assert there.page.inner_text(".df-status") == "One file at a time: only first.png was looked at."


def test_a_drawn_face(one, visit):
    there = visit(one.url)
    assert there.page.locator(".df-sample").count() == 6
    there.page.click(".df-sample >> nth=2")
    there.wait()
    assert "drawn-3.jpg · photo · 384 x 384 pixels" in there.page.inner_text(".df-head")


def test_the_same_photo_twice_is_answered_twice(one, visit, files):
    there = visit(one.url)
    path = files.image("fake.png", (150, 70, 160, 230))
    there.send(path)
    before = there.page.get_attribute(".df-result", "data-request")
    there.page.set_input_files(".df-file", path)
    there.page.wait_for_selector(f'.df-result:not([data-request="{before}"])')
    there.wait()
    assert there.headline == "Looks fake"
