"""The one decoder: any image file becomes RGB uint8 pixels, or raises one typed error that names file and cause.

Training, scanning and the web page all use it, so a photo has the same pixels everywhere. Pillow does the work; this
module settles what Pillow leaves open: orientation, transparency, deep greyscale, animation, size limits, errors.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from dfdetect.data.identity import look_at
from dfdetect.errors import DecodeError, TooLargeError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before their pixels are decoded (300 MB as RGB): a guard against decompression bombs."""

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm"}
)
"""File endings, in lower case, that a folder scan takes for images."""

FORMATS = ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM"]
"""What a file may hold, whatever its ending says. Pillow knows more, and runs Ghostscript on some of it."""
if find_spec("PIL.AvifImagePlugin"):  # since Pillow 11.3
    FORMATS.append("AVIF")

_DEEP_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def decode(
    source: str | Path | bytes,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    opened: Callable[[Image.Image], None] = lambda image: None,
) -> npt.NDArray[np.uint8]:
    """Decode one image.

    EXIF orientation is applied; palette, greyscale, 16-bit, CMYK and YCbCr become RGB; transparent pixels are laid on
    white, as a viewer shows them; of an animation the first frame is taken. Colour profiles are not applied.

    Args:
        source: a path, or the encoded bytes.
        name: how errors call it; by default the path.
        max_pixels: width x height above which the picture is refused.
        opened: called with the picture when its size is known and fits, before its pixels are decoded.

    Returns:
        (H, W, 3) RGB uint8, C-contiguous.

    Raises:
        DecodeError: the file is missing, a folder or pipe, empty, truncated, damaged or not an image; `TooLargeError`
            for one of more pixels.
    """
    name = name or ("<bytes>" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        look_at(source, name)
    with _explained(source, name, max_pixels):
        image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    with image:
        _check_size(image, name, max_pixels)
        opened(image)
        with _explained(source, name, max_pixels):
            return np.ascontiguousarray(_to_rgb(_upright(image)), dtype=np.uint8)


@contextmanager
def _explained(source: str | Path | bytes, name: str, max_pixels: int) -> Iterator[None]:
    """Whatever Pillow raises in the block becomes a `DecodeError` that says what is wrong with the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DecodeError:
        raise
    except UnidentifiedImageError:
        raise DecodeError(name, _why_unidentified(source)) from None
    except Image.DecompressionBombError:
        raise TooLargeError(name, f"too large: more than {max_pixels:,} pixels") from None
    except FileNotFoundError:
        raise DecodeError(name, "no such file") from None
    except PermissionError:
        raise DecodeError(name, "may not be read (permission denied)") from None
    except Exception as error:  # Pillow's plugins raise SyntaxError, struct.error, zlib.error and more on damaged files
        raise DecodeError(name, f"damaged or unsupported ({error or type(error).__name__})") from error


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise TooLargeError(name, f"too large: {image.width} x {image.height} is more than {max_pixels:,} pixels")


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    with suppress(Exception):  # a damaged EXIF block says nothing about the pixels: they stay as they are stored
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_rgb(image: Image.Image) -> Image.Image | npt.NDArray[np.uint8]:
    if image.mode in _DEEP_GREY:
        grey = np.asarray(image, dtype=np.int64)
        grey8 = np.clip(grey >> 8, 0, 255).astype(np.uint8)
        return np.repeat(grey8[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


def _why_unidentified(source: str | Path | bytes) -> str:
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    return "empty file" if size == 0 else "not an image of a known kind, or damaged at its start"
