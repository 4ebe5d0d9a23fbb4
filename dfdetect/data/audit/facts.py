"""What a file says about itself before a single pixel is looked at: its encoder, its tables, its tags.

None of it is evidence about a face. Where it differs between the classes, whoever made the data set left a shortcut.
"""

import contextlib
import hashlib
import io
import warnings
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from dfdetect.data.decode import FORMATS

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm"),
    **{name: (f".{name.lower()}",) for name in ("PNG", "BMP", "WEBP", "GIF", "AVIF")},
}
"""Endings that fit a format."""

_SUBSAMPLING: dict[tuple[float, float], str] = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
    (4, 2): "4:1:0",
}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts of one file; empty text and 0 where a format has none.

    Attributes:
        file_bytes: size on disk.
        width: pixels, as stored.
        height: pixels, as stored, before any EXIF orientation.
        format: what the content is, whatever the ending says: JPEG, PNG, ...
        mode: Pillow's pixel mode: RGB, L, P, CMYK, ...
        luma_table: JPEG quantisation of brightness: `q92` for the standard table of that quality, otherwise `own-` and
            six hex digits of its hash.
        chroma_table: the same of colour.
        quality: nearest standard JPEG quality, 1 to 100.
        subsampling: of JPEG colour: 4:4:4, 4:2:2, 4:2:0, ...
        scan: of JPEG: baseline or progressive.
        segments: names of the JPEG segments or PNG texts beside the picture, in their order.
        density: JFIF or PNG resolution tag, in dots per inch.
        orientation: EXIF orientation, 1 to 8.
        exif: `yes` with at least one EXIF tag.
        camera: EXIF maker and model.
        software: EXIF or PNG software tag.
        icc: description of the colour profile.
        animated: `yes` with more than one frame.
        ending: `fits` where the file's ending is one of its format, `differs` where not.
    """

    file_bytes: int
    width: int
    height: int
    format: str
    mode: str
    luma_table: str
    chroma_table: str
    quality: int
    subsampling: str
    scan: str
    segments: str
    density: str
    orientation: int
    exif: str
    camera: str
    software: str
    icc: str
    animated: str
    ending: str


FACT_NAMES = tuple(field.name for field in fields(FileFacts))


def read_facts(content: bytes, path: str) -> FileFacts:
    """Facts of an encoded image whose header can be read; its pixels are not decoded.

    Raises:
        OSError, ValueError, SyntaxError: whatever Pillow raises on a damaged header; decode first to rule that out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of many pixels, which `decode` has judged, and of odd tags
        return _facts(content, path)


def _facts(content: bytes, path: str) -> FileFacts:
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        exif = _exif(image)
        return FileFacts(
            file_bytes=len(content),
            width=image.width,
            height=image.height,
            format=image.format or "",
            mode=image.mode,
            **_jpeg(image),
            segments=_segments(image),
            density=_density(image),
            orientation=_orientation(exif.get(ExifTags.Base.Orientation)),
            exif="yes" if exif else "",
            camera=_words(exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model)),
            software=_words(exif.get(ExifTags.Base.Software) or image.info.get("Software")),
            icc=_profile(image.info.get("icc_profile")),
            animated="yes" if getattr(image, "is_animated", False) else "",
            ending="fits" if Path(path).suffix.lower() in SUFFIXES.get(image.format or "", ()) else "differs",
        )


def table_name(table: list[int], chroma: bool = False) -> str:
    """A quantisation table (64 steps in natural order) by name: `q92` if standard, otherwise `own-` and a hash."""
    quality = _standard_tables(chroma).get(tuple(table))
    return f"q{quality}" if quality else "own-" + hashlib.blake2b(bytes(str(table), "ascii"), digest_size=3).hexdigest()


def nearest_quality(table: list[int]) -> int:
    """The standard luma quality, 1 to 100, whose steps sum up most nearly to those of `table`."""
    total = sum(table)
    return min(_standard_tables(False).items(), key=lambda item: (abs(sum(item[0]) - total), -item[1]))[1]


@cache
def _standard_tables(chroma: bool) -> dict[tuple[int, ...], int]:
    """Quality by table, as the libjpeg that Pillow is built with writes them; the highest of equal ones."""
    tables = {}
    pixel = Image.new("RGB", (8, 8))
    for quality in range(1, 101):
        content = io.BytesIO()
        pixel.save(content, "JPEG", quality=quality)
        with Image.open(content) as image:
            tables[tuple(_tables(image)[int(chroma)])] = quality
    return tables


def _tables(image: Any) -> list[list[int]]:
    """Quantisation table of each component."""
    return [list(image.quantization[layer[3]]) for layer in image.layer]


def _jpeg(image: Any) -> dict[str, Any]:
    empty = {"luma_table": "", "chroma_table": "", "quality": 0, "subsampling": "", "scan": ""}
    if image.format != "JPEG" or not getattr(image, "layer", None):
        return empty
    try:
        tables = _tables(image)
    except (KeyError, IndexError):  # a table that comes after the header, or never
        return empty
    return {
        "luma_table": table_name(tables[0]),
        "chroma_table": table_name(tables[1], chroma=True) if len(tables) > 1 else "",
        "quality": nearest_quality(tables[0]),
        "subsampling": _subsampling([(layer[1], layer[2]) for layer in image.layer]),
        "scan": "progressive" if image.info.get("progressive") else "baseline",
    }


def _subsampling(factors: list[tuple[int, int]]) -> str:
    """In the usual notation, from horizontal and vertical sampling factors of each component."""
    if len(factors) < 2:
        return "grey"
    ratio = (factors[0][0] / max(factors[1][0], 1), factors[0][1] / max(factors[1][1], 1))
    return _SUBSAMPLING.get(ratio, f"{ratio[0]:g}x{ratio[1]:g}")


def _segments(image: Any) -> str:
    if image.format == "JPEG":
        return " ".join(dict.fromkeys(name for name, _ in getattr(image, "applist", [])))
    return " ".join(sorted(getattr(image, "text", {}))) if image.format == "PNG" else ""


def _density(image: Any) -> str:
    dots = image.info.get("dpi")
    with contextlib.suppress(TypeError, ValueError):
        return f"{float(dots[0]):.0f}x{float(dots[1]):.0f}"
    return ""


def _exif(image: Image.Image) -> dict[int, Any]:
    try:
        return dict(image.getexif())
    except Exception:  # a damaged EXIF block is no news about the picture
        return {}


def _orientation(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


def _words(*values: Any) -> str:
    """Tags as one printable line of at most 60 characters."""
    texts = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values if value]
    line = " ".join("".join(c if c.isprintable() else " " for c in " ".join(texts)).split())
    return line[:60]


def _profile(profile: bytes | None) -> str:
    if not profile:
        return ""
    try:
        return _words(ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))) or "unnamed"
    except Exception:  # a profile that LittleCMS refuses still tells files apart
        return f"damaged, {len(profile)} bytes"


def as_table(facts: list[FileFacts]) -> dict[str, "np.ndarray[Any, Any]"]:
    """Columns by fact: numbers as float64, texts as text."""
    return {name: np.array([getattr(row, name) for row in facts]) for name in FACT_NAMES}
