"""A camera's page for browsers of this machine: three addresses behind a key, read only."""

import hmac
import re
import secrets
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any

from dfdetect.deploy.live_board import Board
from dfdetect.deploy.live_page import LivePage
from dfdetect.errors import UsageError

MOST_VIEWERS = 64
"""Connections at once; a browser holds up to six."""
_PATIENCE_S = 5.0
"""How long a request waits for a newer picture."""
_SILENCE_S = 15.0
"""After which a connection that neither asks nor takes is closed."""
_HERE = "127.0.0.1"
_NAMES = frozenset({_HERE, "localhost"})
_REQUEST = re.compile(r"/([\w-]{1,64})/(|state|picture\?after=([0-9]{1,15}))")
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LiveServer:
    """Serves a board and its page; a context.

    Only to this machine, and of that only to who knows the address: it holds a key, made anew each time, so that no
    other user and no page of another site can watch. Requests under another host name are refused, as DNS rebinding
    would make them.

    Args:
        board: what is shown.
        page: around it.
        port: 0 for any free one.

    Attributes:
        address: of the page.

    Raises:
        UsageError: the port is taken.
    """

    def __init__(self, board: Board, page: LivePage, port: int) -> None:
        key = secrets.token_urlsafe(9)
        handler = type("Handler", (_Handler,), {"board": board, "page": page, "key": key})
        try:
            self._server = _Server((_HERE, port), handler)
        except OSError as error:
            raise UsageError(f"--port {port} cannot be had ({error.strerror}). Leave it out for a free one") from error
        self.address = f"http://{_HERE}:{self._server.server_address[1]}/{key}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="live server", daemon=True)

    def __enter__(self) -> "LiveServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_VIEWERS
    allow_reuse_address = sys.platform != "win32"  # there it would share a port with another program

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._places = threading.BoundedSemaphore(MOST_VIEWERS)

    def server_bind(self) -> None:
        """As a plain TCP server's; HTTPServer's own asks a name server who 127.0.0.1 is."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that goes away is no error; anything else is ours, and shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    board: Board
    page: LivePage
    key: str
    protocol_version = "HTTP/1.1"
    timeout = _SILENCE_S

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def do_GET(self) -> None:
        """Answer one of the three addresses."""
        found = _REQUEST.fullmatch(self.path)
        if not self._from_here():
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"Only this machine's own page is answered.\n")
        elif found is None or not hmac.compare_digest(found[1].encode(), self.key.encode()):
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing here. The terminal names the address.\n")
        elif found[2] == "":
            policy = {"Content-Security-Policy": self.page.policy}
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.page.html, policy)
        elif found[2] == "state":
            self._send(HTTPStatus.OK, "application/json", self.board.state())
        else:
            self._picture(int(found[3]))

    def _picture(self, after: int) -> None:
        newer = self.board.picture(after, _PATIENCE_S)
        if newer is None:
            self._send(HTTPStatus.NO_CONTENT, "", b"")
        else:
            self._send(HTTPStatus.OK, "image/jpeg", newer[1], {"X-Picture": str(newer[0])})

    def _from_here(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        name = re.fullmatch(r"([a-z0-9.]+)(:[0-9]{1,5})?", hosts[0].lower()) if len(hosts) == 1 else None
        site, mode = (self.headers.get(f"Sec-Fetch-{one}", "") for one in ("Site", "Mode"))
        return name is not None and name[1] in _NAMES and (site in ("", "none", "same-origin") or mode == "navigate")

    def _send(self, status: HTTPStatus, kind: str, content: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no GET, or no HTTP, in a line."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._send(status, "text/plain", b"", {"Allow": "GET", "Connection": "close"})

    def version_string(self) -> str:
        """The Server header; which Python this is, is nobody's business."""
        return "dfdetect"

    def log_message(self, format: str, *values: Any) -> None:  # noqa: A002 - the name is the standard library's
        """Keep requests off the terminal."""
