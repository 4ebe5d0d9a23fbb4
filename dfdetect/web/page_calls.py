"""What stands between the guard and Gradio: calls that make no sense, answers nobody fetches, a disk that fills."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from dfdetect.errors import RequestError
from dfdetect.web.asgi import Application, Message, Receive, Scope, Send, header, read_body
from dfdetect.web.service import Service

UNHEARD_S = 10.0
"""That an answer is kept for a page that does not listen; a page listens as soon as it has asked."""
_MOST_CALL_BYTES = 100_000
_MESSAGES = {
    400: ("bad_request", "this is no request of the page"),
    404: ("not_found", "there is nothing here"),
    405: ("method_not_allowed", "this is asked in another way"),
    413: ("too_large", "the file is larger than the server takes"),
    503: ("unavailable", "the server takes nothing on any more"),
}
_INTERNAL = ("internal", "an error of the server; its log says why")


class PageCalls:
    """Passes to Gradio what the page may ask, and gives its failures the words of the API.

    Args:
        app: Gradio.
        blocks: its page, whose functions and queue it looks at.
        service: whose limits hold.
    """

    def __init__(self, app: Application, blocks: Any, service: Service) -> None:
        self._app, self._blocks, self._service = app, blocks, service
        self._listening: Counter[str] = Counter()
        self._heard: dict[str, float] = {}
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            RequestError: `bad_request`, `queue_full`, and what Gradio's own refusals are.
        """
        path = scope["path"].rstrip("/") if scope["type"] == "http" else ""
        if path == "/gradio_api/queue/join":
            await self._join(scope, receive, send)
        elif path == "/gradio_api/queue/data":
            await self._listen(scope, receive, send)
        elif path == "/gradio_api/upload":
            await self._upload(scope, receive, send)
        elif path:
            await self._pass(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        session = self._session_of(body)
        self._forget_unheard()
        limits, ids = self._service.limits, self._blocks._queue.pending_event_ids_session
        if sum(map(len, ids.values())) >= limits.queue + limits.threads:
            raise RequestError("queue_full", "the server holds too many answers; try again in a moment")
        self._heard[session] = time.monotonic()
        asyncio.get_running_loop().call_later(UNHEARD_S + 0.1, self._forget_unheard)
        await self._pass(scope, _again(body, receive), send)

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[-1]
        sessions = self._blocks._queue.pending_messages_per_session
        if session not in sessions:  # Gradio would begin an answer and then break off with an error
            raise RequestError("not_found", "no answer is kept for such a session")
        self._listening[session] += 1
        try:
            await self._pass(scope, receive, send)
        except RuntimeError:
            if session in sessions:
                raise
            await send({"type": "http.response.body", "body": b""})  # another who listened took the session along
        finally:
            self._listening[session] -= 1
            self._listening += Counter()  # without those at zero
            if session in self._heard:
                self._heard[session] = time.monotonic()
                asyncio.get_running_loop().call_later(UNHEARD_S + 0.1, self._forget_unheard)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = self._service.limits
        length = header(scope, b"content-length")
        expected = limits.upload_bytes if length is None else int(length)
        lying = await asyncio.to_thread(bytes_in, self._service.folder / "page")
        if lying + self._under_way + expected > limits.bytes_in_hand:
            raise RequestError("queue_full", "the server holds too many uploads; try again in a moment")
        self._under_way += expected
        try:
            await self._pass(scope, receive, send)
        finally:
            self._under_way -= expected

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have Gradio answer; of a refusal, only its status is kept."""
        refused: int | None = None

        async def watched(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = message["status"]
            if refused is None:
                await send(message)

        try:
            await self._app(scope, receive, watched)
        except TypeError as error:
            if not str(error).startswith("File is not an instance"):  # a field of a form where a file belongs
                raise
            refused = 400
        if refused is not None:
            other = _INTERNAL if refused >= 500 else _MESSAGES[400]
            raise RequestError(*_MESSAGES.get(refused, other))

    def _session_of(self, body: bytes) -> str:
        """The session of a call of one of the page's functions; whatever else is sent is refused."""
        try:
            said: Any = json.loads(body) if len(body) <= _MOST_CALL_BYTES else None
            session, number = said["session_hash"], said["fn_index"]
            known = type(number) is int and number in self._blocks.fns
            paths = list(_paths(said))
        except (ValueError, TypeError, KeyError, RecursionError):
            known = False
        if not known or not isinstance(session, str) or not session:
            raise RequestError("bad_request", "the page has no such function, or it is not called like this")
        takes, given = self._blocks.fns[number].inputs, said.get("data")
        if not isinstance(given, list) or (not takes and any(one is not None for one in given)):
            raise RequestError("bad_request", "this function of the page is given something else")
        uploads = (self._service.folder / "page").resolve()
        if not all(_lies_in(path, uploads) for path in paths):
            raise RequestError("bad_request", "this names no upload")
        return session

    def _forget_unheard(self) -> None:
        """Drop the answers of sessions that did not listen for a while."""
        queue, before = self._blocks._queue, time.monotonic() - UNHEARD_S
        for session in set(queue.pending_messages_per_session) | set(queue.pending_event_ids_session):
            if not self._listening[session] and self._heard.get(session, 0.0) < before:
                for event in queue.pending_event_ids_session.pop(session, ()):
                    if event in queue.event_ids_to_events:
                        queue.event_ids_to_events[event].alive = False  # Gradio sends nothing for it any more
                queue.pending_messages_per_session.pop(session, None)
        self._heard = {one: at for one, at in self._heard.items() if at >= before or self._listening[one]}
        self._listening += Counter()


def bytes_in(folder: Path) -> int:
    """Of all files below a folder, which may go meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _paths(said: Any) -> Iterator[Any]:
    """All that stands under `path` in JSON; Gradio takes each of them for a file."""
    if isinstance(said, dict):
        if "path" in said:
            yield said["path"]
        for one in said.values():
            yield from _paths(one)
    elif isinstance(said, list):
        for one in said:
            yield from _paths(one)


def _lies_in(path: Any, folder: Path) -> bool:
    try:
        return isinstance(path, str) and Path(path).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        return False
