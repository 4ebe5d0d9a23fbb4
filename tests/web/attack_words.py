"""What attacks are made of: bombs, and tables of paths, file names and HTTP that no client of good will sends."""

import io
import struct
from functools import cache

from PIL import Image

from tests.fuzz_bombs import black_png, png_bombs
from tests.fuzz_seeds import image_seeds, video_seeds


@cache
def bombs() -> dict[str, bytes]:
    """File content by name."""
    jpeg = image_seeds()["progressive.jpg"]
    size = jpeg.index(b"\xff\xc2") + 5
    gif = image_seeds()["animated.gif"]
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    frames = [Image.new("L", (64, 64), i % 256) for i in range(500)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return png_bombs() | {
        "49-megapixels.png": black_png(7000, 7000),
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


PATHS = [
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
NAMES = [
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
HTTP = [
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
