"""Which addresses there are: everything else is not found, whatever a library behind them would answer."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dfdetect.errors import RequestError
from dfdetect.web.asgi import Scope, header

API = {
    "/api/v1/detect": ("POST", "detect"),
    "/api/v1/models": ("GET", "models"),
    "/api": ("GET", "api"),
    "/api/openapi.json": ("GET", "api"),
    "/healthz": ("GET", "healthz"),
    "/metrics": ("GET", "metrics"),
}
"""Path: method and the name that it is counted under."""
FILE_ROUTE = "/gradio_api/file="
_PAGE = [
    ("GET", r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(assets|static)/[\w./-]+"),
    ("GET", r"/gradio_api/(info|app_id|startup-events|theme\.css|queue/data|upload_progress|heartbeat/\w+)/?"),
    ("GET", re.escape(FILE_ROUTE) + ".+"),
    ("POST", r"/gradio_api/(upload|queue/join|cancel|reset)/?"),
]
_PAGE_ROUTES = [(method, re.compile(pattern)) for method, pattern in _PAGE]
_SAFE_SITES = (None, "none", "same-origin")


def route_of(scope: Scope, folder: Path, page: bool) -> str:
    """The name under which a request is counted, if it is one that is answered.

    Args:
        scope: of the request.
        folder: the private one, the only place of which the page's file route may name a file.
        page: whether the page is served.

    Raises:
        RequestError: `not_found`, `method_not_allowed`.
    """
    path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
    if path in API:
        allowed, name = API[path]
        if method != allowed:
            raise RequestError("method_not_allowed", f"{path} takes {allowed}")
        return name
    if path == "/" and not page and method == "GET":
        return "api"
    if not page or _is_trick(scope):
        raise RequestError("not_found", "there is nothing here")
    methods = [allowed for allowed, pattern in _PAGE_ROUTES if pattern.fullmatch(path)]
    if not methods:
        raise RequestError("not_found", "there is nothing here")
    if method not in methods:
        raise RequestError("method_not_allowed", f"this takes {methods[0]}")
    if path.startswith(FILE_ROUTE) and not _lies_in(path.removeprefix(FILE_ROUTE), folder):
        raise RequestError("not_found", "there is nothing here")
    return "page"


def check_origin(scope: Scope, hosts: frozenset[str] | None) -> None:
    """Refuse what another site's page, or a name that was bent to this address, makes a browser send.

    Raises:
        RequestError: `misdirected`, `forbidden`.
    """
    host = header(scope, b"host")
    if host is None and scope["http_version"] != "1.0":
        raise RequestError("bad_request", "one Host header is needed")
    if hosts is not None and _name_of(host or "") not in hosts:
        raise RequestError("misdirected", "this server is not asked under that name; see --allow-host")
    site, mode = header(scope, b"sec-fetch-site"), header(scope, b"sec-fetch-mode")
    origin = header(scope, b"origin")
    followed = mode == "navigate" and scope["method"] in ("GET", "HEAD")
    if (site not in _SAFE_SITES and not followed) or (origin is not None and _netloc(origin) != (host or "").lower()):
        raise RequestError("forbidden", "only this server's own page may ask from a browser")


def _is_trick(scope: Scope) -> bool:
    """Whether a path goes up, names a drive, or hides what it names; whatever it is encoded with."""
    path = raw = scope.get("raw_path", b"").decode("latin-1")
    for _ in range(3):
        path = unquote(path, errors="replace")
        if any(one in path for one in ("\0", "\\", "//", "\ufffd")) or {"..", "."} & set(path.split("/")):
            return True
    return not raw.isascii()


def _lies_in(name: str, folder: Path) -> bool:
    try:
        return Path(name).resolve(strict=True).is_relative_to(folder.resolve()) and Path(name).is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _name_of(host: str) -> str:
    """A Host header without its port."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host)
    return found[1].lower() if found else ""


def _netloc(origin: str) -> Any:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
