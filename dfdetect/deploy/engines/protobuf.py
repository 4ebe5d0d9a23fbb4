"""Reads the metadata of an ONNX file without any library: a walk over the outermost fields of its protobuf message.

Format: protobuf.dev, *Encoding*; field numbers: `onnx.proto` (ModelProto, StringStringEntryProto).
"""

from collections.abc import Iterator

_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def onnx_metadata(content: bytes) -> dict[str, str]:
    """The metadata of an ONNX model; raises `ValueError` for what is no protobuf message or was cut off."""
    entries = [dict(_fields(value)) for field, value in _fields(content) if field == _METADATA_PROPS]
    return {_text(entry.get(_KEY, b"")): _text(entry.get(_VALUE, b"")) for entry in entries}


def _text(value: memoryview | bytes) -> str:
    return bytes(value).decode()


def _fields(content: bytes | memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field of a message; only of those with a length is the content of use."""
    view, position = memoryview(content), 0
    while position < len(view):
        tag, position = _varint(view, position)
        field, kind = tag >> 3, tag & 7
        start = position
        if kind == _VARINT:
            _, position = _varint(view, position)
        elif kind == _LENGTH:
            length, start = _varint(view, position)
            position = start + length
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("not an ONNX file")
        if position > len(view) or field == 0:
            raise ValueError("cut off, or not an ONNX file")
        yield field, view[start:position]


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    """A number and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(view):
            raise ValueError("cut off, or not an ONNX file")
        byte = view[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("not an ONNX file")
