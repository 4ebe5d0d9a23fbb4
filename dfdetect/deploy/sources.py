"""What a scan is to look at: files, folders, lists, standard input, as a stream in natural order."""

import io
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from dfdetect.data.decode import IMAGE_SUFFIXES
from dfdetect.data.walk import through

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv"}
)
"""File endings, in lower case, that a folder scan takes for videos."""
STANDARD_INPUT = "-"
_LOOKED_AT = 8192
"""Bytes of a list, to tell it from a photo that was named for one."""
_HEAD_BYTES = 400
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"P5\n", b"P6\n")
_PLAYLIST_STARTS = (b"#extm3u", b"ffconcat", b"[playlist]", b"[reference]", b"<asx", b"<smil", b"<mpd")
_XML_START = re.compile(rb"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*", re.DOTALL)
_LOOK_S = 0.05
_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Source:
    """A file to judge, or a place that could not be listed.

    Attributes:
        path: as it is opened and reported.
        problem: why there is nothing to open; empty for a file.
    """

    path: str
    problem: str = ""


@dataclass
class Sources:
    """Files named on the command line, found in folders and listed in files; one pass, nothing held but open folders.

    Attributes:
        paths: files and folders; `-` for paths on standard input.
        lists: files with one path a line; `-` for standard input, too.
        separator: between the paths of a list: a newline, or NUL for names that hold newlines.
        passed_over: after the pass, how many files of a folder are neither image nor video, by ending.
        hidden: and how many hidden names were left out, files and folders.
    """

    paths: Iterable[str]
    lists: Iterable[str] = ()
    separator: Literal["\n", "\0"] = "\n"
    passed_over: Counter[str] = field(default_factory=Counter)
    hidden: int = 0

    def __iter__(self) -> Iterator[Source]:
        for path in self.paths:
            yield from self._listed(path) if path == STANDARD_INPUT else self._named(path)
        for name in self.lists:
            yield from self._listed(name)

    def _named(self, path: str) -> Iterator[Source]:
        if os.path.isdir(path):
            yield from self._folder(path)
        else:
            yield Source(path)

    def _listed(self, name: str) -> Iterator[Source]:
        if name == STANDARD_INPUT:
            # unbuffered: paths are taken as they come, and a thread that waits for more holds no lock of Python's
            yield from self._paths_in(getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
            return
        try:
            stream = open(name, "rb", buffering=0)  # noqa: SIM115 - a context below, so that only opening it is tried
        except OSError as error:
            yield Source(name, f"list cannot be read ({error.strerror})")
            return
        with stream:
            if self.separator == "\n" and os.path.isfile(name):
                if b"\0" in stream.read(_LOOKED_AT):
                    yield Source(name, "no list of paths, one a line; names that end in NUL are read with --null")
                    return
                stream.seek(0)
            yield from self._paths_in(stream)

    def _paths_in(self, stream: BinaryIO | io.RawIOBase) -> Iterator[Source]:
        for path in _split(stream, self.separator.encode()):
            if "\0" in path:
                yield Source(path, "a list of names that end in NUL: --null")
            else:
                yield from self._named(path)

    def _folder(self, root: str) -> Iterator[Source]:
        """Depth first, each folder in natural order; links are followed, hidden names left out."""
        open_folders = [self._places(root, ())]
        while open_folders:
            place = next(open_folders[-1], None)
            if place is None:
                open_folders.pop()
            elif isinstance(place, Source):
                yield place
            else:
                open_folders.append(self._places(*place))

    def _places(self, folder: str, passed: tuple[str, ...]) -> Iterator["Source | tuple[str, tuple[str, ...]]"]:
        """What lies directly in a folder: files, and folders as arguments of this function.

        Of plain files the names are held, and nothing else: a folder may have millions.
        """
        try:
            with os.scandir(folder) as entries:
                listed = [one.name if _is_plain(one) else one for one in entries if self._wants(one)]
        except OSError as error:
            yield Source(folder, f"folder cannot be listed ({error.strerror})")
            return
        listed.sort(key=lambda one: natural(one if isinstance(one, str) else one.name), reverse=True)
        while listed:
            one = listed.pop()
            place = self._file(folder, one) if isinstance(one, str) else self._entry(folder, one, passed)
            if place is not None:
                yield place

    def _wants(self, entry: "os.DirEntry[str]") -> bool:
        if entry.name.startswith("."):
            self.hidden += 1
            return False
        return entry.name != "__MACOSX"

    def _entry(
        self, folder: str, entry: "os.DirEntry[str]", passed: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...]] | Source | None:
        try:
            if entry.is_dir():
                return entry.path, through(entry, passed) if entry.is_symlink() else passed
        except OSError as error:
            return Source(entry.path, error.strerror or str(error))
        return self._file(folder, entry.name)

    def _file(self, folder: str, name: str) -> Source | None:
        ending = os.path.splitext(name)[1].lower()
        if ending in IMAGE_SUFFIXES or ending in VIDEO_SUFFIXES:
            return Source(os.path.join(folder, name))
        self.passed_over[ending] += 1
        return None


def natural(name: str) -> str:
    """A key to sort by under which 9 comes before 10, and capitals beside small letters."""
    parts = _NUMBER.split(name)
    parts[::2] = [f"{part.casefold()}\0" for part in parts[::2]]
    parts[1::2] = [f"{_length(part.lstrip('0'))}{part.lstrip('0') or part}\0" for part in parts[1::2]]
    return f"{''.join(parts)}{name}"


def _length(digits: str) -> str:
    """A character for how many there are, above those for fewer; names are shorter than Unicode is wide."""
    return chr(1 + len(digits))


def _is_plain(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a file and no link, as the folder itself says."""
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def is_video(path: str) -> bool:
    """Whether a file is to be read as a video: by its first bytes, whatever its ending says.

    What has a video's ending and is neither an image nor text is tried as well: it may be damaged. Text is not: a
    playlist names other files and addresses.
    """
    head = _head(path)
    if holds_video(head):
        return True
    named = os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES
    return named and b"\0" in head and not _holds_image(head)


def is_playlist(path: str) -> bool:
    """Whether a file is text that names other files or addresses to play."""
    head = _head(path).removeprefix(_MARK)
    start = _XML_START.match(head)
    return head[start.end() if start else 0 :].lower().startswith(_PLAYLIST_STARTS)


def holds_video(head: bytes) -> bool:
    """Whether a file that begins with `head` is a video container."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return head[8:12] not in _STILL_BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[:1] == b"G" and head[:3] != b"GIF" and len(head) > 376:
        return head[188:189] == b"G" and head[376:377] == b"G"  # MPEG transport stream
    starts = (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x30\x26\xb2\x75")
    return head.startswith(starts)


def _head(path: str) -> bytes:
    """The first bytes of a regular file; none of what cannot be read."""
    try:
        if not os.path.isfile(path):
            return b""
        with open(path, "rb") as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""


def _holds_image(head: bytes) -> bool:
    return head.startswith(_IMAGE_STARTS) or (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS)


def shown(path: str) -> str:
    """A path for a terminal or a page: what could move the cursor, hide or forge text is written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in path)


def _split(stream: BinaryIO | io.RawIOBase, separator: bytes) -> Iterator[str]:
    """Paths of a list, whatever bytes they hold; empty ones and a byte order mark are left out."""
    rest, first = b"", True
    while (chunk := stream.read(65_536)) != b"":
        if chunk is None:  # nothing yet, from a pipe that somebody set to be not waited for
            time.sleep(_LOOK_S)
            continue
        if first:
            chunk, first = chunk.removeprefix(_MARK), False
        *whole, rest = (rest + chunk).split(separator)
        yield from (os.fsdecode(path) for path in map(_without_return, whole) if path)
    if path := _without_return(rest):
        yield os.fsdecode(path)


def _without_return(path: bytes) -> bytes:
    return path.removesuffix(b"\r")
