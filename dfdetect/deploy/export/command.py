"""`dfdetect export`: files for other engines, each shown to decide as the checkpoint does."""

import argparse
import json
import sys
import unicodedata
from pathlib import Path

from dfdetect.deploy.metadata import FORMATS, MOST_MARGIN, PRECISIONS
from dfdetect.environment import named_face_model
from dfdetect.errors import CheckpointError, UsageError
from dfdetect.files import claim_folder
from dfdetect.runs import local_checkpoint, make_plan


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code, 1 where a file is over its tolerance."""
    options = _parser(name).parse_args(arguments)
    _check(options)
    if options.out is not None:
        claim_folder(options.out, "--out")
    from dfdetect.quiet import quiet_third_parties

    quiet_third_parties()
    from dfdetect.deploy.export.convert import require_libraries
    from dfdetect.deploy.export.exporting import Order, export
    from dfdetect.deploy.export.parity_page import parity_lines

    require_libraries(options.format)
    faces = _face_model(options)
    results = export(
        _checkpoint(options.ckpt_path),
        Order(
            formats=list(dict.fromkeys(options.format)),
            precisions=list(dict.fromkeys(options.precision)),
            out=options.out,
            data=options.data,
            images=options.images,
            most=options.limit,
            calibration_images=options.calibration_images,
            answered_error=options.answered_error,
            face_margin=options.face_margin,
            face_model=faces,
            licence=options.licence,
        ),
    )
    text = json.dumps(results, indent=2, allow_nan=False) if options.json else parity_lines(results)
    sys.stdout.write(text + "\n")
    failed = [result["file"] for result in results if not result["passed"]]
    if failed:
        sys.stderr.write(f"dfdetect: error: over its tolerance, so kept as {', '.join(failed)}\n")
    return int(bool(failed))


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="Write a checkpoint as files for other engines. Each is reloaded in its own engine and must decide "
        "as the checkpoint does on the validation part; how it did lies beside it, as JSON and as a page.",
        epilog="example: dfdetect export --format onnx litert openvino --precision fp32 fp16 int8",
    )
    formats = [one for one in FORMATS if one != "checkpoint"]
    parser.add_argument("--ckpt_path", metavar="FILE", help="checkpoint; by default the best of the newest run")
    parser.add_argument("--format", nargs="+", choices=formats, default=["onnx"], help="default: onnx")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32"], help="default: fp32")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: export/ in the run's folder, or here")
    parser.add_argument("--data", metavar="ROOT", help="where the training's images lie now, if they were moved")
    parser.add_argument("--images", metavar="DIR", help="prove on these images, not on the validation part")
    parser.add_argument(
        "--limit", type=int, default=5000, metavar="N", help="prove on, and choose the band by, at most N images (5000)"
    )
    parser.add_argument(
        "--calibration-images", type=int, default=128, metavar="N", help="of the training part, for int8; default 128"
    )
    parser.add_argument(
        "--answered-error",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="wrong verdicts allowed among the answered: scores too close to the threshold for that are uncertain; "
        "default 0.05",
    )
    margin = parser.add_mutually_exclusive_group()
    margin.add_argument(
        "--face-model",
        metavar="FILE",
        help="YuNet (ONNX), which measures the room that training pictures leave around a face, for scan to cut faces "
        "out alike; default $DFDETECT_FACE_MODEL, else the one that scan has downloaded",
    )
    margin.add_argument(
        "--face-margin", type=float, metavar="M", help="state that room, in shares of the face's side, as 0.17"
    )
    parser.add_argument("--licence", metavar="TEXT", help="licence note in the files, in place of the general one")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return parser


def _check(options: argparse.Namespace) -> None:
    for name in ("limit", "calibration_images"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} is at least 1, not {getattr(options, name)}")
    if not 0 < options.answered_error < 1:
        raise UsageError(f"--answered-error is a share between 0 and 1, not {options.answered_error:g}")
    if options.face_margin is not None and not 0 <= options.face_margin <= MOST_MARGIN:
        raise UsageError(
            f"--face-margin is a share of the face's side, from 0 to {MOST_MARGIN}, not {options.face_margin:g}"
        )
    if odd := sorted(filter(_no_text, set(options.licence or ""))):
        raise UsageError(f"--licence holds {', '.join(map(ascii, odd))}, which not every format can; write plain text")


def _no_text(character: str) -> bool:
    """Whether a character cannot stand in XML, where OpenVINO keeps texts, or is a control character besides."""
    is_control = unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n"
    return is_control or character in "\ufffe\uffff"


def _face_model(options: argparse.Namespace) -> str | None:
    """What measures the margin; None where it is stated, or where no face model is at hand."""
    if options.face_margin is not None:
        return None
    from dfdetect.data.face_model import face_model_at_hand

    return face_model_at_hand(named_face_model(options.face_model))


def _checkpoint(named: str | None) -> Path:
    if named is not None:
        return local_checkpoint(named)
    newest = make_plan("test", []).checkpoint
    if newest is None:
        raise CheckpointError("No checkpoint. Train first: dfdetect fit --config mobilenetv2")
    _say(f"Exporting {newest}")
    return newest


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
