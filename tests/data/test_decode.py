"""Any image file becomes the RGB pixels a viewer shows, or one typed error; never a crash, never a warning."""

import io
import os
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.cache import Decoder, DiskStore
from dfdetect.data.decode import MAX_PIXELS, decode
from dfdetect.data.identity import file_identity
from dfdetect.errors import DecodeError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


def noise(height=24, width=40, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(image: Image.Image, kind="PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def jpeg() -> bytes:
    return encoded(Image.fromarray(noise(64, 64)), "JPEG", quality=90)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width=20_000, height=20_000) -> bytes:
    """A PNG of a few bytes whose header claims a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b""))
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF", "AVIF"])
def test_ordinary_files_have_pillows_pixels(kind, tmp_path):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    file = tmp_path / f"photo.{kind.lower()}"
    file.write_bytes(encoded(Image.fromarray(noise()), kind))
    with Image.open(file) as image:
        expected = np.asarray(image.convert("RGB"))
    pixels = decode(file)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(decode(str(file)), expected)
    np.testing.assert_array_equal(decode(file.read_bytes()), expected)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied(orientation):
    stored = noise(12, 20)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    pixels = decode(encoded(Image.fromarray(stored), "PNG", exif=exif))
    np.testing.assert_array_equal(pixels, UPRIGHT[orientation](stored))


@pytest.mark.parametrize("damage", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM"])
def test_damaged_exif_leaves_the_pixels_as_stored(damage):
    image = Image.fromarray(noise())
    np.testing.assert_array_equal(decode(encoded(image, "JPEG", exif=damage)), decode(encoded(image, "JPEG")))


def test_palette():
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    image.putdata([2, 0, 1])
    np.testing.assert_array_equal(decode(encoded(image)), [[BLUE, RED, GREEN]])


def test_one_bit():
    bits = np.array([[0, 1, 1], [1, 0, 0]], bool)
    pixels = decode(encoded(Image.fromarray(bits)))
    np.testing.assert_array_equal(pixels, np.repeat(bits[..., None] * np.uint8(255), 3, axis=2))


def test_eight_bit_grey():
    grey = noise(5, 7, 1)[..., 0]
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_range(kind):
    deep = np.array([[0, 255, 256, 32768, 65279, 65535]], np.uint16)
    pixels = decode(encoded(Image.fromarray(deep), kind))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 128, 254, 255])
    assert (pixels == pixels[..., :1]).all()


def test_cmyk_jpeg():
    image = Image.fromarray(noise(32, 32)).convert("CMYK")
    data = encoded(image, "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as stored:
        assert stored.mode == "CMYK"
        expected = np.asarray(stored.convert("RGB"))
    np.testing.assert_array_equal(decode(data), expected)


def test_floating_point_is_refused():
    with pytest.raises(DecodeError, match="floating-point"):
        decode(encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"))


def transparent(mode: str) -> tuple[Image.Image, tuple[int, int, int]]:
    """Two pixels, the left one invisible and dark underneath, the right one opaque; and the right one's colour."""
    if mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 0, *RED])
        image.putdata([0, 1])
        image.info["transparency"] = 0
        return image, RED
    if mode == "LA":
        return Image.fromarray(np.array([[[0, 0], [90, 255]]], np.uint8)), (90, 90, 90)
    if mode == "RGB":
        image = Image.fromarray(np.array([[[0, 0, 0], RED]], np.uint8))
        image.info["transparency"] = (0, 0, 0)
        return image, RED
    return Image.fromarray(np.array([[[0, 0, 0, 0], [*RED, 255]]], np.uint8)), RED


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparent_pixels_are_laid_on_white(mode):
    image, opaque = transparent(mode)
    assert image.mode == mode
    data = encoded(image, "PNG", **{k: v for k, v in image.info.items() if k == "transparency"})
    np.testing.assert_array_equal(decode(data), [[WHITE, opaque]])


def test_half_transparent_pixels_are_mixed_with_white():
    pixels = decode(encoded(Image.fromarray(np.array([[[0, 0, 0, 128]]], np.uint8))))
    assert 126 <= pixels[0, 0, 0] <= 128


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_several_is_taken(kind):
    frames = [Image.new("RGB", (8, 6), color) for color in (RED, GREEN, BLUE)]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless))
    assert pixels.shape == (6, 8, 3)
    assert (pixels == RED).all()


def text_file() -> bytes:
    return b"this is no picture\n" * 50


def corrupt_png() -> bytes:
    data = bytearray(encoded(Image.fromarray(noise(64, 64))))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    return bytes(data)


BROKEN = {
    "empty": (b"", "empty file"),
    "text": (text_file(), "not an image"),
    "zeros": (bytes(4096), "not an image"),
    "truncated jpeg": (jpeg()[: len(jpeg()) // 2], "truncated|damaged"),
    "jpeg header alone": (jpeg()[:20], "damaged|not an image"),
    "truncated png": (encoded(Image.fromarray(noise(64, 64)))[:-500], "damaged"),
    "corrupt png": (corrupt_png(), "damaged"),
    "truncated webp": (encoded(Image.fromarray(noise(64, 64)), "WEBP")[:200], "damaged"),
    "truncated gif": (encoded(Image.fromarray(noise(64, 64)), "GIF")[:900], "damaged"),
}


@pytest.mark.parametrize(("data", "cause"), BROKEN.values(), ids=BROKEN)
def test_broken_files_raise_one_error_that_names_file_and_cause(data, cause, tmp_path):
    file = tmp_path / "face 01.jpg"
    file.write_bytes(data)
    with pytest.raises(DecodeError, match=cause) as from_file:
        decode(file)
    assert from_file.value.name == str(file)
    assert str(from_file.value) == f"{file}: {from_file.value.cause}"
    assert "\n" not in str(from_file.value)
    with pytest.raises(DecodeError, match=f"^<bytes>: .*({cause})"):
        decode(data)
    with pytest.raises(DecodeError, match=r"^upload\.png: "):
        decode(data, name="upload.png")


def from_cache(path: str):
    return DiskStore(Decoder(32)).load(0, path)


@pytest.mark.parametrize("read", [decode, file_identity, from_cache])
@pytest.mark.parametrize("name", ["nowhere.jpg", "folder.jpg", "pipe.jpg", "nul\0byte.jpg", "x" * 300 + ".jpg"])
def test_what_is_no_file_raises_the_same_error(name, read, tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for ever
    with pytest.raises(DecodeError) as caught:
        read(str(tmp_path / name))
    assert caught.value.cause
    assert caught.value.name == str(tmp_path / name)
    assert (caught.value.cause == "no such file") == (name == "nowhere.jpg")


def test_pixel_bomb_is_refused_before_its_pixels_are_decoded():
    assert len(bomb()) < 100
    with pytest.raises(DecodeError, match="too large"):
        decode(bomb())
    with pytest.raises(DecodeError, match=rf"too large: 11000 x 10000 is more than {MAX_PIXELS:,} pixels"):
        decode(bomb(11_000, 10_000))


def test_size_limit_is_inclusive_and_adjustable():
    data = encoded(Image.fromarray(noise(24, 40)))
    assert decode(data, max_pixels=960).shape == (24, 40, 3)
    with pytest.raises(DecodeError, match="too large: 40 x 24"):
        decode(data, max_pixels=959)


def test_page_descriptions_never_reach_an_interpreter(monkeypatch):
    """Pillow hands PostScript to the Ghostscript program: not with files of strangers."""
    started = []
    monkeypatch.setattr("subprocess.check_call", lambda *a, **k: started.append(a))
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    with pytest.raises(DecodeError):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    assert not started


def test_no_warning_leaks_and_the_callers_filters_stay():
    palette = Image.new("P", (2, 2))
    palette.putpalette([0, 0, 0, *RED])
    data = encoded(palette, transparency=b"\x00\x80")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        decode(data)
        with pytest.raises(DecodeError):
            decode(bomb(10_000, 9_999))  # Pillow itself only warns of this size
        before = list(warnings.filters)
        decode(data)
        assert warnings.filters == before
    assert not seen


def test_decode_error_travels_between_processes():
    error = DecodeError("a/b.jpg", "empty file")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.name, copy.cause, str(copy)) == (
        DecodeError,
        "a/b.jpg",
        "empty file",
        "a/b.jpg: empty file",
    )


def test_path_is_not_kept_open(tmp_path):
    file = Path(tmp_path / "a.png")
    file.write_bytes(corrupt_png())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(DecodeError):
            decode(file)
