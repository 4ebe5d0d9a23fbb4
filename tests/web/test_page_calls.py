"""Bounds on what a client makes Gradio keep, with a stand-in for its queue."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from dfdetect.errors import RequestError
from dfdetect.web import page_calls
from dfdetect.web.limits import Limits
from dfdetect.web.page_calls import PageCalls, bytes_in

LIMITS = Limits(upload_bytes=10_000_000, queue=3, threads=1)


class Page:
    """Keeps what Gradio keeps, and answers with the status it is given."""

    def __init__(self, folder):
        self.pending_messages_per_session = {}
        self.pending_event_ids_session = {}
        self.event_ids_to_events = {}
        self.status, self.left, self.bodies, self.broken = 200, asyncio.Event(), [], False
        functions = {0: SimpleNamespace(inputs=[]), 1: SimpleNamespace(inputs=["a box"])}
        blocks = SimpleNamespace(_queue=self, fns=functions)
        service: Any = SimpleNamespace(limits=LIMITS, folder=folder)
        self.calls = PageCalls(self, blocks, service)

    async def __call__(self, scope, receive, send):
        if scope["path"].endswith("data"):
            await self.left.wait()
            if self.broken:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                raise RuntimeError("Caught handled exception, but response already started.")
        if scope["path"].endswith("join"):
            self.bodies.append((await receive())["body"])
            session = json.loads(self.bodies[-1])["session_hash"]
            event = f"event {len(self.bodies)}"
            self.pending_messages_per_session[session] = "a large answer"
            self.pending_event_ids_session.setdefault(session, set()).add(event)
            self.event_ids_to_events[event] = SimpleNamespace(alive=True)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"Traceback"})

    async def ask(self, path, body=b"", query=b"", headers=()):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "path": f"/gradio_api/{path}", "query_string": query, "headers": list(headers)}
        await self.calls(scope, receive, send)
        assert not sent[-1].get("more_body", False)
        assert sent[-1]["type"] == "http.response.body", "the answer is whole"
        return sent[0]["status"]

    async def join(self, session="s", **more):
        return await self.ask("queue/join", json.dumps(call(session) | more).encode())


def call(session="s"):
    return {"session_hash": session, "fn_index": 0, "data": [None]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page" / "abc").mkdir(parents=True)
    return tmp_path


def test_answers_that_nobody_fetches_are_dropped_and_refused_beyond_the_queue(folder, monkeypatch):
    monkeypatch.setattr(page_calls, "UNHEARD_S", 0.2)

    async def run():
        page = Page(folder)
        for number in range(LIMITS.queue + LIMITS.threads):
            assert await page.join(f"s{number}") == 200
        with pytest.raises(RequestError, match="too many answers") as refused:
            await page.join("one more")
        assert refused.value.kind == "queue_full"
        await asyncio.sleep(0.5)  # it needs no further request
        assert page.pending_messages_per_session == page.pending_event_ids_session == {}
        assert not any(one.alive for one in page.event_ids_to_events.values())
        assert await page.join("one more") == 200

    asyncio.run(run())


def test_an_answer_is_kept_as_long_as_somebody_listens(folder, monkeypatch):
    monkeypatch.setattr(page_calls, "UNHEARD_S", 0.2)

    async def run():
        page = Page(folder)
        await page.join("heard")
        await page.join("unheard")
        listening = asyncio.create_task(page.ask("queue/data", query=b"session_hash=heard"))
        await asyncio.sleep(0.5)
        assert list(page.pending_messages_per_session) == ["heard"]
        page.left.set()
        assert await listening == 200
        assert list(page.pending_messages_per_session) == ["heard"]  # it may come again at once
        await asyncio.sleep(0.5)
        assert page.pending_messages_per_session == page.calls._heard == {}

    asyncio.run(run())


def test_a_stream_is_there_for_sessions_that_have_called_and_ends_with_them(folder):
    async def run():
        page = Page(folder)
        for query in (b"session_hash=made-up", b"", b"session_hash=%00"):
            with pytest.raises(RequestError) as refused:
                await page.ask("queue/data", query=query)
            assert refused.value.kind == "not_found"
        assert page.calls._listening == {}
        await page.join("s")
        page.broken = True
        listening = asyncio.create_task(page.ask("queue/data", query=b"session_hash=s"))
        await asyncio.sleep(0)
        page.left.set()
        del page.pending_messages_per_session["s"]
        assert await listening == 200
        await page.join("s")
        with pytest.raises(RuntimeError):
            await page.ask("queue/data", query=b"session_hash=s")

    asyncio.run(run())


@pytest.mark.parametrize(
    "more",
    [
        {"fn_index": 9},
        {"fn_index": "0"},
        {"fn_index": False},
        {"session_hash": None},
        {"session_hash": ["s"]},
        {"data": None},
        {"data": [{"path": "x"}]},
        {"data": ["words"]},
        {"event_data": {"path": "/etc/passwd"}},
        {"event_data": [{"path": ["x"]}]},
        {"event_data": {"path": "\0"}},
        {"event_data": "x" * 200_000},
    ],
)
def test_calls_that_make_no_sense_never_reach_gradio(folder, more):
    async def run():
        page = Page(folder)
        with pytest.raises(RequestError) as refused:
            await page.join(**more)
        assert refused.value.kind == "bad_request"
        assert page.bodies == []

    asyncio.run(run())


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b"\xff", b"[" * 90_000])
def test_bodies_that_are_no_call(folder, body):
    with pytest.raises(RequestError, match="no such function"):
        asyncio.run(Page(folder).ask("queue/join", body))


def test_a_call_reaches_gradio_as_it_was_sent(folder):
    async def run():
        page = Page(folder)
        upload = {"event_data": {"path": str(folder / "page" / "abc" / "x.png"), "name": "x"}}
        assert await page.join(**upload) == 200
        assert json.loads(page.bodies[0]) == call() | upload
        assert await page.join(fn_index=1, data=["words"]) == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "bad_request"), (422, "bad_request"), (404, "not_found"), (413, "too_large"), (500, "internal")],
)
def test_refusals_of_gradio_become_those_of_the_api(folder, status, kind):
    async def run():
        page = Page(folder)
        page.status = status
        with pytest.raises(RequestError) as refused:
            await page.ask("config")
        assert refused.value.kind == kind

    asyncio.run(run())


def test_uploads_have_a_quota_on_the_disk(folder):
    left = folder / "page" / "abc" / "left"
    length = [(b"content-length", b"%d" % LIMITS.upload_bytes)]

    async def run():
        page = Page(folder)
        with left.open("wb") as stream:
            stream.truncate(LIMITS.bytes_in_hand - LIMITS.upload_bytes)
        assert await page.ask("upload", headers=length) == 200
        with left.open("ab") as stream:
            stream.write(b"x")
        for headers in (length, []):  # one that does not say its length may be of any that is taken
            with pytest.raises(RequestError, match="too many uploads") as refused:
                await page.ask("upload", headers=headers)
            assert refused.value.kind == "queue_full"
        left.unlink()
        assert await page.ask("upload", headers=length) == 200
        assert page.calls._under_way == 0

    asyncio.run(run())


def test_what_lies_in_a_folder_is_counted(folder):
    (folder / "page" / "abc" / "a").write_bytes(b"12345")
    (folder / "page" / "b").write_bytes(b"123")
    assert bytes_in(folder / "page") == 8
    assert bytes_in(folder / "none") == 0
