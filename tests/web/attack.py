"""A request that means harm, or is broken, as bytes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.web.standing import form

Rng = np.random.Generator


@dataclass(frozen=True)
class Attack:
    """One connection's worth.

    Attributes:
        kind: of harm.
        pieces: bytes that are sent, one after the other.
        pause: seconds between them.
        reads: whether it takes the answer.
    """

    kind: str
    pieces: tuple[bytes, ...]
    pause: float = 0.0
    reads: bool = True


Maker = Callable[[Rng, int, float], Attack]
"""Of a random generator, the attack's number, and the seconds between the pieces of slow ones."""


def request(method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
    """A whole request for one answer."""
    said = "" if body is None else f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{said}Connection: close\r\n\r\n"
    return head.encode("latin-1") + (body or b"")


def sent(content: bytes, name: str = "x.jpg", field: str = "file", path: str = "/api/v1/detect") -> bytes:
    """A file in a form."""
    kind, body = form((field, content, name))
    return request("POST", path, body, kind)
