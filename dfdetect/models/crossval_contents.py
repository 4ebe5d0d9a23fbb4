"""Reads what lies in the folder of a cross-validation, for its report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dfdetect.data.decode import decode
from dfdetect.errors import DecodeError
from dfdetect.evaluation.canvas import Image
from dfdetect.evaluation.contents import CrossvalContents, Results, RunContents
from dfdetect.evaluation.crossval_figures import FIGURES
from dfdetect.evaluation.plan import options_of
from dfdetect.models.run_contents import Reader, read_commands, read_png
from dfdetect.runs import COMMANDS


def read_crossval(
    folder: Path, result: Results, runs: Sequence[RunContents], training: Sequence[str]
) -> CrossvalContents:
    """Everything a report says of the cross-validation in this folder.

    Args:
        folder: of it.
        result: of `crossval.summarise`.
        runs: of each finished fold.
        training: the options of all its trainings.
    """
    reader = Reader()
    return CrossvalContents(
        name=folder.resolve().name,
        result=result,
        runs=runs,
        commands=reader.attempt(read_commands, folder / COMMANDS) or (),
        training=options_of(training),
        figures={stem: png for stem in FIGURES if (png := reader.attempt(read_png, folder / f"{stem}.png"))},
        troubles=reader.troubles,
    )


def mistaken_images(result: Results, run: RunContents) -> list[tuple[Image, Results]]:
    """Those of the worst mistakes whose files are still there, with their pictures."""
    found = []
    for mistake in result["mistakes"]:
        for base in _bases(run):
            try:
                found.append((np.asarray(decode(base / mistake["path"])), mistake))
            except DecodeError:
                continue
            break
    return found


def _bases(run: RunContents) -> Iterator[Path]:
    """Folders that the paths of the images may start from, the likeliest first."""
    location = Path(((run.metrics or {}).get("tested") or {}).get("location") or "")
    yield location.parent if location.suffix.lower() == ".csv" else location
    yield from (Path(root) for root in (run.data.get("root"), run.split().get("root")) if root)
