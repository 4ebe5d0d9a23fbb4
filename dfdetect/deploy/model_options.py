"""What several commands ask alike: which model judges, and how faces are found and cut out."""

import argparse
from pathlib import Path

from dfdetect.environment import FACE_MODEL_VARIABLE, named_face_model
from dfdetect.errors import UsageError


def add_model(group: "argparse._ArgumentGroup") -> None:
    """`--model FILE`; of the newest run where none is named (`find_model`)."""
    group.add_argument("--model", type=Path, metavar="FILE", help="exported or checkpoint (default: of the newest run)")


def add_faces(group: "argparse._ArgumentGroup", off: str = "judge whole pictures") -> None:
    """`--faces`, `--face-model` and `--margin`; `off` says what becomes of pictures without the search."""
    group.add_argument("--faces", choices=["on", "off"], default="on", help=f"off: {off}")
    add_face_model(group)
    group.add_argument(
        "--margin", type=float, metavar="M", help="room around a face, in shares of its side (default: the model's own)"
    )


def add_face_model(group: "argparse._ActionsContainer") -> None:
    """`--face-model FILE`."""
    group.add_argument(
        "--face-model", metavar="FILE", help=f"YuNet (ONNX); default ${FACE_MODEL_VARIABLE}, else downloaded once"
    )


def check_faces(options: argparse.Namespace) -> None:
    """Raise `UsageError` for a margin out of its range, and for what a search is asked that is off."""
    from dfdetect.deploy.metadata import MOST_MARGIN  # numpy, which `--help` does without

    if options.margin is not None and not 0 <= options.margin <= MOST_MARGIN:
        raise UsageError(f"--margin is a share of the face's side, from 0 to {MOST_MARGIN}")
    given = {"--margin": options.margin, "--face-model": options.face_model}
    if options.faces == "off" and (senseless := [option for option, value in given.items() if value is not None]):
        raise UsageError(f"--faces off searches no face: leave out {' and '.join(senseless)}")


def chosen_face_model(options: argparse.Namespace) -> str | None:
    """The face model's file, fetched where it must be; None for `--faces off`. Raises what `face_model` does."""
    from dfdetect.data.face_model import face_model

    return face_model(named_face_model(options.face_model)) if options.faces == "on" else None
