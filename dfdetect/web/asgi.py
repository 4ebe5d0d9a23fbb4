"""The few words of ASGI that are used here."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientGone(Exception):  # noqa: N818 - no error of anybody here
    """The client closed the connection before its request was whole."""


def header(scope: Scope, name: bytes) -> str | None:
    """A request's header; None where it is missing, and where it stands there twice, since then it says nothing."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


async def read_body(receive: Receive) -> bytes:
    """The whole body; raises `ClientGone` when the client goes before its end."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed the connection; for after its body was read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def respond(send: Send, status: int, kind: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": header_lines(kind, content, headers)})
    await send({"type": "http.response.body", "body": content})


def header_lines(kind: str, content: bytes, headers: Mapping[str, str] | None = None) -> list[tuple[bytes, bytes]]:
    """An answer's headers as ASGI takes them."""
    lines = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in lines.items()]


def json_bytes(value: Any) -> bytes:
    """Strict JSON: no NaN, which no other language reads."""
    return json.dumps(value, allow_nan=False).encode()
