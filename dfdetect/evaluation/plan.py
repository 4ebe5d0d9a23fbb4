"""The plan of a cross-validation, as its folder keeps it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfdetect.errors import ResultsError

PLAN = "plan.json"
"""Of how many folds, trained with which options; where it lies, there is a cross-validation."""


def options_of(training: Sequence[str]) -> list[str]:
    """The options of a command line, each with its value: `--data.split=random`."""
    options: list[str] = []
    for part in training:
        if part.startswith("-") or not options or "=" in options[-1]:
            options.append(part)
        else:
            options[-1] += f"={part}"
    return options


def read_plan(file: Path) -> Any:
    """What a plan.json holds; raises `ResultsError` where it is damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{file} is damaged ({error}); name another folder: --out DIR") from error
