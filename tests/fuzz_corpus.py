"""Thousands of broken and odd files, the same for the same seed, and a run of `dfdetect scan` over them.

    python -m tests.fuzz_corpus --model model.onnx --face-model yunet.onnx --count 5000 --folder /tmp/fuzz

Every file is made from generated faces. Some are whole and odd, some are mutated at random, some are no files at all.
"""

import argparse
import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.fuzz_seeds import image_seeds, video_seeds

Rng = np.random.Generator
_SCAN = """
import json, sys
from dfdetect.main import main
from tests.fuzz_corpus import MEASURED, measured
spent = measured()
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM")).split()[1]
sys.stderr.write(MEASURED + json.dumps({"peak": int(peak), "spent": spent}))
sys.exit(code)
"""
"""The command, with the most memory that it held, in KiB, and each file's processor time as its last word."""
MEASURED = "measured:"
MOST_SECONDS = 10
"""Of one file, as processor time of its thread: what else runs on the machine does not count. A thread that waits for
something that does not come is given up by the scan itself."""
ENDINGS = (".jpg", ".png", ".gif", ".webp", ".tif", ".bmp", ".mp4", ".avi", ".mov", ".webm")


def flip_bits(content: bytes, rng: Rng) -> bytes:
    data = bytearray(content)
    for place in rng.integers(len(data), size=int(rng.integers(1, 64))):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def flip_header(content: bytes, rng: Rng) -> bytes:
    return flip_bits(content[:200], rng) + content[200:]


def cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(1, len(content)))]


def cut_start(content: bytes, rng: Rng) -> bytes:
    return content[int(rng.integers(1, len(content))) :]


def blank(content: bytes, rng: Rng) -> bytes:
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 4096))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def drop(content: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + content[start + int(rng.integers(1, 512)) :]


def insert(content: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + rng.bytes(int(rng.integers(1, 512))) + content[start:]


def large_number(content: bytes, rng: Rng) -> bytes:
    """A length or size somewhere that promises far too much."""
    start = int(rng.integers(max(1, min(len(content), 1024) - 4)))
    numbers = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\0\0")
    return content[:start] + numbers[int(rng.integers(3))] + content[start + 4 :]


MUTATIONS: dict[str, Callable[[bytes, Rng], bytes]] = {
    "bits flipped": flip_bits,
    "bits of the header flipped": flip_header,
    "truncated": cut,
    "start missing": cut_start,
    "blanked": blank,
    "bytes dropped": drop,
    "bytes inserted": insert,
    "large number": large_number,
}


def make_corpus(root: Path, count: int, seed: int = 0) -> dict[str, str]:
    """Fill a folder; returns the kind of each path that a scan of it has to report.

    Folders in it hold files of their own and are not among the paths.
    """
    rng = np.random.default_rng(seed)
    images, videos = image_seeds(), video_seeds()
    kinds = _odd_files(root) | _odd_names(root, images["jpeg.jpg"]) | _no_files(root, images["jpeg.jpg"])
    whole = root / "whole"
    whole.mkdir(parents=True)
    for name, content in (images | videos).items():
        kinds |= _put(whole / name, content, f"whole {'video' if name in videos else 'image'}")
    mutated = root / "mutated"
    mutated.mkdir()
    names = [*images, *images, *videos]  # two images to a video
    for number in range(max(0, count - len(kinds))):
        source = names[int(rng.integers(len(names)))]
        content = (images | videos)[source]
        how = list(MUTATIONS)[number % (len(MUTATIONS) + 1)] if number % (len(MUTATIONS) + 1) < len(MUTATIONS) else ""
        ending = Path(source).suffix if how else str(rng.choice(ENDINGS))
        kind = f"{'video' if source in videos else 'image'}, {how or 'wrong ending'}"
        changed = MUTATIONS[how](content, rng) if how else content
        kinds |= _put(mutated / f"{number:05d}-{Path(source).stem}{ending}", changed, kind)
    return kinds


def _put(path: Path, content: bytes, kind: str) -> dict[str, str]:
    path.write_bytes(content)
    return {str(path): kind}


def _odd_files(root: Path) -> dict[str, str]:
    """Files whose content is the trouble: none, text, bombs."""
    folder = root / "odd"
    folder.mkdir(parents=True)
    contents = {
        "zero.jpg": (b"", "zero bytes"),
        "zero.mp4": (b"", "zero bytes"),
        "text.png": (b"This is no picture.\n" * 40, "text"),
        "playlist.mp4": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n\0" * 9, "playlist"),
        "concat.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n\0" * 9, "playlist"),
        "archive.jpg": (b"PK\x05\x06" + bytes(18), "an archive"),
        "bomb-900-megapixels.png": (_png(30_000, 30_000), "bomb"),
        "bomb-4-gigapixels.png": (_png(65_535, 65_535, rows=1000), "bomb"),
        "bomb-text.png": (_png(64, 64, text=50_000_000), "bomb"),
        "bomb-profile.png": (_png(64, 64, text=50_000_000, chunk=b"iCCP"), "bomb"),
        "100-megapixels.png": (_png(10_000, 10_000), "100 megapixels"),
        "100-megapixels-and-more.png": (_png(10_001, 10_000), "100 megapixels"),
        "100-megapixels-of-nothing.png": (_png(10_000, 10_000, rows=10), "100 megapixels"),
        "thin.png": (_png(100_000, 1), "thin"),
        "high.png": (_png(1, 60_000), "thin"),
        "dot.png": (_png(1, 1), "tiny"),
    }
    kinds: dict[str, str] = {}
    for name, (content, kind) in contents.items():
        kinds |= _put(folder / name, content, kind)
    return kinds


def _odd_names(root: Path, photo: bytes) -> dict[str, str]:
    folder = root / "names"
    folder.mkdir()
    names = [
        "new\nline.jpg",
        "\x1b[31mred.jpg",
        "smile-😀.jpg",
        "-dash.jpg",
        "--json.jpg",
        "a'b\"c.jpg",
        "with,comma.jpg",
    ]
    names += ["%s%n.jpg", "x" * 250 + ".jpg", " .jpg", "right\u202egnp.jpg", "ümlaut.JPG", "two\r\nlines.jpg"]
    kinds: dict[str, str] = {}
    for name in names:
        kinds |= _put(folder / name, photo, "odd name")
    with contextlib.suppress(OSError):  # not every file system takes such a name
        with open(os.fsencode(folder) + b"/not-\xff\xfe-text.jpg", "wb") as stream:
            stream.write(photo)
        kinds[os.fsdecode(os.fsencode(folder) + b"/not-\xff\xfe-text.jpg")] = "odd name"
    return kinds


def _no_files(root: Path, photo: bytes) -> dict[str, str]:
    """What has a photo's name and is something else."""
    folder = root / "no-files"
    (folder / "folder.jpg" / "deeper.mp4").mkdir(parents=True)
    kinds = _put(folder / "folder.jpg" / "deeper.mp4" / "photo.jpg", photo, "in a folder named .jpg")
    (folder / "empty.png").mkdir()
    hidden = folder / "unreadable.jpg"
    kinds |= _put(hidden, photo, "unreadable")
    hidden.chmod(0)
    if os.name == "posix":
        os.mkfifo(folder / "pipe.jpg")
        os.symlink("missing.jpg", folder / "dangling.jpg")
        os.symlink("round.jpg", folder / "round.jpg")
        os.symlink("/dev/zero", folder / "device.jpg")
        os.symlink(".", folder / "circle.jpg")
        odd = ("pipe.jpg", "dangling.jpg", "round.jpg", "device.jpg", "circle.jpg")
        kinds |= {str(folder / name): "pipe, device or bad link" for name in odd}
    return kinds


def _png(width: int, height: int, rows: int | None = None, text: int = 0, chunk: bytes = b"zTXt") -> bytes:
    """A black one-bit PNG that names its size truly and holds `rows` of its rows, with `text` zeros in a chunk."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(line) for _ in range(height if rows is None else rows)) + packer.flush()
    extra = part(chunk, b"name\0\0" + zlib.compress(bytes(text), 9)) if text else b""
    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + part(b"IDAT", data) + part(b"IEND", b"")


@contextlib.contextmanager
def vanishing(folder: Path, photo: bytes, count: int) -> Iterator[dict[str, str]]:
    """Files of which every second one is removed, cut short or replaced by a folder while the block runs."""
    folder.mkdir(parents=True)
    kinds: dict[str, str] = {}
    for number in range(count):
        kinds |= _put(folder / f"{number:04d}.jpg", photo, "vanishing")
    stopped = threading.Event()

    def meddle() -> None:
        for number in range(0, count, 2):
            file = folder / f"{number:04d}.jpg"
            with contextlib.suppress(OSError):
                if number % 3 == 0:
                    os.truncate(file, 100)
                else:
                    file.unlink()
                if number % 3 == 1:
                    file.mkdir()
            if stopped.wait(0.002):
                return

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        yield kinds
    finally:
        stopped.set()
        thread.join()


def measured() -> dict[str, float]:
    """Have `dfdetect scan` measure, in this process; filled with each file's seconds of processor time."""
    from dfdetect.deploy import scan

    spent, judge = {}, scan.judge

    def timed(source, *others):
        start = time.thread_time()
        try:
            return judge(source, *others)
        finally:
            spent[source.path] = time.thread_time() - start

    scan.judge = timed
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--face-model", required=True)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="made anew")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    kinds = make_corpus(options.folder / "corpus", options.count, options.seed)
    rows = options.folder / "rows.jsonl"
    command = [sys.executable, "-c", _SCAN, "scan", str(options.folder / "corpus"), "--out", str(rows)]
    command += [
        "--model",
        options.model,
        "--face-model",
        options.face_model,
        "--html",
        str(options.folder / "page.html"),
    ]
    start = time.monotonic()
    with vanishing(options.folder / "corpus" / "vanishing", image_seeds()["jpeg.jpg"], 200) as more:
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return _tell(kinds | more, rows, done, time.monotonic() - start)


def _tell(kinds: dict[str, str], rows: Path, done: "subprocess.CompletedProcess[bytes]", seconds: float) -> int:
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in found:
        counts[kinds.get(row["path"], "not expected")][row["verdict"]] += 1
    for kind in sorted(counts):
        print(f"{kind:<36}{sum(counts[kind].values()):>6}  {dict(counts[kind])}")
    gone = {path for path, kind in kinds.items() if kind == "vanishing"}  # one that is a folder by now has no row
    missing = [path for path in kinds if path not in {row["path"] for row in found} | gone]
    causes = [row["path"] for row in found if row["verdict"] == "error" and not row["reason"]]
    said, _, last = done.stderr.decode(errors="replace").rpartition(MEASURED)
    ends = json.loads(last)
    slowest, spent = max(found, key=lambda row: row["seconds"]), ends["spent"]
    dearest = max(spent, key=lambda path: spent[path])
    print(f"{len(found):,} rows of {len(kinds):,} files in {seconds:.0f} s, exit code {done.returncode}")
    print(f"slowest: {slowest['seconds']:.2f} s, {slowest['path']!a}; peak memory {ends['peak'] / 1024:,.0f} MiB")
    print(f"most processor time: {spent[dearest]:.2f} s, {dearest!a}")
    unexpected, slow = _unexpected(found), [path for path in spent if spent[path] > MOST_SECONDS]
    print(f"missing: {missing}; without a cause: {causes}; above {MOST_SECONDS} s: {slow}; unexpected errors:")
    print(*unexpected, sep="\n")
    sys.stdout.write(said[-2000:])
    return int(bool(missing or causes or unexpected or slow) or done.returncode != 1)


def _unexpected(rows: list[dict[str, str]]) -> list[str]:
    return [
        f"{row['path']!a}: {row['reason']}" for row in rows if row["reason"].startswith(("unexpected", "not finished"))
    ]


if __name__ == "__main__":
    sys.exit(main())
