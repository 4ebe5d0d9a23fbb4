"""What can be asked of `dfdetect scan`, and which of it does not go together."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from dfdetect.deploy.model_options import add_faces, add_model, check_faces
from dfdetect.deploy.rows import check_ending
from dfdetect.errors import UsageError
from dfdetect.files import claim_folder

DESCRIPTION = """Judge photos, videos and a camera: real, fake or uncertain, with p_fake, the face, and the reason.

Faces are found, cut out as the model's training saw them, and judged one by one. A photo is what its most fake face
is, a video what the most fake face of its shots is, pooled over the frames. An answer too close to the threshold, a
face too small or blurred, or none at all, is uncertain.
"""
EXAMPLE = """examples:
  dfdetect scan photos/ clip.mp4
  dfdetect scan photos/ --careful --html scan.html
  dfdetect scan archive/ --out scan.jsonl --resume
  find . -type f -newer last.txt -print0 | dfdetect scan - --null
  dfdetect scan --camera 0 --save recordings/
"""
MOST_FRAMES = 600
MOST_THREADS = 64
"""As many files are in hand at most."""
_PAGES = (".html", ".htm")


def parser(name: str) -> argparse.ArgumentParser:
    """Of the command line after `dfdetect`."""
    made = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("paths", nargs="*", metavar="PATH", help="photos, videos, folders; - for standard input")
    made.add_argument(
        "--list",
        action="append",
        default=[],
        metavar="FILE",
        help="judge paths in FILE, one a line; - for standard input",
    )
    made.add_argument("--null", action="store_true", help="paths in lists end in NUL, as `find -print0` writes them")
    _add_model(made.add_argument_group("model"))
    _add_moving(made)
    _add_output(made.add_argument_group("output"))
    work = made.add_argument_group("work")
    work.add_argument("--threads", type=int, metavar="N", help="files judged at once (default: one a core)")
    work.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="give a file up after S silent seconds (default: 10)"
    )
    return made


def check(options: argparse.Namespace) -> None:
    """Raise `UsageError` for options that make no sense, and set those that depend on others."""
    if options.camera is None:
        _check_files(options)
    else:
        _check_camera(options)
    if options.most_frames is None:
        options.most_frames = MOST_FRAMES
    else:
        _refuse_too_few(options.most_frames)
    if options.threads is not None and not 1 <= options.threads <= MOST_THREADS:
        raise UsageError(f"--threads must be from 1 to {MOST_THREADS}")
    for option in ("rate", "timeout"):
        if not 0 < getattr(options, option) < 1e6:
            raise UsageError(f"--{option} must be above 0 and below a million")
    check_faces(options)
    if options.out is not None:
        check_ending(options.out)
    if options.html is not None:
        if options.html.is_dir():
            raise UsageError(f"--html {options.html} is a folder; name a file")
        if options.html.suffix.lower() not in _PAGES:  # or a slip would write over a photo, or the rows
            raise UsageError(f"--html {options.html} is written anew: name a file that ends in {' or '.join(_PAGES)}")
        claim_folder(options.html.parent, "--html: its folder")
    if options.save is not None:
        _refuse_scanned(options.save, options.paths)
        claim_folder(options.save, "--save")


def _refuse_too_few(frames: int) -> None:
    from dfdetect.deploy.tracks import LEAST_FRAMES  # help need not load it

    if frames < LEAST_FRAMES:
        raise UsageError(f"--most-frames must be at least {LEAST_FRAMES}: a face is judged by as many")


def _refuse_scanned(save: Path, paths: Sequence[str]) -> None:
    """Copies within a folder that is scanned would be judged by the next scan of it."""
    for path in paths:
        if os.path.isdir(path) and save.resolve().is_relative_to(Path(path).resolve()):
            raise UsageError(
                f"--save {save} lies in {path}, whose next scan would judge the copies: name another folder"
            )


def camera_number(named: str) -> int | None:
    """A camera's number from 0 to 99; None for anything else. OpenCV takes larger ones for another driver."""
    return int(named) if named.isascii() and named.isdigit() and len(named) <= 2 else None


def _check_files(options: argparse.Namespace) -> None:
    if not options.paths and not options.list:
        raise UsageError("Nothing to scan. Name photos, videos or folders: dfdetect scan photos/")
    if options.resume and options.out is None:
        raise UsageError("--resume goes on with the rows of a file: name it with --out FILE")
    if options.port is not None:
        raise UsageError("--port is of the page that --camera serves")


def _check_camera(options: argparse.Namespace) -> None:
    senseless = {
        "PATHs": options.paths,
        "--list": options.list,
        "--null": options.null,
        "--resume": options.resume,
        "--html": options.html,
        "--threads": options.threads,
        "--most-frames": options.most_frames is not None,
    }
    if given := [option for option, value in senseless.items() if value]:
        raise UsageError(f"--camera is judged by itself: leave out {', '.join(given)}")
    if camera_number(options.camera) is None and not os.path.isfile(options.camera):
        raise UsageError(f"--camera {options.camera}: neither a camera's number, as 0, nor a video file")
    if options.port is not None and not 0 <= options.port <= 65535:
        raise UsageError(f"--port is from 1 to 65535, or 0 for any free one, not {options.port}")


def _add_model(model: "argparse._ArgumentGroup") -> None:
    add_model(model)
    add_faces(model)
    model.add_argument("--careful", action="store_true", help="uncertain where mild re-encoding changes the answer")


def _add_moving(made: argparse.ArgumentParser) -> None:
    video = made.add_argument_group("videos and cameras")
    video.add_argument("--rate", type=float, default=5.0, metavar="N", help="frames judged in a second (default: 5)")
    video.add_argument(
        "--most-frames",
        type=int,
        metavar="N",
        help=f"judged in one video, by turns of some in a row (default: {MOST_FRAMES}; a camera: all)",
    )
    video.add_argument("--save", type=Path, metavar="DIR", help="write annotated copies of the videos into DIR")
    video.add_argument(
        "--camera",
        metavar="N",
        help="judge camera N (0 is the first) until Ctrl-C, shown on a page of this machine; or a video file, played",
    )
    video.add_argument("--port", type=int, metavar="N", help="of that page (default: any free one)")


def _add_output(output: "argparse._ArgumentGroup") -> None:
    rows = output.add_mutually_exclusive_group()
    rows.add_argument("--json", action="store_true", help="print a JSON object for each file, one a line")
    rows.add_argument("--csv", action="store_true", help="print CSV")
    output.add_argument("--out", type=Path, metavar="FILE", help="also write rows to FILE: .jsonl or .csv")
    output.add_argument(
        "--resume", action="store_true", help="go on with --out FILE; what it holds is not judged again"
    )
    output.add_argument("--html", type=Path, metavar="FILE", help="write a page with faces, heatmaps and timelines")
