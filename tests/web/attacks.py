"""Requests that mean harm, or are broken: as many as are wanted, the same for the same seed."""

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, islice

import numpy as np
from PIL import Image

from tests.fuzz_corpus import MUTATIONS
from tests.fuzz_seeds import image_seeds, video_seeds
from tests.web.standing import form

Rng = np.random.Generator


@dataclass(frozen=True)
class Attack:
    """One connection's worth.

    Attributes:
        kind: of harm.
        pieces: bytes that are sent, one after the other.
        pause: seconds between them.
        reads: whether it takes the answer.
    """

    kind: str
    pieces: tuple[bytes, ...]
    pause: float = 0.0
    reads: bool = True


def attacks(number: int, seed: int = 0, slow: float = 2.0) -> Iterator[Attack]:
    """So many attacks, of all kinds in turn; `slow` is the pause between the pieces of slow ones."""
    rng = np.random.default_rng(seed)
    makers = [maker for maker, weight in MAKERS.items() for _ in range(weight)]
    return islice((makers[i % len(makers)](rng, i, slow) for i in count()), number)


def detect(body: bytes, kind: str, extra: str = "", method: str = "POST", path: str = "/api/v1/detect") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1") + body


def sent(content: bytes, name: str = "x.jpg") -> bytes:
    kind, body = form(("file", content, name))
    return detect(body, kind)


def bomb(rng: Rng, number: int, slow: float) -> Attack:
    made = _bombs()
    name = list(made)[number % len(made)]
    return Attack("bomb", (sent(made[name], name),))


def wrong_type(rng: Rng, number: int, slow: float) -> Attack:
    content = _CONTENTS[number % len(_CONTENTS)]
    if number % 3 == 0:
        content = rng.bytes(int(rng.integers(0, 5000)))
    name = str(rng.choice(["a.jpg", "a.png", "a.mp4", "a.svg", "a.php", "a"]))
    return Attack("wrong type", (sent(content, name),))


def mutated(rng: Rng, number: int, slow: float) -> Attack:
    seeds = image_seeds() | video_seeds()
    content = seeds[str(rng.choice(list(seeds)))]
    for _ in range(int(rng.integers(1, 4))):
        content = MUTATIONS[str(rng.choice(list(MUTATIONS)))](content, rng) or b"x"
    return Attack("damaged file", (sent(content),))


def path_trick(rng: Rng, number: int, slow: float) -> Attack:
    path = _PATHS[number % len(_PATHS)]
    method = ("GET", "GET", "POST", "HEAD", "PUT", "DELETE")[number % 6]
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return Attack("path trick", (head.encode("latin-1"),))


def named_path(rng: Rng, number: int, slow: float) -> Attack:
    name = _NAMES[number % len(_NAMES)]
    content = image_seeds()["jpeg.jpg"] if number % 2 else b"words"
    return Attack("file name trick", (sent(content, name),))


def slow_client(rng: Rng, number: int, slow: float) -> Attack:
    kind, body = form(("file", image_seeds()["jpeg.jpg"], "a.jpg"))
    head = f"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    whole = head.encode() + b"\r\n\r\n" + body
    how = number % 5
    if how == 0:
        return Attack("slow client", (b"",) * 20, slow)  # says nothing
    if how == 1:
        return Attack("slow client", tuple(whole[i : i + 1] for i in range(20)), slow)
    if how == 2:
        return Attack("slow client", (whole[:-1000], *(whole[-1000 + i : -999 + i] for i in range(20))), slow)
    if how == 3:
        return Attack("slow client", (whole[:-10],) + (b"",) * 20, slow)  # never ends
    return Attack("slow client", (whole[: len(whole) // 2],), 0.0, reads=False)  # goes away


def huge_header(rng: Rng, number: int, slow: float) -> Attack:
    many = int(rng.integers(1, 40)) * 1000
    lines = (
        b"X-Long: " + b"a" * many,
        b"\r\n".join(b"X-%d: y" % i for i in range(many // 10)),
        b"Cookie: " + b"a=b; " * (many // 5),
        b"Authorization: Bearer " + b"t" * many,
        b"X-Fold: a\r\n " + b"b" * many,
        b"Range: bytes=" + b"0-," * (many // 3),
    )
    target = b"/" + b"a" * many if number % 7 == 0 else b"/healthz?" + b"q" * (many if number % 7 == 1 else 1)
    line = lines[number % len(lines)]
    return Attack("huge header", (b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n",))


def broken_form(rng: Rng, number: int, slow: float) -> Attack:
    kind, body = form(("file", image_seeds()["jpeg.jpg"], "a.jpg"), ("careful", b"true", None))
    how = number % 10
    if how < 5:
        body = list(MUTATIONS.values())[int(rng.integers(len(MUTATIONS)))](body[:300], rng) + body[300:]
    elif how == 5:
        body = form(("file", b"x", "a"))[1].replace(b"--edge--\r\n", b"") * 5000 + b"--edge--\r\n"
    elif how == 6:
        body = body.replace(b"\r\n\r\n", b"\r\n" + b"X-%d: y\r\n" % number * 3000 + b"\r\n", 1)
    elif how == 7:
        kind = str(
            rng.choice(["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"])
        )
    elif how == 8:
        kind, body = "multipart/form-data; boundary=" + "b" * 500, b"--" + b"b" * 500 + b"--"
    else:
        body = body[: int(rng.integers(1, len(body)))]
    return Attack("broken form", (detect(body, kind),))


def broken_json(rng: Rng, number: int, slow: float) -> Attack:
    whole = json.dumps(
        {"images": [{"name": "a", "data": base64.b64encode(image_seeds()["jpeg.jpg"]).decode()}]}
    ).encode()
    bodies = (
        whole[: int(rng.integers(1, len(whole)))],
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"[" + b"0," * 100_000 + b"0]",
        b'{"images": [{"data": "' + b"A" * 100_001 + b'"}]}',
        b'{"images": [{"data": "/etc/passwd", "path": "/etc/passwd"}]}',
        b'{"images": [{"url": "http://169.254.169.254/"}]}',
        b'{"images": "' + b"\\ud800" * 1000 + b'"}',
        b'{"images": [{"data": ""}], "models": ["' + b"x" * 50_000 + b'"]}',
        b"\xef\xbb\xbf{}",
        b"9" * 50_000,
        rng.bytes(500),
    )
    return Attack("broken JSON", (detect(bodies[number % len(bodies)], "application/json"),))


def broken_http(rng: Rng, number: int, slow: float) -> Attack:
    piece = _HTTP[number % len(_HTTP)]
    return Attack("broken HTTP", (piece if number % 4 else rng.bytes(300) + b"\r\n\r\n",))


def too_large(rng: Rng, number: int, slow: float) -> Attack:
    head = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    if number % 2:
        return Attack("too large", (head + b"Content-Length: 99999999999\r\n\r\n", bytes(100_000)))
    chunks = tuple(b"%x\r\n%b\r\n" % (1_000_000, b"A" * 1_000_000) for _ in range(30))
    return Attack("too large", (head + b"Transfer-Encoding: chunked\r\n\r\n", *chunks))


Maker = Callable[[Rng, int, float], Attack]
MAKERS: dict[Maker, int] = {
    bomb: 2,
    wrong_type: 3,
    mutated: 4,
    path_trick: 3,
    named_path: 1,
    slow_client: 2,
    huge_header: 1,
    broken_form: 3,
    broken_json: 2,
    broken_http: 3,
    too_large: 1,
}


@cache
def _bombs() -> dict[str, bytes]:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def png(width: int, height: int, extra: bytes = b"", rows: int | None = None) -> bytes:
        data = zlib.compress(bytes((1 + (width + 7) // 8) * (height if rows is None else rows)), 9)
        head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + extra + part(b"IDAT", data) + part(b"IEND", b"")

    zeros = zlib.compress(bytes(50_000_000), 9)
    jpeg = image_seeds()["progressive.jpg"]
    size = jpeg.index(b"\xff\xc2") + 5
    gif = image_seeds()["animated.gif"]
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    frames = [Image.new("L", (64, 64), i % 256) for i in range(500)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return {
        "900-megapixels.png": png(30_000, 30_000, rows=3000),
        "4-gigapixels.png": png(65_535, 65_535, rows=100),
        "49-megapixels.png": png(7000, 7000),
        "text.png": png(64, 64, part(b"zTXt", b"name\0\0" + zeros)),
        "profile.png": png(64, 64, part(b"iCCP", b"name\0\0" + zeros)),
        "scans.jpg": jpeg[:-2] + jpeg[jpeg.index(b"\xff\xda") : -2] * 400 + b"\xff\xd9",
        "large.jpg": jpeg[:size] + struct.pack(">HH", 65_000, 65_000) + jpeg[size + 4 :],
        "large.gif": gif[:6] + struct.pack("<HH", 65_535, 65_535) + gif[10:],
        "large.bmp": bmp + bytes(1000),
        "frames.gif": stream.getvalue(),
        "large.mp4": _large_film(video_seeds()["mpeg4.mp4"]),
        "large.avi": _large_film(video_seeds()["motion-jpeg.avi"]),
    }


def _large_film(content: bytes) -> bytes:
    """The same film, whose containers say that it is 30,000 pixels wide."""
    for packed, wide in (("<I", 30_000), (">I", 30_000 << 16), (">H", 30_000)):
        old = struct.pack(packed, 96 << 16 if wide > 1 << 20 else 96)
        content = content.replace(old * 2, struct.pack(packed, wide) * 2)
    return content


_CONTENTS = [
    b"",
    b"plain words\n" * 50,
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/></svg>',
    b"<html><script>alert(1)</script></html>",
    b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"PK\x03\x04" + bytes(60),
    b"\x7fELF" + bytes(100),
    b"\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    b"#!/bin/sh\nid\n",
    b"\0\0\0\x18ftypheic" + bytes(200),
    b"\x1f\x8b\x08" + bytes(50),
    b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(50),
    b"\x1a\x45\xdf\xa3" + b"\xff" * 100,
    b"II*\0\xff\xff\xff\x7f",
    b"P6\n999999999 999999999\n255\n",
]
_PATHS = [
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/assets/..%252f..%252fetc/passwd",
    "/static/../../../etc/passwd",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=../../../etc/passwd",
    "/gradio_api/file=/proc/self/environ",
    "/gradio_api/file=%2Fetc%2Fpasswd",
    "/gradio_api/file/etc/passwd",
    "/gradio_api/proxy=http://169.254.169.254/latest/meta-data",
    "/file=/etc/passwd",
    "/theme.css/../../etc/passwd",
    "/api/v1/detect/../../../etc/passwd",
    "/api//v1/detect",
    "/api/v1/detect%00.json",
    "/healthz%00",
    "/healthz/..;/metrics",
    "//evil.example/",
    "http://evil.example/",
    "\\..\\..\\windows\\win.ini",
    "/.git/config",
    "/.env",
    "/etc/passwd",
    "/docs",
    "/openapi.json",
    "/monitoring",
    "/login",
    "/%c0%ae%c0%ae/etc/passwd",
    "/gradio_api/call/predict",
    "/gradio_api/queue/join",
    "*",
]
_NAMES = [
    "../../../../etc/passwd",
    "/etc/cron.d/evil",
    "..\\\\..\\\\evil.jpg",
    "a\\0.jpg",
    "x" * 5000,
    "<script>alert(1)</script>.jpg",
    "$(id).jpg",
    "; rm -rf x.jpg",
    "\u202egpj.exe",
    "%s%n%x.jpg",
    "con",
    "",
    ".",
    "..",
]
_HTTP = [
    b"\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"get / http/1.1\r\nhost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: yes\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\0\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e9\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300,
    b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500),
]
