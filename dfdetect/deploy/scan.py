"""`dfdetect scan`: judge photos and videos, or a camera."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dfdetect.deploy.model_options import chosen_face_model
from dfdetect.deploy.scan_options import check, parser
from dfdetect.errors import DecodeError, DFDetectError
from dfdetect.process import prepare_server

if TYPE_CHECKING:
    from dfdetect.deploy.photos import Beat, Settings
    from dfdetect.deploy.runtime import Detector
    from dfdetect.deploy.sources import Source
    from dfdetect.deploy.verdicts import Row


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = parser(name).parse_intermixed_args(arguments)
    check(options)
    prepare_server()  # each thread would keep as much memory as its largest photo took
    if options.camera is None:
        return _scan(options)
    from dfdetect.deploy.live import scan_camera
    from dfdetect.deploy.native import quiet_native

    detector, settings, digest, _ = _prepare(options)
    try:
        with quiet_native():
            return scan_camera(options, detector, settings, digest)
    except BrokenPipeError:
        return _read_no_further()


def _scan(options: argparse.Namespace) -> int:
    from dfdetect.deploy.crew import leave_hanging_threads
    from dfdetect.deploy.stopping import Stopped, stoppable

    code = 1
    try:
        with stoppable() as finish:
            code = _scan_files(options, finish)
    except BrokenPipeError:
        return _read_no_further()
    except (DFDetectError, Stopped) as error:
        code = error.exit_code
        raise
    finally:
        leave_hanging_threads(code)
    return code


def _read_no_further() -> int:
    """Whoever read the rows, as `head` does, has enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _scan_files(options: argparse.Namespace, finish: Callable[[], None]) -> int:
    from dfdetect.deploy.crew import Crew
    from dfdetect.deploy.native import quiet_native
    from dfdetect.deploy.output import Output
    from dfdetect.deploy.sources import Sources
    from dfdetect.deploy.verdicts import unreadable

    sources = Sources(options.paths, options.list, "\0" if options.null else "\n")
    detector, settings, digest, introduction = _prepare(options)

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
        stack.enter_context(quiet_native())
        output = stack.enter_context(Output(options, introduction, digest))
        crew = Crew(work, give_up, options.threads, options.timeout)
        todo: Iterator[Source] = (one for one in sources if one.path not in output.earlier)
        rows = stack.enter_context(_closing(crew.run(todo)))
        stack.callback(finish)
        for row in rows:
            output.add(row)
        output.finish(sources.passed_over, sources.hidden)
    return 1 if output.counts["error"] or output.lost else 0


def judge(source: "Source", settings: "Settings", save: Path | None, beat: "Beat") -> "Row":
    """One file's row; raises `DecodeError` where it cannot be read."""
    from dfdetect.deploy.photos import scan_photo
    from dfdetect.deploy.sources import is_playlist, is_video

    if source.problem:
        raise DecodeError(source.path, source.problem)
    if is_playlist(source.path):
        raise DecodeError(source.path, "a playlist, which names other files: never opened. Name those files")
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


def _prepare(options: argparse.Namespace) -> "tuple[Detector, Settings, str, list[str]]":
    """The model, how it judges, the digest of both, and in lines what is to be known of them."""
    import cv2

    from dfdetect.deploy.engines.engine import usable_cores
    from dfdetect.deploy.find_model import find_model
    from dfdetect.deploy.photos import Settings
    from dfdetect.deploy.rows import settings_digest
    from dfdetect.deploy.runtime import Detector
    from dfdetect.files import sha256_of

    cv2.setNumThreads(1)  # files are worked on side by side; threads within each would only get into each other's way
    options.threads = options.threads or usable_cores()
    faces = chosen_face_model(options)
    file = find_model(options.model)
    detector = Detector.load(file, threads=1 if options.camera is None else usable_cores())
    settings = Settings(
        detector, faces, options.margin, options.careful, options.html is not None, options.rate, options.most_frames
    )
    how = {
        "faces": sha256_of(faces) if faces else None,
        "margin": settings.used_margin,
        "careful": options.careful,
        "rate": options.rate,
        "most_frames": options.most_frames,
    } | ({"save": True} if options.save else {})  # rows without a copy are no rows of a scan that makes them
    introduction = _introduction(file, detector, settings)
    sys.stderr.write("".join(f"{line}\n" for line in introduction))
    return detector, settings, settings_digest(sha256_of(file), **how), introduction


def _introduction(file: Path, detector: "Detector", settings: "Settings") -> list[str]:
    """Which model, on what, and what is to be known of its answers."""
    facts = detector.facts
    band = facts.uncertain
    lines = [f"{file}: {facts.network}, {detector.describe()}; fake from p_fake {facts.threshold:.3f}"]
    if band:
        lines[0] += (
            f", uncertain from {band.low:.3f} to {band.high:.3f} (on validation {band.error:.1%} of the answered were "
            f"wrong, {band.coverage:.0%} were answered, n {band.n:,})"
        )
    else:
        lines[0] += ", no uncertain band" + (": dfdetect export chooses one" if facts.format == "checkpoint" else "")
    if not facts.calibrated:
        lines.append("Its threshold was never fitted on validation images.")
    if settings.face_model and facts.face_margin is None and settings.margin is None:
        lines.append(
            f"It records no margin around faces, as dfdetect export measures: {settings.used_margin} is taken. "
            "Another one: --margin M"
        )
    if settings.takes_cuts:
        lines.append(settings.takes_cuts)
    return lines
