"""Runs the application until it is told to stop, and then answers what it took."""

import asyncio
import contextlib
import ipaddress
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from dfdetect.errors import UsageError
from dfdetect.process import give_back
from dfdetect.web import connections
from dfdetect.web.asgi import Application
from dfdetect.web.limits import MOST_HEADER_BYTES, Limits

_SWEEP_S = 15.0
_FAREWELL_S = 5
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Server(uvicorn.Server):
    """A server that ends with exit code 0 when it is told to stop, and sweeps its private folder.

    Args:
        app: that answers.
        limits: whose time it waits for what it took on.
        folder: of uploads.
        announce: called once it listens, and can be stopped.
    """

    def __init__(
        self, app: Application, limits: Limits, folder: Path, announce: Callable[[], None] = lambda: None
    ) -> None:
        self.folder, self._seconds, self._announce = folder, limits.seconds, announce
        config = uvicorn.Config(
            app,
            http=connections.PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            timeout_keep_alive=connections.KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(limits.seconds) + _FAREWELL_S,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; unlike uvicorn's own, they are not raised again once all is answered."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kept = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in kept.items():
                signal.signal(one, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._announce()

    async def main_loop(self) -> None:
        """Serve, and now and then remove uploads that no request came for, and give memory back."""
        sweeping = asyncio.create_task(self._sweep())
        try:
            await super().main_loop()
        finally:
            sweeping.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            await asyncio.to_thread(sweep, self.folder / "page", self._seconds)  # the page calls at once, or never
            await asyncio.to_thread(sweep, self.folder, 4 * self._seconds)
            await asyncio.to_thread(give_back)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the address or the port cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{host} port {port} cannot be had ({reason}). Another port: --port N, 0 for any") from error


def end_on_sigterm() -> None:
    """Leave with all that was opened closed, also while the server is still starting."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def is_local(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that no other user can look into, gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="dfdetect-serve-")).resolve()
    try:
        os.chmod(folder, 0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, oldest_s: float) -> None:
    """Remove files that are older, and folders that are empty then."""
    before = time.time() - oldest_s
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            with contextlib.suppress(OSError):
                if os.stat(os.path.join(place, name)).st_mtime < before:
                    os.unlink(os.path.join(place, name))
        if Path(place) not in (folder, folder / "page"):
            with contextlib.suppress(OSError):
                if os.stat(place).st_mtime < before:
                    os.rmdir(place)


def log_errors() -> None:
    """What goes wrong inside goes to standard error; what clients do wrong is counted, not logged."""
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(name)s: %(message)s")
