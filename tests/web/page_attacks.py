"""Attacks on what the page's own script asks of Gradio: its queue, its streams, its uploads."""

import json
from typing import Any

from tests.fuzz_mutations import damaged
from tests.fuzz_seeds import image_seeds
from tests.web.attack import Attack, Maker, Rng, request, sent
from tests.web.attack_words import NAMES
from tests.web.standing import form

_JOIN, _UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
_NO_FUNCTIONS: tuple[Any, ...] = (99, -1, 2**70, "0", None, True, 1.5, [], {})
_NO_SESSIONS: tuple[Any, ...] = (None, "", 5, [], {"a": 1})
_NO_DATA: tuple[Any, ...] = (None, {}, [{"path": "/etc/passwd"}], ["x"] * 50)


def call(session: Any, **more: Any) -> bytes:
    """A call as the page's script makes it, but for what `more` says otherwise."""
    said = {"data": [None], "fn_index": 0, "event_data": None, "session_hash": session, "trigger_id": 1}
    return request("POST", _JOIN, json.dumps(said | more).encode())


def wrong_call(rng: Rng, number: int, slow: float) -> Attack:
    calls = (
        *(call("made-up", fn_index=one) for one in _NO_FUNCTIONS),
        *(call(session) for session in _NO_SESSIONS),
        *(call("made-up", data=data) for data in _NO_DATA),
        call("made-up", event_data={"path": "/etc/passwd", "request": "<script>"}),
        call("made-up", event_data={"deep": [{"path": "http://169.254.169.254/"}]}),
        call("x" * 90_000),
        call("../../etc/passwd", event_id="../../x", simple_format=True),
        request("POST", _JOIN, image_seeds()["jpeg.jpg"], "image/jpeg"),
        request("POST", "/gradio_api/cancel", b'{"session_hash": "made-up", "fn_index": 0, "event_id": "made-up"}'),
        request("POST", "/gradio_api/cancel", rng.bytes(100)),
        request("POST", "/gradio_api/reset", b'{"event_id": 5}'),
    )
    return Attack("wrong call", (calls[number % len(calls)],))


def huge_call(rng: Rng, number: int, slow: float) -> Attack:
    bodies = (
        b'{"session_hash": "' + b"s" * 200_000 + b'", "fn_index": 0, "data": []}',
        b'{"session_hash": "s", "fn_index": 0, "data": [' + b"[" * 40_000 + b"]" * 40_000 + b"]}",
        b'{"session_hash": "s", "fn_index": ' + b"9" * 90_000 + b', "data": []}',
        b'{"session_hash": "s", "fn_index": 0, "data": [' + b"null," * 19_000 + b"null]}",
        b'{"session_hash": "s", "fn_index": 0, "data": [null], "event_data": "' + b"x" * 5_000_000 + b'"}',
        b"{" + b",".join(b'"a%d": 0' % i for i in range(9000)) + b"}",
    )
    return Attack("huge call", (request("POST", _JOIN, bodies[number % len(bodies)]),))


def unheard_call(rng: Rng, number: int, slow: float) -> Attack:
    """A drawn face that is judged, and an answer that nobody fetches."""
    body = call(f"unheard{number}", fn_index=1, event_data={"index": number % 6, "request": f"{number}"})
    return Attack("unheard call", (body,))


def stream(rng: Rng, number: int, slow: float) -> Attack:
    session = ("made-up", "", "x" * 5000, "%00", "../..")[number // 2 % 5]
    route = ("queue/data?session_hash", "upload_progress?upload_id")[number % 2]
    return Attack("stream", (request("GET", f"/gradio_api/{route}={session}"),))


def unread_stream(rng: Rng, number: int, slow: float) -> Attack:
    """One that lasts as long as its client, and whose client reads nothing of it."""
    route = (f"queue/data?session_hash=unheard{number - 2}", f"heartbeat/unread{number}")[number % 2]
    return Attack("unread stream", (request("GET", f"/gradio_api/{route}"), *(b"",) * 10), slow, reads=False)


def page_upload(rng: Rng, number: int, slow: float) -> Attack:
    photo, name = image_seeds()["jpeg.jpg"], NAMES[number % len(NAMES)]
    kind, body = form(*[("files", photo, f"{i}.jpg") for i in range(40)])
    bodies = (
        sent(photo, name, "files", _UPLOAD),
        sent(photo, name, "others", f"{_UPLOAD}?upload_id=made-up"),
        request("POST", _UPLOAD, form(("files", photo, None))[1], kind),
        request("POST", _UPLOAD, damaged(body[:300], rng) + body[300:], kind),
        request("POST", _UPLOAD, body[: int(rng.integers(1, len(body)))], kind),
        request("POST", _UPLOAD, body, kind),
        request("POST", _UPLOAD, b"[]"),
        request("POST", _UPLOAD, form(("files", bytes(25_000_000), "large.jpg"))[1], kind),
    )
    return Attack("page upload", (bodies[number % len(bodies)],))


PAGE_MAKERS: dict[Maker, int] = {
    wrong_call: 3,
    huge_call: 1,
    unheard_call: 2,
    stream: 2,
    unread_stream: 2,
    page_upload: 2,
}
