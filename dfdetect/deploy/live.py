"""`dfdetect scan --camera`: judge a camera's pictures as they come, show them on a local page, record them."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dfdetect.deploy.camera import Feed, camera_name
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.live_page import live_page
from dfdetect.deploy.live_server import LiveServer
from dfdetect.deploy.live_session import Session, Write, recording
from dfdetect.deploy.output import Output
from dfdetect.deploy.photos import Settings
from dfdetect.deploy.verdicts import Row
from dfdetect.deploy.video import video_row
from dfdetect.errors import CameraError, DFDetectError

if TYPE_CHECKING:
    from dfdetect.deploy.runtime import Detector


@dataclass(frozen=True)
class Watched:
    """What came of a camera.

    Attributes:
        row: like a video's; None where no picture came.
        said: pictures, seconds, rates, and where they were recorded.
        error: why it ended before it was stopped; None if it did not.
    """

    row: Row | None
    said: str
    error: DFDetectError | None = None


def scan_camera(options: argparse.Namespace, detector: "Detector", settings: Settings, digest: str) -> int:
    """Run until Ctrl-C or the camera's end; returns the exit code.

    Raises:
        CameraError, DecodeError: it cannot be opened; or it went away, after its row was written.
        UsageError: the page's port is taken.
    """
    name = camera_name(options.camera)
    facts = detector.facts
    board = Board()
    page = live_page(name, f"{facts.network}, {detector.describe()}", facts.threshold, facts.uncertain)
    with stopped_by_signal() as stop, Output(options, [], digest) as output:
        with LiveServer(board, page, options.port or 0) as server:

            def say_where() -> None:
                sys.stderr.write(f"{name} is shown at {server.address} (only to this machine). Ctrl-C stops\n")
                sys.stderr.flush()

            watched = watch(options.camera, settings, board, options.save, stop, options.timeout, say_where)
        if watched.row is not None:
            output.add(watched.row)
    sys.stderr.write(f"{watched.said}\n" * (watched.row is not None))
    if watched.error is not None:
        raise watched.error
    return 0


@contextmanager
def stopped_by_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; after the first one they do again what they did before."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def give_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def end(number: int, frame: object) -> None:
        stop.set()
        give_back()

    for number in before:
        signal.signal(number, end)
    try:
        yield stop
    finally:
        give_back()


def watch(
    named: str,
    settings: Settings,
    board: Board,
    save: Path | None,
    stop: threading.Event,
    silence_s: float = 10.0,
    begun: Callable[[], None] = lambda: None,
) -> Watched:
    """Judge a camera until `stop` is set or it ends, whatever the reason.

    Args:
        named: on the command line.
        settings: how it judges.
        board: what viewers look at.
        save: folder of the annotated video, which holds every picture; None for none.
        stop: ends it.
        silence_s: seconds without a picture after which the camera counts as gone.
        begun: called when the first picture came.
    """
    session = Session(settings, board)
    file, error = None, None
    with Feed(named, save is not None, silence_s) as feed, ExitStack() as stack:
        write: Write = _nowhere
        try:
            for seconds, image in feed.pictures(stop):
                if save is not None and file is None:
                    size = image.shape[1], image.shape[0]
                    file, write = stack.enter_context(recording(save, named, size, feed.rate))
                session.take(image, seconds)
                if session.pictures == 1:
                    begun()
                write(image, seconds)
        except DFDetectError as caught:
            error = caught
        finally:
            board.close()
    if session.pictures == 0:
        return Watched(None, "", error or CameraError(f"{camera_name(named)}: stopped before its first picture"))
    row = video_row(camera_name(named), session.watcher, session.size)
    return Watched(replace(row, seconds=session.seconds), _said(session, feed.skipped, file), error)


def _nowhere(image: object, seconds: float) -> None:
    """What records nothing."""


def _said(session: Session, skipped: int, file: Path | None) -> str:
    """Pictures, seconds, rate, what was judged, what was left out and what was recorded."""
    rate = (session.pictures - 1) / max(session.seconds, 1e-9)
    parts = [f"{session.pictures:,} pictures in {session.seconds:.1f} s ({rate:.1f} a second)"]
    parts.append(f"{session.watcher.judged:,} judged")
    if skipped:
        parts.append(f"{skipped:,} more left out to keep up")
    if file is not None:
        parts.append(f"recorded in {file}")
    return ", ".join(parts)
