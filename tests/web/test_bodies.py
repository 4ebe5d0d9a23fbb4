import base64
import json
import time

import pytest

from dfdetect.errors import RequestError
from dfdetect.web.bodies import read_asked
from dfdetect.web.limits import Limits
from tests.web.standing import form

LIMITS = Limits(files=4)


def kind_of(content_type, body: bytes) -> str:
    with pytest.raises(RequestError) as refused:
        read_asked(content_type, body, LIMITS)
    return refused.value.kind


def test_a_form_holds_files_of_any_field_and_bytes():
    content = bytes(range(256)) * 20 + b"\r\n--edg\r\n--edge-not\r\n"
    asked = read_asked(*form(("file", content, "a.jpg"), ("other", b"", "b"), ("models", b"x, y", None)), LIMITS)
    assert [(one.name, one.content) for one in asked.uploads] == [("a.jpg", content), ("b", b"")]
    assert (asked.models, asked.careful, asked.heatmaps) == (("x", "y"), False, False)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'form-data; name="file"; filename="a b.jpg"', "a b.jpg"),
        (b"form-data; name=file; filename=a.jpg", "a.jpg"),
        (b'form-data; filename="f; name=\\"x\\".jpg"; name="file"', 'f; name="x".jpg'),
        ('form-data; name="file"; filename="zoë.jpg"'.encode(), "zoë.jpg"),
        (b'form-data; name="file"; filename="\xff\xfe"', "\ufffd\ufffd"),
        (b'form-data; name="file"; filename=""', ""),
    ],
)
def test_names_as_clients_write_them(header, name):
    body = b"--edge\r\nContent-Disposition: " + header + b"\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--edge--\r\n"
    assert [one.name for one in read_asked("multipart/form-data; boundary=edge", body, LIMITS).uploads] == [name]


def test_a_quoted_boundary_is_understood():
    _, body = form(("file", b"x", "a"))
    assert len(read_asked('multipart/form-data; boundary="edge"', body, LIMITS).uploads) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--edge--\r\n",
        b"--other\r\n\r\n",
        b"\0" * 1000,
        b"--edge\r\n",
        b"--edge\r\nContent-Disposition: form-data; name=x; filename=y\r\n\r\ncontent that never ends",
        b"--edge\r\nno colon here\r\n\r\nx\r\n--edge--\r\n",
        b"--edge\r\nA: " + b"x" * 5000 + b"\r\n\r\nx\r\n--edge--\r\n",
        b"--edge\r\n" + b"".join(b"A%d: x\r\n" % i for i in range(50)) + b"\r\nx\r\n--edge--\r\n",
        form(("field", b"x" * 2000, None))[1],
        form(("careful", b"perhaps", None))[1],
        form(("surprise", b"x", None))[1],
    ],
)
def test_a_broken_form_is_refused(body):
    assert kind_of("multipart/form-data; boundary=edge", body) == "bad_request"


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "image/jpeg", "application/x-www-form-urlencoded"])
def test_other_types_are_refused(content_type):
    assert kind_of(content_type, b"x=1") == "unsupported_media_type"


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 300, "; boundary=ä"])
def test_a_senseless_boundary_is_refused(boundary):
    assert kind_of(f"multipart/form-data{boundary}", b"--\r\n") == "bad_request"


def test_a_thousand_parts_are_not_read_to_their_end():
    parts = [("file", b"x", "a")] * 200_000
    body = form(*parts[:2])[1].replace(b"--edge--\r\n", b"") * 100_000 + b"--edge--\r\n"
    start = time.monotonic()
    assert kind_of("multipart/form-data; boundary=edge", body) == "too_many_files"
    assert time.monotonic() - start < 1


def test_json_with_names_flags_and_models():
    images = [{"name": "a", "data": base64.b64encode(b"one").decode()}, {"data": ""}]
    values = {"images": images, "models": ["m"], "careful": True, "heatmaps": False}
    asked = read_asked("application/json; charset=utf-8", json.dumps(values).encode(), LIMITS)
    assert [(one.name, one.content) for one in asked.uploads] == [("a", b"one"), ("image 2", b"")]
    assert (asked.models, asked.careful, asked.heatmaps) == (("m",), True, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"images": {}}',
        b'{"images": []}',
        b'{"images": ["x"]}',
        b'{"images": [{"data": 5}]}',
        b'{"images": [{"data": "no base64!"}]}',
        b'{"images": [{"data": "eA==", "name": 5}]}',
        b'{"images": [{"data": "eA=="}], "models": "m"}',
        b'{"images": [{"data": "eA=="}], "models": [5]}',
        b'{"images": [{"data": "eA=="}], "careful": "yes"}',
        b'{"images": [{"data": "eA=="}], "surprise": 1}',
        b'{"images": [{"data": "\xc3\xa4"}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"0," * 1_000_000 + b"0]",
        b"9" * 100_000,
    ],
)
def test_json_that_is_not_what_was_asked_for_is_refused_at_once(body):
    start = time.monotonic()
    assert kind_of("application/json", body) == "bad_request"
    assert time.monotonic() - start < 0.5


def test_too_many_images_are_refused():
    body = json.dumps({"images": [{"data": ""}] * 5}).encode()
    assert kind_of("application/json", body) == "too_many_files"
