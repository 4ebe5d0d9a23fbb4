"""A server that calls nobody: from some point on, this process opens no connection of its own."""

import sys
from typing import Any

_secluded = False
_hooked = False
_CALLS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


def seclude() -> None:
    """From now on whatever opens a connection or looks a name up in this process fails with a `PermissionError`.

    It goes for every library written in Python; FFmpeg, which is not, is told to read nothing but files.
    """
    global _hooked, _secluded
    if not _hooked:
        sys.addaudithook(_refuse)
        _hooked = True
    _secluded = True


def open_up() -> None:
    """Allow connections again: for tests, and for what a process does after the server has ended."""
    global _secluded
    _secluded = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if _secluded and (event in _CALLS or event in _LOOKUPS):
        raise PermissionError(f"dfdetect serve opens no connections ({event})")
