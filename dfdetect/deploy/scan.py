"""Judge photos and videos: real, fake or uncertain, with p_fake, the face, and the reason.

Faces are found, cut out as the model's training saw them, and judged one by one. A photo is what its most fake face
is, a video what its most fake person is, pooled over the frames. An answer too close to the threshold, a face too small
or blurred, or none at all, is uncertain.
"""

import argparse
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dfdetect.errors import DecodeError, UsageError

if TYPE_CHECKING:
    from dfdetect.deploy.photos import Beat, Settings
    from dfdetect.deploy.runtime import Detector
    from dfdetect.deploy.sources import Source, Sources
    from dfdetect.deploy.verdicts import Row

EXAMPLE = """examples:
  dfdetect scan photos/ clip.mp4
  dfdetect scan photos/ --careful --html scan.html
  dfdetect scan archive/ --out scan.jsonl --resume
  find . -newer last.txt -print0 | dfdetect scan - --null --csv > scan.csv
"""


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    _check(options)
    from dfdetect.deploy.native import quiet_native
    from dfdetect.deploy.sources import Sources

    sources = Sources(options.paths, options.list, "\0" if options.null else "\n")
    detector, settings, digest = _prepare(options)
    try:
        with quiet_native():
            return _scan(options, sources, detector, settings, digest)
    except BrokenPipeError:  # whoever read the rows, as `head` does, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _scan(
    options: argparse.Namespace, sources: "Sources", detector: "Detector", settings: "Settings", digest: str
) -> int:
    from dfdetect.deploy.crew import Crew
    from dfdetect.deploy.output import Output
    from dfdetect.deploy.verdicts import unreadable

    def work(source: "Source", beat: "Beat") -> "Row":
        start = time.monotonic()
        try:
            row = judge(source, settings, options.save, beat)
        except DecodeError as error:
            row = unreadable(source.path, error.cause, detector.facts.threshold)
        return replace(row, seconds=time.monotonic() - start)

    def give_up(source: "Source", cause: str) -> "Row":  # after a hang, or an error that none should be
        return replace(unreadable(source.path, cause, detector.facts.threshold), seconds=options.timeout)

    with ExitStack() as stack:
        output = stack.enter_context(Output(options, detector, digest))
        crew = Crew(work, give_up, options.threads, options.timeout)
        todo: Iterator[Source] = (one for one in sources if one.path not in output.earlier)
        rows = stack.enter_context(_closing(crew.run(todo)))
        for row in rows:
            output.add(row)
        output.finish(sources.passed_over)
    return 1 if output.counts["error"] else 0


def judge(source: "Source", settings: "Settings", save: Path | None, beat: "Beat") -> "Row":
    """One file's row; raises `DecodeError` where it cannot be read."""
    from dfdetect.deploy.photos import scan_photo
    from dfdetect.deploy.sources import is_video

    if source.problem:
        raise DecodeError(source.path, source.problem)
    if not is_video(source.path):
        return scan_photo(source.path, settings, beat)
    from dfdetect.deploy.video import scan_video

    return scan_video(source.path, settings, beat, save)


@contextmanager
def _closing(rows: "Generator[Row]") -> "Iterator[Iterator[Row]]":
    """Rows whose threads are stopped when the block ends, however it does."""
    try:
        yield rows
    finally:
        rows.close()


def _prepare(options: argparse.Namespace) -> "tuple[Detector, Settings, str]":
    """The model, how it judges, and the digest of both."""
    import cv2

    from dfdetect.deploy.engines.engine import usable_cores
    from dfdetect.deploy.face_model import face_model
    from dfdetect.deploy.find_model import find_model
    from dfdetect.deploy.photos import Settings
    from dfdetect.deploy.rows import settings_digest
    from dfdetect.deploy.runtime import Detector
    from dfdetect.files import sha256_of

    cv2.setNumThreads(1)  # files are worked on side by side; threads within each would only get into each other's way
    options.threads = options.threads or usable_cores()
    faces = face_model(options.face_model or os.environ.get("DFDETECT_FACE_MODEL")) if options.faces == "on" else None
    file = find_model(options.model)
    detector = Detector.load(file, threads=1)
    settings = Settings(
        detector, faces, options.margin, options.careful, options.html is not None, options.rate, options.most_frames
    )
    how = {
        "faces": sha256_of(faces) if faces else None,
        "margin": settings.used_margin,
        "careful": options.careful,
        "rate": options.rate,
        "most_frames": options.most_frames,
    }
    sys.stderr.write(_introduction(file, detector, settings))
    return detector, settings, settings_digest(sha256_of(file), **how)


def _introduction(file: Path, detector: "Detector", settings: "Settings") -> str:
    """Which model, on what, and what is to be known of its answers."""
    facts = detector.facts
    band = facts.uncertain
    lines = [f"{file}: {facts.backbone}, {detector.describe()}; fake from p_fake {facts.threshold:.3f}"]
    if band:
        lines[0] += (
            f", uncertain from {band.low:.3f} to {band.high:.3f} (on validation {band.error:.1%} of the answered were "
            f"wrong, {band.coverage:.0%} were answered, n {band.n:,})"
        )
    if not facts.calibrated:
        lines.append("Its threshold was never fitted on validation images.")
    if settings.face_model and facts.face_margin is None and settings.margin is None:
        lines.append(f"It records no margin around faces: {settings.used_margin} is taken. Another one: --margin M")
    return "".join(f"{line}\n" for line in lines)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="photos, videos, folders; - for standard input")
    parser.add_argument("--list", action="append", default=[], metavar="FILE", help="judge paths in FILE, one a line")
    parser.add_argument("--null", action="store_true", help="paths in lists end in NUL, as `find -print0` writes them")
    model = parser.add_argument_group("model")
    model.add_argument("--model", type=Path, metavar="FILE", help="exported or checkpoint (default: of the newest run)")
    model.add_argument("--faces", choices=["on", "off"], default="on", help="off: judge whole pictures")
    model.add_argument(
        "--face-model", metavar="FILE", help="YuNet (ONNX); default $DFDETECT_FACE_MODEL, else downloaded once"
    )
    model.add_argument(
        "--margin", type=float, metavar="M", help="room around a face, in shares of its side (default: the model's own)"
    )
    model.add_argument("--careful", action="store_true", help="uncertain where mild re-encoding changes the answer")
    video = parser.add_argument_group("videos")
    video.add_argument("--rate", type=float, default=5.0, metavar="N", help="frames judged in a second (default: 5)")
    video.add_argument("--most-frames", type=int, default=600, metavar="N", help="judged in one video (default: 600)")
    video.add_argument("--save", type=Path, metavar="DIR", help="write annotated copies of the videos into DIR")
    output = parser.add_argument_group("output")
    rows = output.add_mutually_exclusive_group()
    rows.add_argument("--json", action="store_true", help="print a JSON object for each file, one a line")
    rows.add_argument("--csv", action="store_true", help="print CSV")
    output.add_argument("--out", type=Path, metavar="FILE", help="also write rows to FILE: .jsonl or .csv")
    output.add_argument(
        "--resume", action="store_true", help="go on with --out FILE; what it holds is not judged again"
    )
    output.add_argument("--html", type=Path, metavar="FILE", help="write a page with faces, heatmaps and timelines")
    work = parser.add_argument_group("work")
    work.add_argument("--threads", type=int, default=0, metavar="N", help="files judged at once (default: one a core)")
    work.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="give a file up after S silent seconds (default: 10)"
    )
    return parser


def _check(options: argparse.Namespace) -> None:
    if not options.paths and not options.list:
        raise UsageError("Nothing to scan. Name photos, videos or folders: dfdetect scan photos/")
    if options.resume and options.out is None:
        raise UsageError("--resume goes on with the rows of a file: name it with --out FILE")
    for option, least in (("threads", 0), ("most_frames", 1)):
        if getattr(options, option) < least:
            raise UsageError(f"--{option.replace('_', '-')} must be at least {least}")
    for option in ("rate", "timeout"):
        if not 0 < getattr(options, option) < 1e6:
            raise UsageError(f"--{option} must be above 0")
    if options.margin is not None and not 0 <= options.margin <= 10:
        raise UsageError("--margin is a share of the face's side, from 0 to 10")
    if options.html is not None and options.html.is_dir():
        raise UsageError(f"--html {options.html} is a folder; name a file")
