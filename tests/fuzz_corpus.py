"""Thousands of broken and odd files, the same for the same seed, and a run of `dfdetect scan` over them.

    python -m tests.fuzz_corpus --model model.onnx --face-model yunet.onnx --count 5000 --folder /tmp/fuzz

Every file is made from generated faces. Some are whole and odd, some are mutated at random, some are no files at all.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from dfdetect.data.synthetic import draw_face
from tests.fuzz_bombs import FOREIGN, black_png, png_bombs
from tests.fuzz_mutations import MUTATIONS
from tests.fuzz_seeds import image_seeds, video_seeds

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
MANY = 1000
"""Files from which a corpus holds photos of 100 megapixels in colour too, which take a minute."""
ENDINGS = (".jpg", ".png", ".gif", ".webp", ".tif", ".bmp", ".mp4", ".avi", ".mov", ".webm")


def make_corpus(root: Path, count: int, seed: int = 0) -> dict[str, str]:
    """Fill a folder; returns the kind of each path that a scan of it has to report.

    Folders in it hold files of their own and are not among the paths.
    """
    rng = np.random.default_rng(seed)
    images, videos = image_seeds(), video_seeds()
    large = _large_photos(root) if count >= MANY else {}
    kinds = large | _odd_files(root) | _odd_names(root, images["jpeg.jpg"]) | _no_files(root, images["jpeg.jpg"])
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


def _large_photos(root: Path) -> dict[str, str]:
    """A face of 100 megapixels, grainy as a photo is, in the formats of photos."""
    folder = root / "large"
    folder.mkdir(parents=True)
    face = cv2.resize(draw_face(0, 0, size=400).image, (10_000, 10_000), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).integers(0, 12, (1000, 1000, 1), dtype=np.uint8)
    photo = Image.fromarray(cv2.add(face, np.tile(grain, (10, 10, 3))))
    photo.save(folder / "baseline.jpg", quality=90)
    photo.save(folder / "progressive.jpg", quality=90, progressive=True)
    photo.save(folder / "lossy.webp", quality=80, method=0)
    photo.save(folder / "plain.png", compress_level=1)
    return {str(file): "100 megapixels in colour" for file in folder.iterdir()}


def _odd_files(root: Path) -> dict[str, str]:
    """Files whose content is the trouble: none, text, bombs."""
    folder = root / "odd"
    folder.mkdir(parents=True)
    contents = {
        "zero.jpg": (b"", "zero bytes"),
        "zero.mp4": (b"", "zero bytes"),
        "100-megapixels.png": (black_png(10_000, 10_000), "100 megapixels"),
        "100-megapixels-and-more.png": (black_png(10_001, 10_000), "100 megapixels"),
        "100-megapixels-of-nothing.png": (black_png(10_000, 10_000, rows=10), "100 megapixels"),
        "thin.png": (black_png(100_000, 1), "thin"),
        "high.png": (black_png(1, 60_000), "thin"),
        "dot.png": (black_png(1, 1), "tiny"),
    }
    contents |= {name: (content, "bomb") for name, content in png_bombs().items()}
    contents |= {f"{kind}{ending}": (content, kind) for kind, (ending, content) in FOREIGN.items()}
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
    print(f"longest on the clock: {slowest['seconds']:.2f} s, {slowest['path']!a}")
    print(f"peak memory: {ends['peak'] / 1024:,.0f} MiB")
    print(f"most processor time: {spent[dearest]:.2f} s, {dearest!a}")
    unexpected, slow = _unexpected(found), [path for path in spent if spent[path] > MOST_SECONDS]
    print(f"missing: {missing}; without a cause: {causes}; processor time above {MOST_SECONDS} s: {slow}; unexpected:")
    print(*unexpected, sep="\n")
    sys.stdout.write(said[-2000:])
    return int(bool(missing or causes or unexpected or slow) or done.returncode != 1)


def _unexpected(rows: list[dict[str, str]]) -> list[str]:
    return [
        f"{row['path']!a}: {row['reason']}" for row in rows if row["reason"].startswith(("unexpected", "not finished"))
    ]


if __name__ == "__main__":
    sys.exit(main())
