"""Connections that do not wait for anybody: slow, stalled, surplus and malformed ones are closed."""

import asyncio
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from dfdetect.errors import RequestError
from dfdetect.web.refusals import body_of

MOST_CONNECTIONS = 400
"""At once; a process may usually hold 1,024 open files. Beyond, one makes room: the one that is missed least."""
HEADER_S = 10.0
"""For a request's headers to come, from the connection's or the request's first moment."""
KEEP_ALIVE_S = 10
"""That a connection may idle between two requests."""
STALLED_S = 20.0
"""For a client to take what was sent."""
_ENDLESS = ("/gradio_api/heartbeat",)
"""Answers that last as long as a page is open; a server that stops does not wait for them."""
_STREAMS = (*_ENDLESS, "/gradio_api/queue/data", "/gradio_api/upload_progress")
"""Answers that cost a client nothing to leave open."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the limits that it leaves to a proxy."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection if there is room, or make room."""
        super().connection_made(transport)
        self.idle_since = time.monotonic()
        self._late: asyncio.TimerHandle | None = self.loop.call_later(HEADER_S, self._cut_off)
        self._stalled: asyncio.TimerHandle | None = None
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its timers."""
        super().connection_lost(exc)
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on, and watch the clock while headers are under way."""
        if self.transport.is_closing():  # what comes after a refusal is not worth reading
            return
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # the request breaks in the middle of its answer
            self.transport.abort()
        if self.busy and self._late is not None:
            self._late.cancel()
            self._late = None
        elif not self.busy and self._late is None:
            self._late = self.loop.call_later(HEADER_S, self._cut_off)

    def on_response_complete(self) -> None:
        """Ready for the next request; a connection that closes gets some time to take the answer."""
        self.idle_since = time.monotonic()
        super().on_response_complete()
        if self.transport.is_closing():
            self.pause_writing()

    def pause_writing(self) -> None:
        """The client does not take what is sent: give it some time."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It takes it again."""
        super().resume_writing()
        if self._stalled is not None and not self.transport.is_closing():
            self._stalled.cancel()
            self._stalled = None

    def shutdown(self) -> None:
        """Answer what was taken, but leave endless answers."""
        if self.busy and self.scope["path"].startswith(_ENDLESS):
            self.transport.close()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in words that say nothing of the server."""
        if self.busy and self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(400, "bad_request", "this is no HTTP request, or its headers are too large")

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def streams(self) -> bool:
        """Whether it is an answer that may last as long as the client likes."""
        return self.busy and self.scope["path"].startswith(_STREAMS)

    def _make_room(self) -> None:
        """Close another connection, so that whoever comes gets in.

        The longest open stream where streams hold more than half of the room; or else the connection that has idled
        longest, then a stream, and at last the request that has lasted longest: usual ones take seconds.
        """
        everyone: Any = self.connections
        others = [one for one in everyone if one is not self and not one.transport.is_closing()]
        streams = [one for one in others if one.streams]
        idle = [one for one in others if not one.busy]
        crowded = streams if len(streams) > MOST_CONNECTIONS // 2 else []
        chosen = crowded or idle or streams or others
        if len(others) >= MOST_CONNECTIONS:
            min(chosen, key=lambda one: one.idle_since).transport.abort()

    def _cut_off(self) -> None:
        if not self.busy and not self.transport.is_closing():
            self._refuse(408, "too_slow", "the request came too slowly")

    def _refuse(self, status: int, kind: str, message: str) -> None:
        content = body_of(RequestError(kind, message))
        head = f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
        more = "connection: close\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\r\n"
        self.transport.write((head + more).encode() + content)
        self.transport.close()
