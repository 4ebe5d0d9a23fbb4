"""What `dfdetect scan` costs: cold start, photos a second beside a plain loop in PyTorch, frames a second, memory.

python benchmarks/scan.py --model model.onnx --checkpoint best.ckpt --face-model yunet.onnx [--photos DIR]

Photos: generated faces of 600 x 600 pixels, or a folder. The plain loop decodes, finds, cuts out and judges the same
faces one photo after the other, with the checkpoint in PyTorch eager on as many threads as there are cores. Both take
turns, a fifth of the photos each, so that other work on the machine meets both alike. Video: 10 s at 640 x 480 with
three moving generated faces, read, judged, tracked, drawn and written. Camera: the same pictures, already read, judged,
recorded and looked at by a viewer, as fast as they are taken; and played at 25 a second.
Memory: the process's peak over few and many files. Figures of a machine that does other work are no figures.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from dfdetect.data.synthetic import draw_face
from dfdetect.deploy import Detector
from dfdetect.deploy.crew import Crew
from dfdetect.deploy.drawing import as_jpeg
from dfdetect.deploy.engines.engine import usable_cores
from dfdetect.deploy.film import annotated_copy, open_film
from dfdetect.deploy.live import watch
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.live_session import Session, recording
from dfdetect.deploy.photos import Settings, scan_photo
from dfdetect.deploy.sources import Sources
from dfdetect.deploy.video import scan_video

FRAMES, RATE, TURNS = 250, 25.0, 5
_LINKS = 50_000
"""To one file: file systems allow about 65,000."""


def cold_start(options: argparse.Namespace, photo: str) -> tuple[float, float]:
    """Seconds from the command to its first row, and to its end; medians of five."""
    command = [sys.executable, "-m", "dfdetect", "scan", photo, "--json", "--model", options.model]
    command += ["--face-model", options.face_model]
    first, whole = [], []
    for _ in range(TURNS):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.readline()
            first.append(time.perf_counter() - start)
            process.wait()
        whole.append(time.perf_counter() - start)
    return statistics.median(first), statistics.median(whole)


def photos_a_second(options: argparse.Namespace, photos: list[str]) -> tuple[float, float]:
    """Of the scan's threads, and of the plain loop."""
    cores = usable_cores()
    exported = Settings(Detector.load(options.model, threads=1), options.face_model)
    eager = Settings(Detector.load(options.checkpoint, threads=cores), options.face_model)
    for settings in (exported, eager):
        scan_photo(photos[0], settings)
    seconds = [0.0, 0.0]
    for turn in range(TURNS):
        share = photos[turn::TURNS]
        cv2.setNumThreads(1)
        start = time.perf_counter()
        crew: Crew[str, object] = Crew(lambda path, beat: scan_photo(path, exported, beat), _fail, cores, 60.0)
        rows = list(crew.run(share))
        seconds[0] += time.perf_counter() - start
        cv2.setNumThreads(cores)
        start = time.perf_counter()
        plain = [scan_photo(path, eager) for path in share]
        seconds[1] += time.perf_counter() - start
        assert len(rows) == len(plain)
    return len(photos) / seconds[0], len(photos) / seconds[1]


def frames_a_second(options: argparse.Namespace, folder: Path) -> tuple[float, int, int]:
    """With decoding, judging, tracking, drawing and writing; frames written, and tracks."""
    faces = [draw_face(0, i, size=150).image for i in range(3)]
    with annotated_copy(folder / "three.mp4", (640, 480), RATE) as write:
        for number in range(FRAMES):
            frame = np.full((480, 640, 3), 110, np.uint8)
            for i, face in enumerate(faces):
                x, y = 20 + 210 * i + number % 40, 140 + int(60 * np.sin(number / 20 + i))
                frame[y : y + 150, x : x + 150] = face
            write(frame)
    cv2.setNumThreads(1)
    settings = Settings(Detector.load(options.model, threads=usable_cores()), options.face_model)
    start = time.perf_counter()
    row = scan_video(str(folder / "three.mp4"), settings, save=folder / "out")
    rate = FRAMES / (time.perf_counter() - start)
    with open_film(str(folder / "out" / "three.mp4")) as copy:
        written = sum(1 for _ in copy.frames(lambda s: False))
    return rate, written, len(row.faces)


def camera_pictures(options: argparse.Namespace, folder: Path) -> tuple[float, str]:
    """Pictures a second that the camera's loop can take with a viewer and a recording, and what it says when played."""
    settings = Settings(Detector.load(options.model, threads=usable_cores()), options.face_model)
    with open_film(str(folder / "three.mp4")) as film:
        pictures = [(seconds, image) for seconds, image in film.frames(lambda s: True) if image is not None]
    board = Board()
    viewer = threading.Thread(target=_view, args=(board,))
    viewer.start()
    with recording(folder / "live", "0", (640, 480), RATE) as (_, write):
        session = Session(settings, board)
        start = time.perf_counter()
        for seconds, image in pictures:
            session.take(image, seconds)
            write(image, seconds)
        rate = FRAMES / (time.perf_counter() - start)
    board.close()
    viewer.join()
    return rate, watch(str(folder / "three.mp4"), settings, Board(), None, threading.Event()).said


def _view(board: Board) -> None:
    after = 0
    while (found := board.picture(after, 60)) is not None:
        after = found[0]


def peak_memory(options: argparse.Namespace, photo: str, folder: Path, count: int) -> float:
    """MiB of a whole scan of a folder with `count` files, links to copies of a photo, written as rows and a page."""
    links = folder / str(count)
    links.mkdir()
    for number in range(count):
        if number % _LINKS == 0:
            photo = shutil.copy(photo, str(folder / f"copy-{count}-{number}.jpg"))
        os.link(photo, links / f"{number}.jpg")
    code = (
        "import sys; from dfdetect.main import main; main(sys.argv[1:]);"
        "sys.stderr.write([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    )
    command = [sys.executable, "-c", code, "scan", str(links), "--model", options.model, "--faces", "off"]
    command += ["--out", str(folder / f"{count}.jsonl"), "--html", str(folder / f"{count}.html")]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return int(done.stderr.split()[-1]) / 1024


def _fail(path: str, cause: str) -> object:
    raise RuntimeError(f"{path}: {cause}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="exported")
    parser.add_argument("--checkpoint", required=True, help="the same detector's")
    named = os.environ.get("DFDETECT_FACE_MODEL")
    parser.add_argument("--face-model", default=named, required=named is None)
    parser.add_argument("--photos", help="folder (default: generated faces)")
    parser.add_argument("--count", type=int, default=200, help="photos at most")
    parser.add_argument("--many", type=int, default=20_000, help="files of the memory's larger measurement")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(options.count if options.photos is None else 1):
            (folder / f"{number}.jpg").write_bytes(as_jpeg(draw_face(0, number, size=600).image))
        photos = [one.path for one in Sources([options.photos or name])][: options.count]
        print(Detector.load(options.model, threads=1).describe())
        first, whole = cold_start(options, photos[0])
        print(f"cold start: first row after {first:.2f} s, end after {whole:.2f} s")
        ours, plain = photos_a_second(options, photos)
        print(f"photos: {ours:.1f}/s, plain loop in PyTorch {plain:.1f}/s, ratio {ours / plain:.2f} (n {len(photos)})")
        rate, written, tracks = frames_a_second(options, folder)
        print(f"video: {rate:.1f} frames/s, {written} of {FRAMES} frames written, {tracks} tracks")
        rate, said = camera_pictures(options, folder)
        print(f"camera: {rate:.1f} pictures/s at most; played at {RATE:g}: {said}")
        few, many = (peak_memory(options, str(folder / "0.jpg"), folder, n) for n in (options.many // 10, options.many))
        print(f"peak memory: {few:.0f} MiB over {options.many // 10:,} files, {many:.0f} MiB over {options.many:,}")


if __name__ == "__main__":
    main()
