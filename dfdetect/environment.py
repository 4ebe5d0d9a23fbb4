"""What environment variables say in place of a command line."""

import os

FACE_MODEL_VARIABLE = "DFDETECT_FACE_MODEL"


def named_face_model(given: str | os.PathLike[str] | None = None) -> str | None:
    """The face model's file: `given`, or what the environment names; None for the usual one."""
    named = os.fspath(given) if given else os.environ.get(FACE_MODEL_VARIABLE)
    return named or None
