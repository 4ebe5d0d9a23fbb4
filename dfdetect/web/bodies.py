"""Bodies of detect requests: a form with files, or JSON with base64, to uploads and what is asked of them."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any

from dfdetect.errors import RequestError
from dfdetect.web.limits import Limits
from dfdetect.web.service import Upload

MOST_FIELD_BYTES = 1000
"""Of a form's field that is no file."""
_MOST_HEADERS, _MOST_HEADER_BYTES, _LONGEST_BOUNDARY = 8, 2000, 200
_MARKS = b'[{,:"'
_MOST_MARKS = 400
"""Of JSON's own characters: base64 holds none of them, and a body that is full of them would grow manyfold."""
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class Asked:
    """What a detect request asks.

    Attributes:
        uploads: at least one.
        models: names; none for the first.
        careful: doubt what flips under mild re-encoding.
        heatmaps: give them in the answer.
    """

    uploads: tuple[Upload, ...] = field(repr=False)
    models: tuple[str, ...] = ()
    careful: bool = False
    heatmaps: bool = False


def read_asked(content_type: str | None, body: bytes, limits: Limits) -> Asked:
    """Read a request.

    Raises:
        RequestError: `bad_request`, `unsupported_media_type`, `too_many_files`.
    """
    message = Message()
    message["Content-Type"] = content_type or ""
    kind = message.get_content_type()
    if kind == "multipart/form-data":
        boundary = message.get_param("boundary")
        asked = _read_form(boundary if isinstance(boundary, str) else "", body, limits)
    elif kind == "application/json":
        asked = _read_json(body)
    else:
        raise RequestError("unsupported_media_type", "send multipart/form-data or application/json")
    if not asked.uploads:
        raise RequestError("bad_request", "no file: send at least one, in a form's field `file` or as JSON in `images`")
    if len(asked.uploads) > limits.files:
        raise _too_many(limits)
    return asked


def _read_json(body: bytes) -> Asked:
    if sum(body.count(mark) for mark in _MARKS) > _MOST_MARKS:
        raise RequestError("bad_request", "too much JSON: an object with a few images is expected")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("bad_request", "the body is no JSON") from None
    if not isinstance(values, dict) or not isinstance(values.get("images"), list):
        raise RequestError("bad_request", 'expected {"images": [{"name": "a.jpg", "data": "<base64>"}]}')
    if unknown := sorted(set(values) - {"images", "models", "careful", "heatmaps"}):
        raise RequestError("bad_request", f"no key is named {unknown[0][:40]!r}")
    models = values.get("models", [])
    if not isinstance(models, list) or not all(isinstance(name, str) for name in models):
        raise RequestError("bad_request", "`models` is a list of names")
    uploads = tuple(_upload(number, image) for number, image in enumerate(values["images"], 1))
    return Asked(uploads, tuple(models), _flag_of(values, "careful"), _flag_of(values, "heatmaps"))


def _upload(number: int, image: Any) -> Upload:
    if not isinstance(image, dict) or not isinstance(image.get("data"), str):
        raise RequestError("bad_request", f'image {number} is not {{"name": ..., "data": "<base64>"}}')
    name = image.get("name", f"image {number}")
    if not isinstance(name, str):
        raise RequestError("bad_request", f"image {number}: its name is no text")
    try:
        return Upload(name, base64.b64decode(image["data"], validate=True))
    except (binascii.Error, ValueError):
        raise RequestError("bad_request", f"image {number}: its data is no base64") from None


def _flag_of(values: dict[str, Any], key: str) -> bool:
    value = values.get(key, False)
    if not isinstance(value, bool):
        raise RequestError("bad_request", f"`{key}` is true or false")
    return value


def _read_form(boundary: str, body: bytes, limits: Limits) -> Asked:
    parts = _Parts(limits)
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise RequestError("bad_request", "the form has no boundary")
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    try:
        parser = MultipartParser(
            boundary,
            parts.callbacks(),  # type: ignore[arg-type]
            max_header_count=_MOST_HEADERS,
            max_header_size=_MOST_HEADER_BYTES,
        )
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise RequestError("bad_request", "the form is damaged") from None
    if not parts.whole:
        raise RequestError("bad_request", "the form is cut off")
    return parts.asked


class _Parts:
    """Collects the parts of a form as its parser meets them."""

    def __init__(self, limits: Limits) -> None:
        self.asked, self.whole, self._limits = Asked(()), False, limits
        self._count, self._headers, self._name, self._value = 0, "", b"", b""
        self._pieces: list[bytes] = []

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add("_name", data[start:end]),
            "on_header_value": lambda data, start, end: self._add("_value", data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self._pieces.append(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _add(self, attribute: str, piece: bytes) -> None:
        setattr(self, attribute, getattr(self, attribute) + piece)

    def _begin(self) -> None:
        self._count += 1
        if self._count > self._limits.files + 8:
            raise _too_many(self._limits)
        self._headers, self._name, self._value, self._pieces = "", b"", b"", []

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._headers = self._value.decode("utf-8", "replace")
        self._name, self._value = b"", b""

    def _end(self) -> None:
        name, file = (_parameter(self._headers, key) for key in ("name", "filename"))
        content = b"".join(self._pieces)
        self._pieces = []
        if file is not None:
            self.asked = replace(self.asked, uploads=(*self.asked.uploads, Upload(file, content)))
        elif len(content) > MOST_FIELD_BYTES:
            raise RequestError("bad_request", "a field is too long; a file needs a filename")
        else:
            self._field(name or "", content.decode("utf-8", "replace").strip())

    def _field(self, name: str, value: str) -> None:
        if name in ("careful", "heatmaps"):
            if value not in _FLAGS:
                raise RequestError("bad_request", f"`{name}` is true or false")
            self.asked = replace(self.asked, **{name: _FLAGS[value]})  # type: ignore[arg-type]
        elif name == "models":
            names = (one.strip() for one in value.split(","))
            self.asked = replace(self.asked, models=(*self.asked.models, *filter(None, names)))
        else:
            raise RequestError("bad_request", f"no field is named {name[:40]!r}; a file needs a filename")

    def _finish(self) -> None:
        self.whole = True


def _parameter(disposition: str, key: str) -> str | None:
    """A parameter of a Content-Disposition, as browsers and curl write it."""
    found = re.search(rf';\s*{key}="((?:[^"\\]|\\.)*)"|;\s*{key}=([^\s;"]+)', disposition)
    return None if found is None else re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2])


def _too_many(limits: Limits) -> RequestError:
    return RequestError("too_many_files", f"more than {limits.files} files in one request")
