"""Whole images and videos of every kind that a scan may meet, made from generated faces."""

import io
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, features

from dfdetect.data.synthetic import draw_face

_SIDE = 96


@cache
def image_seeds() -> dict[str, bytes]:
    """File content by name."""
    rgb = Image.fromarray(draw_face(0, 0, size=_SIDE).image)
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = [Image.fromarray(draw_face(0, i, size=_SIDE).image) for i in (1, 2)]
    deep = Image.fromarray(np.asarray(rgb.convert("L"), np.uint16) << 8)
    alpha = rgb.copy()
    alpha.putalpha(rgb.convert("L"))
    made: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "jpeg.jpg": (rgb, "JPEG", {"quality": 90}),
        "progressive.jpg": (rgb, "JPEG", {"progressive": True}),
        "exif-rotated.jpg": (rgb, "JPEG", {"exif": turned.tobytes()}),
        "cmyk.jpg": (rgb.convert("CMYK"), "JPEG", {}),
        "grey.jpg": (rgb.convert("L"), "JPEG", {}),
        "rgb.png": (rgb, "PNG", {}),
        "alpha.png": (alpha, "PNG", {}),
        "palette.png": (rgb.quantize(64), "PNG", {"transparency": 3}),
        "deep.png": (deep, "PNG", {}),
        "bits.png": (rgb.convert("1"), "PNG", {}),
        "animated.png": (rgb, "PNG", {"save_all": True, "append_images": frames}),
        "animated.gif": (rgb, "GIF", {"save_all": True, "append_images": frames}),
        "lossy.webp": (rgb, "WEBP", {}),
        "lossless.webp": (alpha, "WEBP", {"lossless": True}),
        "animated.webp": (rgb, "WEBP", {"save_all": True, "append_images": frames}),
        "plain.bmp": (rgb, "BMP", {}),
        "lzw.tif": (rgb, "TIFF", {"compression": "tiff_lzw"}),
        "jpeg.tif": (rgb, "TIFF", {"compression": "jpeg"}),
        "pages.tif": (rgb, "TIFF", {"save_all": True, "append_images": frames}),
        "plain.ppm": (rgb, "PPM", {}),
    }
    if features.check("avif"):
        made["plain.avif"] = (rgb, "AVIF", {})
    return {name: _encoded(*how) for name, how in made.items()}


@cache
def video_seeds() -> dict[str, bytes]:
    """File content by name: 12 frames of 96 x 96 pixels with a moving face."""
    made = {
        "mpeg4.mp4": _film("mp4v", ".mp4"),
        "mpeg4.mov": _film("mp4v", ".mov"),
        "motion-jpeg.avi": _film("MJPG", ".avi"),
        "vp8.webm": _film("VP80", ".webm"),
        "motion-jpeg.mkv": _film("MJPG", ".mkv"),
    }
    made["variable-rate.mp4"] = with_varying_rate(made["mpeg4.mp4"])
    made["cut-in-the-middle.avi"] = made["motion-jpeg.avi"][: len(made["motion-jpeg.avi"]) // 2]
    made["cut-in-the-middle.mp4"] = made["mpeg4.mp4"][: len(made["mpeg4.mp4"]) // 2]
    made["no-frames.mp4"] = _film("mp4v", ".mp4", frames=0)
    made["no-frames.avi"] = _film("MJPG", ".avi", frames=0)
    return made


def with_varying_rate(content: bytes) -> bytes:
    """An MP4 file with frames of 0.4, 0.8, 1.2, 1.6, 0.4, ... times the length; its index must stand behind them."""
    return _rewrite(content, ("moov", "trak", "mdia", "minf", "stbl", "stts"), _vary)


def _vary(table: bytes) -> bytes:
    count, length = struct.unpack(">II", table[8:16])
    entries = b"".join(struct.pack(">II", 1, 2 * length * (1 + i % 4) // 5) for i in range(count))
    return table[:4] + struct.pack(">I", count) + entries


def _rewrite(content: bytes, path: tuple[str, ...], change: Any) -> bytes:
    """Change the first box of each name on a path of MP4 boxes, and the sizes around it."""
    parts, place = [], 0
    while place + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        size = size if size >= 8 else len(content) - place
        body = content[place + 8 : place + size]
        if kind.decode("latin-1") == path[0]:
            body = _rewrite(body, path[1:], change) if path[1:] else change(body)
        parts.append(struct.pack(">I4s", len(body) + 8, kind) + body)
        place += size
    return b"".join(parts)


def _encoded(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _film(codec: str, ending: str, frames: int = 12) -> bytes:
    face = draw_face(0, 3, size=_SIDE).image[..., ::-1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"film{ending}"
        writer = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 12, (_SIDE, _SIDE))
        for i in range(frames):
            writer.write(np.roll(face, i, axis=1))
        writer.release()
        return file.read_bytes() if file.exists() else b""
