"""Reads the metadata of a TFLite file without any library: a few steps through its flatbuffer.

Format: flatbuffers.dev, *Internals*; field numbers: TensorFlow Lite's `schema.fbs` (Model, Metadata, Buffer).
"""

import struct

IDENTIFIER = b"TFL3"
_SUBGRAPHS, _BUFFERS, _METADATA = 2, 4, 6  # of Model
_NAME, _BUFFER = 0, 1  # of Metadata
_DATA = 0  # of Buffer


def tflite_metadata(content: bytes, name: str) -> bytes | None:
    """The metadata entry `name` of a TFLite model, or None.

    Raises:
        ValueError: not a TFLite file, or one that was cut off.
    """
    if content[4:8] != IDENTIFIER:
        raise ValueError("not a TFLite file")
    try:
        model = _follow(content, 0)
        for entry in _vector(content, _field(content, model, _METADATA)):
            table = _follow(content, entry)
            if _bytes(content, _field(content, table, _NAME)) == name.encode():
                number_at = _field(content, table, _BUFFER)
                number = struct.unpack_from("<I", content, number_at)[0] if number_at else 0
                buffers = _vector(content, _field(content, model, _BUFFERS))
                return _bytes(content, _field(content, _follow(content, buffers[number]), _DATA))
    except (struct.error, IndexError):
        raise ValueError("cut off, or not a TFLite file") from None
    return None


def has_network(content: bytes) -> bool:
    """Whether there is anything to run in a TFLite file that `tflite_metadata` could read."""
    try:
        return len(_vector(content, _field(content, _follow(content, 0), _SUBGRAPHS))) > 0
    except (struct.error, IndexError):
        return False


def _follow(content: bytes, position: int) -> int:
    """Where the offset at `position` leads."""
    return position + int(struct.unpack_from("<I", content, position)[0])


def _field(content: bytes, table: int, number: int) -> int:
    """Where a table's field lies; 0 where it is not set."""
    vtable = table - int(struct.unpack_from("<i", content, table)[0])
    if vtable < 0:
        raise IndexError
    size = int(struct.unpack_from("<H", content, vtable)[0])
    place = 4 + 2 * number
    offset = int(struct.unpack_from("<H", content, vtable + place)[0]) if place + 2 <= size else 0
    return table + offset if offset else 0


def _vector(content: bytes, field: int) -> range:
    """Where the elements of a vector of tables lie."""
    if not field:
        return range(0)
    start = _follow(content, field)
    count = int(struct.unpack_from("<I", content, start)[0])
    if start + 4 + 4 * count > len(content):
        raise IndexError
    return range(start + 4, start + 4 + 4 * count, 4)


def _bytes(content: bytes, field: int) -> bytes:
    if not field:
        return b""
    start = _follow(content, field)
    length = int(struct.unpack_from("<I", content, start)[0])
    if start + 4 + length > len(content):
        raise IndexError
    return content[start + 4 : start + 4 + length]
