"""What the page's functions do with what a browser sends, which may be anything."""

import io
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dfdetect.deploy.photos import Settings
from dfdetect.errors import RequestError
from dfdetect.web import page
from dfdetect.web.answers import explained
from dfdetect.web.box import drop_box
from dfdetect.web.limits import Limits
from dfdetect.web.refusals import STATUS
from dfdetect.web.samples import draw_samples
from dfdetect.web.service import Model, Service
from tests.deploy.standin import Standin


@pytest.fixture(scope="module")
def samples():
    return draw_samples()


@pytest.fixture
def service(tmp_path):
    folder = tmp_path / "private"
    (folder / "page").mkdir(parents=True)
    one = Service([Model("red", Settings(Standin(), None))], Limits(threads=1, seconds=10), folder)
    yield one
    one.close()


def sent(service, content=b"some bytes", name="a.png"):
    file = service.folder / "page" / "0123abcd" / name
    file.parent.mkdir()
    file.write_bytes(content)
    return file


def png(red=240):
    stream = io.BytesIO()
    Image.fromarray(np.full((48, 48, 3), (red, 90, 90), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_an_upload_is_read_once_and_gone(service):
    file = sent(service)
    assert page.take(service.folder, str(file)) == b"some bytes"
    assert not file.parent.exists()
    assert page.take(service.folder, str(file)) is None


def test_the_same_photo_of_two_people_is_read_for_both(service):
    mine = sent(service)
    yours = mine.with_name("b.png")
    yours.write_bytes(b"some bytes")
    assert page.take(service.folder, str(mine)) == b"some bytes"
    assert page.take(service.folder, str(yours)) == b"some bytes"
    assert not mine.parent.exists()


def test_no_other_file_can_be_named(service, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    beside = service.folder / "clip-0"
    beside.write_bytes(b"secret")
    link = sent(service).parent / "link"
    os.symlink(secret, link)
    uploads = service.folder / "page"
    named = [secret, beside, link, uploads / ".." / "clip-0", uploads / "0123abcd", "/etc/passwd", "\0", "", "."]
    for one in [*map(str, named), None, 7, secret, [str(secret)]]:
        assert page.take(service.folder, one) is None
    assert secret.read_bytes() == beside.read_bytes() == b"secret"


def test_an_upload_is_judged_and_gone(service):
    file = sent(service, png())
    html = page._of_upload(service, {"path": str(file), "name": "me.png", "request": "0a1b-2"})
    assert "Looks fake" in html
    assert "me.png" in html
    assert 'data-request="0a1b-2"' in html
    assert list((service.folder / "page").iterdir()) == []


def test_what_cannot_be_read_is_said_and_gone(service):
    file = sent(service, b"some text", "a.txt")
    html = page._of_upload(service, {"path": str(file), "name": "a.txt"})
    assert "This is no photo or clip that can be read" in html
    assert "a.txt: not an image" in html
    assert str(service.folder) not in html
    assert list((service.folder / "page").iterdir()) == []


@pytest.mark.parametrize("said", [{}, {"path": 3}, {"path": "/etc/passwd"}, {"path": ["a"], "name": {}}])
def test_what_is_no_upload(service, said):
    assert "The upload is gone" in page._of_upload(service, said)


@pytest.mark.parametrize("index", [None, -1, 99, "0", 1.5, [0]])
def test_what_is_no_drawn_face(service, samples, index):
    assert "No such face" in page._of_sample(service, samples, {"index": index})


def test_a_drawn_face_is_judged(service, samples):
    html = page._of_sample(service, samples, {"index": 1, "request": "1"})
    assert "drawn-2.jpg" in html
    assert "The whole picture was judged" in html


def test_only_a_plain_word_names_a_request():
    assert page._request_of({"request": "0a-b9"}) == "0a-b9"
    for one in ('"><script>', "", "a" * 41, 7, None, "xyz", "0a\n"):
        assert page._request_of({"request": one}) == ""


def test_a_bug_is_logged_and_not_shown(service, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("/home/somebody")

    monkeypatch.setattr(page, "result", broken)
    html = page._of_upload(service, {"path": str(sent(service, png()))})
    assert "Something went wrong here" in html
    assert "somebody" not in html
    assert "ZeroDivisionError" in caplog.text


def test_every_refusal_has_words():
    for kind in STATUS:
        title, text = explained(RequestError(kind, "the cause"))
        assert title
        assert text.startswith("the cause. ")
        assert len(text) > len("the cause. ")


def test_the_box_says_the_limits_and_is_no_template(service, samples):
    models = {"${evil} {{this}} `x` \\": next(iter(service.models.values()))}
    service.models = models
    service.limits = replace(service.limits, upload_bytes=5_500_000, pixels=12_000_000)
    html = drop_box(service, samples)
    assert "Up to 5.5 MB and 12 megapixels." in html
    assert 'data-most="5500000"' in html
    assert not re.search(r"[${}`\\]", html)
    assert "&#36;&#123;evil&#125;" in html


def test_the_page_waits_longer_than_the_server():
    limits = Limits()
    html = drop_box(type("S", (), {"limits": limits, "models": {"m": None}})(), ())
    (wait,) = re.findall(r'data-patience="(\d+)"', html)
    assert int(wait) > limits.seconds + limits.upload_bytes / limits.slowest_bytes_s


def test_drawn_faces_are_the_same_each_time_and_of_several_kinds(samples):
    assert samples == draw_samples()
    assert len({one.content for one in samples}) == len(samples)
    assert {one.title for one in samples} == {"untouched", "a part swapped", "retouched", "face rebuilt"}
    for one in samples:
        with Image.open(io.BytesIO(one.content)) as image:
            assert image.size == (384, 384)
        assert one.address.startswith("data:image/jpeg;base64,")


def test_settings_of_the_mount_name_nothing_elsewhere():
    pytest.importorskip("gradio")
    settings = page.mount_settings()
    theme = settings["theme"]
    assert theme._stylesheets == []
    assert "http" not in settings["head"]
    assert "@import" not in settings["head"]
    assert "url(" not in settings["head"]
    assert "color-scheme" in settings["head"]
