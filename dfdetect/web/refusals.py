"""Why a request is refused: each kind of `RequestError` with its HTTP status, as the API's answer."""

import json

from dfdetect.errors import RequestError

STATUS = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_slow": 408,
    "too_large": 413,
    "too_many_files": 413,
    "too_many_pixels": 413,
    "unsupported_media_type": 415,
    "misdirected": 421,
    "unreadable": 422,
    "unknown_model": 422,
    "queue_full": 429,
    "headers_too_large": 431,
    "internal": 500,
    "unavailable": 503,
    "timed_out": 504,
}
"""The API's error types. A type is never renamed; programs tell errors by it."""
RETRY_S = 1
"""What a refused client is asked to wait."""


def status_of(error: RequestError) -> int:
    """The HTTP status of an error's answer."""
    return STATUS[error.kind]


def as_json(error: RequestError) -> dict[str, str]:
    """What stands under `error` in an answer."""
    return {"type": error.kind, "message": str(error)}


def body_of(error: RequestError) -> bytes:
    """The answer of a request that failed as a whole."""
    return json.dumps({"error": as_json(error)}).encode()


def headers_of(error: RequestError) -> dict[str, str]:
    """What an answer says besides."""
    if error.kind in ("queue_full", "unavailable"):
        return {"Retry-After": str(RETRY_S)}
    if error.kind == "unauthorized":
        return {"WWW-Authenticate": 'Basic realm="dfdetect", charset="UTF-8", Bearer realm="dfdetect"'}
    return {}
