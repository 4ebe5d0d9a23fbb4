"""Decoded, resized uint8 pixels kept between epochs, on disk or in memory.

The cache answers one question, "the pixels of this file at this size and crop", and is never wrong about it: an entry
names the file's size and times, so a changed file is seen, and it appears in one atomic rename, so any number of
workers and processes may share the folder and be killed at any moment.
"""

import contextlib
import hashlib
import os
import shutil
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import platformdirs

from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.face_crop import Cut, FaceCutter
from dfdetect.data.identity import Identity, file_identity
from dfdetect.data.resize import METHOD, Crop, resize

CacheMode = Literal["off", "ram", "disk"]
CACHE_MODES: tuple[str, ...] = get_args(CacheMode)
Pixels = npt.NDArray[np.uint8]

_HEADER = struct.Struct("<4sIqqq")
_MAGIC = b"dfd1"
_FREE_SHARE = 0.9
"""A cache that would fill more than this share of the free disk is not begun."""


class PixelStore(Protocol):
    """Where a dataset gets the pixels of one image from."""

    def load(self, index: int, path: str) -> Pixels:
        """(size, size, 3) uint8 of one file; raises `DecodeError`."""
        ...


@dataclass(frozen=True)
class Decoder:
    """`cache: off`: decode and resize every time. The other stores fall back on it.

    Attributes:
        size: side of the result in pixels.
        crop: crop policy of `dfdetect.data.resize`.
        normalise_encoding: JPEG quality that every picture is re-encoded with before it is resized; None for none.
        faces: for the crop `face`, what cuts the face out of a picture, before all else; None for pictures of which
            that was done already.
    """

    size: int
    crop: Crop = "resize"
    normalise_encoding: int | None = None
    faces: FaceCutter | None = None

    def load(self, index: int, path: str) -> Pixels:
        """(size, size, 3) uint8 of one file; raises `DecodeError`."""
        return self._to_size(self.cut(decode(path), path).pixels, path)

    def prepare(self, image: Pixels, name: str) -> Pixels:
        """(H, W, 3) uint8 as decoded to (size, size, 3); `name` is how a `DecodeError` calls it."""
        return self._to_size(self.cut(image).pixels, name)

    def cut(self, image: Pixels, file: str | None = None) -> Cut:
        """The part of a picture that is re-encoded and brought to size: the square around its face, or all of it.

        Args:
            image: (H, W, 3) RGB uint8.
            file: that these are the unchanged pixels of, in which the face may be known already.
        """
        return Cut(image, 0, 0) if self.faces is None else self.faces(image, file)

    def _to_size(self, image: Pixels, name: str) -> Pixels:
        if self.normalise_encoding is not None:
            image = reencode(image, self.normalise_encoding, name)
        return resize(image, self.size, self.crop)

    def recipe(self) -> str:
        """What it does to a picture, as a folder name."""
        encoding = "" if self.normalise_encoding is None else f"-jpeg{self.normalise_encoding}"
        faces = "" if self.faces is None else self.faces.recipe()
        return f"{self.crop}-{self.size}{encoding}{faces}"


class RamStore:
    """`cache: ram`: one block of shared memory that all workers fill and read.

    Args:
        decoder: makes the pixels of a file that is not held yet.
        count: number of images.
    """

    def __init__(self, decoder: Decoder, count: int) -> None:
        import torch  # here alone, so that `dfdetect cache` answers at once

        self.decoder = decoder
        self.pixels = torch.empty((count, decoder.size, decoder.size, 3), dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]
        self.identities = torch.full((count, 3), -1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    def load(self, index: int, path: str) -> Pixels:
        """(size, size, 3) uint8 of one file; raises `DecodeError`."""
        identity, held = file_identity(path), self.identities[index].numpy()
        pixels: Pixels = self.pixels[index].numpy()
        if not np.array_equal(held, identity):
            pixels[...] = self.decoder.load(index, path)
            held[...] = identity  # last, so that a reader never trusts half-written pixels
        return pixels


class DiskStore:
    """`cache: disk`: one small file an image in the user's cache folder.

    Args:
        decoder: makes the pixels of a file that is not held yet.
        folder: cache folder; default `default_cache_folder()`.
    """

    def __init__(self, decoder: Decoder, folder: Path | None = None) -> None:
        self.decoder = decoder
        self.folder = pixel_folder(folder) / decoder.recipe()
        self.writable = True

    def load(self, index: int, path: str) -> Pixels:
        """(size, size, 3) uint8 of one file; raises `DecodeError`."""
        identity = file_identity(path)
        entry = entry_path(self.folder, path)
        pixels = self._read(entry, identity)
        if pixels is None:
            pixels = self.decoder.load(index, path)
            self._write(entry, identity, pixels)
        return pixels

    def _read(self, entry: str, identity: Identity) -> Pixels | None:
        size = self.decoder.size
        try:
            with open(entry, "rb") as stream:
                data = bytearray(stream.read())
        except OSError:
            return None
        if len(data) != _HEADER.size + size * size * 3 or _HEADER.unpack_from(data) != (_MAGIC, size, *identity):
            return None
        return np.frombuffer(data, np.uint8, offset=_HEADER.size).reshape(size, size, 3)

    def _write(self, entry: str, identity: Identity, pixels: Pixels) -> None:
        if not self.writable:
            return
        temporary = f"{entry}.{os.getpid()}.part"
        try:
            os.makedirs(os.path.dirname(entry), exist_ok=True)
            with open(temporary, "wb") as stream:
                stream.write(_HEADER.pack(_MAGIC, self.decoder.size, *identity))
                stream.write(pixels.tobytes())
            os.replace(temporary, entry)
        except OSError as error:  # a full or read-only disk costs speed, never the run
            self.writable = False
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            warnings.warn(
                f"The pixel cache in {self.folder} cannot be written ({error}); going on without it", stacklevel=2
            )


def open_store(mode: CacheMode, decoder: Decoder, count: int, folder: Path | None = None) -> PixelStore:
    """The store for `data.cache`, for `count` images; a disk without room for it gives no cache, and a warning."""
    if mode == "ram":
        return RamStore(decoder, count)
    if mode == "off":
        return decoder
    store = DiskStore(decoder, folder)
    needed, free = count * decoder.size**2 * 3, _free_bytes(store.folder)
    if needed > _FREE_SHARE * free and needed > _FREE_SHARE * free + cache_usage(folder).bytes:
        warnings.warn(
            f"No pixel cache: {count} images need {needed / 2**30:.1f} GiB and {store.folder} has "
            f"{free / 2**30:.1f} GiB free. Name a larger disk with --data.cache_dir, or set --data.cache off",
            stacklevel=2,
        )
        return decoder
    return store


def default_cache_folder() -> Path:
    """`$DFDETECT_CACHE`, or the user's cache folder of this system."""
    return Path(os.environ.get("DFDETECT_CACHE") or platformdirs.user_cache_path("dfdetect"))


def pixel_folder(folder: Path | None = None) -> Path:
    """Where the pixels lie below a cache folder."""
    return (folder or default_cache_folder()) / "pixels"


@dataclass(frozen=True)
class CacheUsage:
    """What a pixel cache holds.

    Attributes:
        files: number of entries, unfinished ones included.
        bytes: their size.
    """

    files: int
    bytes: int


def cache_usage(folder: Path | None = None) -> CacheUsage:
    """Count the entries of a pixel cache."""
    sizes = []
    for path in pixel_folder(folder).glob("*/*/*"):
        with contextlib.suppress(OSError):  # another process may replace or clear it right now
            sizes.append(path.stat().st_size)
    return CacheUsage(len(sizes), sum(sizes))


def clear_cache(folder: Path | None = None) -> CacheUsage:
    """Remove a pixel cache, also while others use it: they decode again. Returns what it held."""
    held = cache_usage(folder)
    shutil.rmtree(pixel_folder(folder), ignore_errors=True)
    return held


def entry_path(folder: Path, path: str) -> str:
    """Where what is made of the file at `path` is kept in a folder of the cache."""
    key = hashlib.blake2b(f"{METHOD}\0{os.path.abspath(path)}".encode(), digest_size=16).hexdigest()
    return os.path.join(folder, key[:2], key[2:])


def _free_bytes(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
