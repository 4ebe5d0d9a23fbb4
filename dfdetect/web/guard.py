"""What stands before every request: who asks, for what, how much, how slowly; and what no answer may hold."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import time
from contextlib import suppress

from dfdetect.errors import RequestError
from dfdetect.web.asgi import Application, ClientGone, Message, Receive, Scope, Send, header, header_lines
from dfdetect.web.doors import API, check_origin, route_of
from dfdetect.web.limits import MOST_HEADER_BYTES
from dfdetect.web.options import WebOptions
from dfdetect.web.refusals import body_of, headers_of, status_of
from dfdetect.web.service import Service

_LINGER_S, _LINGER_BYTES = 1.0, 4_000_000
"""For a client that is refused while it sends: what is still read, so that it gets to read the answer."""
_OWN = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"
_PAGE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
"""Gradio's page holds scripts in line; but whatever it holds, a browser lets it talk to this server alone."""
_HEADERS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_log = logging.getLogger("dfdetect.web")


class Guard:
    """The outermost layer.

    Args:
        app: what answers behind it.
        service: whose limits hold, and which counts.
        options: who is answered.
    """

    def __init__(self, app: Application, service: Service, options: WebOptions) -> None:
        self._app, self._service, self._options = app, service, options
        self._digest = hashlib.sha256(options.token.encode()).digest() if options.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the server's start and end on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        start = time.monotonic()
        exchange = _Exchange(scope, receive, send, self._service)
        route = "other"
        try:
            _check_headers(scope)
            check_origin(scope, self._options.hosts)
            route = route_of(scope, self._service.folder, self._options.page)
            self._check_token(scope, route)
            exchange.check_length()
            await self._app(scope, exchange.receive, exchange.send)
        except RequestError as error:
            exchange.refusal = error
        except ClientGone:
            pass
        except Exception:  # the log gets the cause; an answer never does
            if not exchange.gone and exchange.refusal is None:
                _log.exception("%s could not be answered", scope["path"])
                exchange.refusal = RequestError("internal", "an error of the server; its log says why")
        finally:
            exchange.release()
        await exchange.finish()
        self._service.metrics.request(route, exchange.status or 499, time.monotonic() - start)

    def _check_token(self, scope: Scope, route: str) -> None:
        if self._digest is None or route == "healthz":
            return
        given = hashlib.sha256(_token_of(header(scope, b"authorization") or "")).digest()
        if not hmac.compare_digest(given, self._digest):
            raise RequestError("unauthorized", "a token is needed: Authorization: Bearer TOKEN, or as a password")


class _Exchange:
    """One request and its answer, metered.

    Attributes:
        refusal: what it is refused with, which goes before any answer that has not begun.
        status: of the answer that was begun; None before.
        gone: whether the client closed the connection.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, service: Service) -> None:
        self._scope, self._receive, self._send, self._service = scope, receive, send, service
        self._limits = service.limits
        self._begun, self._came = time.monotonic(), 0
        self._length = header(scope, b"content-length")
        self._whole = self._length is None and header(scope, b"transfer-encoding") is None
        self.refusal: RequestError | None = None
        self.status: int | None = None
        self.gone = False

    def check_length(self) -> None:
        """Refuse a body that says to be too large, before any of it is read."""
        if self._length is not None and int(self._length) > self._limits.upload_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next part of the body, as long as it is neither too large nor too slow."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        try:
            message = await self._next()
            self.gone = message["type"] == "http.disconnect"
            self._count(len(message.get("body", b"")))
        except RequestError as error:
            self.refusal = error
            raise
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on; of one that is refused, nothing."""
        if self.refusal is not None and self.status is None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._secured(message.get("headers", []))}
        await self._send(message)

    async def finish(self) -> None:
        """Answer what was refused; a client that still sends is listened to for a moment."""
        if self.refusal is None or self.status is not None:
            return
        error, self.refusal = self.refusal, None
        content, more = body_of(error), headers_of(error)
        if not self._whole or error.kind == "headers_too_large":
            more["Connection"] = "close"
        lines = header_lines("application/json", content, more)
        await self.send({"type": "http.response.start", "status": status_of(error), "headers": lines})
        await self.send({"type": "http.response.body", "body": content, "more_body": True})
        if not self._whole:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._listen(), _LINGER_S)
        await self.send({"type": "http.response.body", "body": b""})

    def release(self) -> None:
        """Give back the room that the body took."""
        self._service.bytes_in_hand -= self._came
        self._came = 0

    async def _next(self) -> Message:
        if self._whole:
            return await self._receive()
        patience = self._limits.patience_s + self._came / self._limits.slowest_bytes_s
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._begun + patience - time.monotonic()))
        except TimeoutError:
            raise RequestError("too_slow", "the request came too slowly") from None
        self._whole = not message.get("more_body", False)
        return message

    def _count(self, length: int) -> None:
        self._came += length
        self._service.bytes_in_hand += length
        if self._came > self._limits.upload_bytes:
            raise self._too_large()
        if self._service.bytes_in_hand > self._limits.bytes_in_hand:
            raise RequestError("queue_full", "the server holds too many uploads; try again in a moment")

    async def _listen(self) -> None:
        heard = 0
        while heard < _LINGER_BYTES:
            message = await self._receive()
            heard += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return

    def _too_large(self) -> RequestError:
        return RequestError("too_large", f"more than {self._limits.upload_bytes:,} bytes in one request")

    def _secured(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        path = self._scope["path"]
        own = path in API or path == "/api" or self.status != 200
        wanted = {**_HEADERS, "content-security-policy": _OWN if own else _PAGE}
        if not path.startswith(("/assets/", "/static/")):
            wanted["cache-control"] = "no-store"
        replaced = {name.encode() for name in wanted} | {b"server"}
        kept = [(name, value) for name, value in headers if name.lower() not in replaced]
        return kept + [(name.encode(), value.encode()) for name, value in wanted.items()]


def _check_headers(scope: Scope) -> None:
    """Refuse headers that came in one piece with their end, which the parser lets pass at any length."""
    size = len(scope.get("raw_path", b"")) + len(scope["query_string"])
    if size + sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > MOST_HEADER_BYTES:
        raise RequestError("headers_too_large", f"more than {MOST_HEADER_BYTES:,} bytes of headers")


def _token_of(authorization: str) -> bytes:
    """What a client shows: a bearer token, or a password under any user's name; empty for neither."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1")
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    return b""
