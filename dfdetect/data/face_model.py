"""The face detector's file: named by the user, or fetched once, checked, and kept in the user's cache folder."""

import hashlib
from pathlib import Path

from dfdetect.data.cache import default_cache_folder
from dfdetect.data.yunet import check_model
from dfdetect.errors import DownloadError, UsageError
from dfdetect.files import replacing, sha256_of

URL = (
    "https://github.com/opencv/opencv_zoo/raw/82b38c8f98e7b52aa171400f3e4c722352d0669f"
    "/models/face_detection_yunet/face_detection_yunet_2023mar.onnx"
)
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
"""Of the 232,589 bytes that OpenCV's model zoo publishes, under the MIT licence."""
_WITHOUT = "judge whole pictures: --faces off"
_MOST_BYTES, _SECONDS = 5_000_000, 30


def face_model(named: str | None, without: str = _WITHOUT) -> str:
    """A YuNet file that can be used: `named`, else the cached one, else a fresh download.

    Args:
        named: its file; None for the cached one.
        without: how to go on without it, for the message.

    Raises:
        UsageError: the named file is not there, or no YuNet model.
        DownloadError: it had to be fetched and could not be.
    """
    if named is None:
        file = str(cached_model(without=without))
    elif Path(named).is_file():
        file = named
    else:
        raise UsageError(f"Face model {named}: no such file (named by --face-model or $DFDETECT_FACE_MODEL)")
    check_model(file)
    return file


def face_model_at_hand(named: str | None) -> str | None:
    """The same without a download: `named`, else the cached one; None where there is neither.

    Raises:
        UsageError: the named file is not there, or no YuNet model.
    """
    return face_model(named) if named is not None or _is_whole(_place(None), SHA256) else None


def cached_model(folder: Path | None = None, url: str = URL, sha256: str = SHA256, without: str = _WITHOUT) -> Path:
    """The official model in a cache folder, fetched if it is not there or not whole.

    Args:
        folder: the cache; None for the user's own (`$DFDETECT_CACHE`).
        url: where it is published.
        sha256: of its content; anything else is refused.
        without: how to go on without it, for the message.

    Raises:
        DownloadError: no connection, or other content; the message names the ways on.
    """
    file = _place(folder)
    try:
        if _is_whole(file, sha256):
            return file
        content = _fetch(url)
        if (found := hashlib.sha256(content).hexdigest()) != sha256:
            raise ValueError(f"its SHA-256 is {found[:16]}..., not {sha256[:16]}...")
        with replacing(file) as temporary:
            temporary.write_bytes(content)
    except (OSError, ValueError) as error:  # URLError, timeouts and HTTP errors are OSErrors
        raise DownloadError(
            f"{url} could not be fetched into {file} ({error}).\nThree ways on:\n"
            "  1. go online and run the same command again\n"
            "  2. download the file elsewhere and name it: --face-model FILE, or in $DFDETECT_FACE_MODEL\n"
            f"  3. {without}"
        ) from error
    return file


def _place(folder: Path | None) -> Path:
    return (folder or default_cache_folder()) / "models" / "face_detection_yunet_2023mar.onnx"


def _is_whole(file: Path, sha256: str) -> bool:
    return file.is_file() and sha256_of(file) == sha256


def _fetch(url: str) -> bytes:
    from http.client import HTTPException  # here: the web's modules cost a tenth of a cold start
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - the address is ours, the content is checked
            content: bytes = answer.read(_MOST_BYTES + 1)
    except HTTPException as error:  # cut off in the middle
        raise OSError(f"{type(error).__name__}: {error}") from error
    if len(content) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES:,} bytes came")
    return content
