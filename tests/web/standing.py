"""A server around the stand-in detector, in a thread of the test, and a client that speaks raw HTTP."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dfdetect.deploy.photos import Settings
from dfdetect.web.app import create_app
from dfdetect.web.limits import Limits
from dfdetect.web.options import WebOptions
from dfdetect.web.server import LOCAL_NAMES, Server, listen
from dfdetect.web.service import Model, Service
from tests.deploy.standin import FACTS, Standin

LIMITS = Limits(upload_bytes=300_000, pixels=1_000_000, files=4, queue=8, seconds=10.0, threads=2)
OPTIONS = WebOptions(None, LOCAL_NAMES, page=False)
NAMES = ("red", "strict")


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return str(self.json["error"]["type"])


@dataclass
class Client:
    """Speaks to a server on this machine."""

    port: int
    service: Service

    def connect(self, seconds: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def raw(self, content: bytes) -> Reply:
        with self.connect() as connection:
            connection.sendall(content)
            return read_reply(connection)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request; header names are written with underscores."""
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            lines["Content-Length"] = str(len(body))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return self.raw(head.encode() + b"\r\n" + (body or b""))

    def form(self, *parts: tuple[str, bytes, str | None], **headers: str) -> Reply:
        kind, body = form(*parts)
        return self.ask("POST", "/api/v1/detect", body, Content_Type=kind, **headers)

    def detect(self, values: Any, **headers: str) -> Reply:
        return self.ask(
            "POST", "/api/v1/detect", json.dumps(values).encode(), Content_Type="application/json", **headers
        )


def form(*parts: tuple[str, bytes, str | None]) -> tuple[str, bytes]:
    """Content type and body of (name, content, filename) parts."""
    body = b""
    for name, content, filename in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        body += f'--edge\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"
    return "multipart/form-data; boundary=edge", body + b"--edge--\r\n"


def read_reply(connection: socket.socket) -> Reply:
    """All of an answer, by its length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection, received)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += _more(connection, received)
    return Reply(int(first.split()[1]), headers, body)


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    if not (piece := connection.recv(65_536)):
        raise ConnectionError(f"closed after {so_far[:200]!r}")
    return piece


@contextmanager
def serving(
    folder: Path, limits: Limits = LIMITS, options: WebOptions = OPTIONS, names: Sequence[str] = NAMES, **detector: Any
) -> Iterator[Client]:
    """A running server with two models: `red`, and `strict` with a higher threshold."""
    models = [
        Model(names[0], Settings(Standin(FACTS, **detector), None)),
        Model(names[1], Settings(Standin(replace(FACTS, threshold=0.9)), None)),
    ]
    service = Service(models, limits, folder)
    server = Server(create_app(service, options), limits, folder)
    with listen("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=server.run, args=([sock],))
        thread.start()
        try:
            yield Client(sock.getsockname()[1], service)
        finally:
            server.should_exit = True
            thread.join(30)
            service.close()
            assert not thread.is_alive()
