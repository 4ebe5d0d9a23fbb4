"""Files that cost far more than they weigh, and files that are no picture at all."""

import struct
import zlib
from functools import cache

FOREIGN: dict[str, tuple[str, bytes]] = {
    "text": (".png", b"This is no picture.\n" * 40),
    "playlist": (".mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n\0" * 9),
    "list of films": (".mp4", b"ffconcat version 1.0\nfile /etc/passwd\n\0" * 9),
    "an archive": (".jpg", b"PK\x05\x06" + bytes(18)),
    "part of an archive": (".jpg", b"PK\x03\x04" + bytes(60)),
    "PDF": (".jpg", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
    "PostScript": (".jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"),
    "XML": (".png", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>'),
    "SVG": (".png", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/></svg>'),
    "HTML": (".jpg", b"<html><script>alert(1)</script></html>"),
    "program": (".jpg", b"\x7fELF" + bytes(100)),
    "pickle": (".png", b"\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."),
    "script": (".jpg", b"#!/bin/sh\nid\n"),
    "head of HEIC": (".jpg", b"\0\0\0\x18ftypheic" + bytes(200)),
    "head of gzip": (".png", b"\x1f\x8b\x08" + bytes(50)),
    "head of AVI": (".avi", b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(50)),
    "head of Matroska": (".webm", b"\x1a\x45\xdf\xa3" + b"\xff" * 100),
    "head of TIFF": (".tif", b"II*\0\xff\xff\xff\x7f"),
    "head of PPM": (".png", b"P6\n999999999 999999999\n255\n"),
}
"""By kind: the ending that it goes by, and all of it."""


def black_png(width: int, height: int, rows: int | None = None, text: int = 0, chunk: bytes = b"zTXt") -> bytes:
    """A black one-bit PNG that names its size truly and holds `rows` of its rows, with `text` zeros in a chunk."""
    packer = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(line) for _ in range(height if rows is None else rows)) + packer.flush()
    extra = _part(chunk, b"name\0\0" + zlib.compress(bytes(text), 9)) if text else b""
    head = _part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + _part(b"IDAT", data) + _part(b"IEND", b"")


@cache
def png_bombs() -> dict[str, bytes]:
    """File content by name."""
    return {
        "bomb-900-megapixels.png": black_png(30_000, 30_000, rows=3000),
        "bomb-4-gigapixels.png": black_png(65_535, 65_535, rows=1000),
        "bomb-text.png": black_png(64, 64, text=50_000_000),
        "bomb-profile.png": black_png(64, 64, text=50_000_000, chunk=b"iCCP"),
    }


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
