"""`dfdetect crosstest`: every detector tested on every data set, as a matrix."""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.errors import UsageError
from dfdetect.runs import local_checkpoint, make_plan, run_of

if TYPE_CHECKING:
    from dfdetect.crosstest_cells import DataRoot, TrainedDetector

RESULT, PICTURE = "crosstest.json", "crosstest.png"
_MANIFEST, _BEST = "manifest.csv", "best.ckpt"


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code, 1 where a cell failed."""
    options = _parser(name).parse_args(arguments)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("crosstest runs in one process: start it without torchrun")
    _refuse_bad_roots(options.roots)
    files = _checkpoints(options.ckpt)
    from dfdetect.crosstest_cells import read_detectors, read_root
    from dfdetect.evaluation.canvas import save_figure
    from dfdetect.evaluation.cross_matrix import cross_matrix_figure, markdown_matrix

    detectors = read_detectors(files)
    roots = [read_root(root) for root in options.roots]
    matrix = _empty_matrix(detectors, roots)
    command = shlex.join(["dfdetect", name, *arguments])
    if not _fill(matrix, detectors, roots, options.out / RESULT, options.again, command):
        sys.stderr.write("dfdetect: stopped by SIGTERM; finished cells are kept, the same command goes on\n")
        return 128 + signal.SIGTERM
    save_figure(cross_matrix_figure(matrix), options.out / PICTURE)
    sys.stderr.write(f"Written to {options.out}: {RESULT} {PICTURE}\n")
    sys.stdout.write(json.dumps(matrix, indent=2, allow_nan=False) + "\n" if options.json else markdown_matrix(matrix))
    return int(any(cell["error"] is not None for cell in matrix["cells"]))


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="Test every detector on every data set: the run's own test part on its own data, all images (or "
        "the given test part) of others. Writes crosstest.json and crosstest.png; prints Markdown.",
        epilog="example: dfdetect crosstest --ckpt lightning_logs/*/version_0 --roots photos/ other/ list.csv",
    )
    parser.add_argument(
        *("--ckpt", "--ckpt_path"),
        nargs="+",
        metavar="FILE",
        help="checkpoints, or folders of runs for their best; by default the best of the newest run",
    )
    parser.add_argument("--roots", nargs="+", required=True, metavar="ROOT", help="data folders or manifests (CSV)")
    parser.add_argument("--out", type=Path, default=Path("crosstest"), metavar="DIR", help="default: crosstest/")
    parser.add_argument("--again", action="store_true", help="test again what was tested before")
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    return parser


def _checkpoints(named: Sequence[str] | None) -> list[Path]:
    """The files; of the folder of a run its best."""
    if not named:
        newest = make_plan("test", []).checkpoint
        return [newest] if newest else []
    files = [local_checkpoint(f"{one}/checkpoints/{_BEST}" if Path(one).is_dir() else one) for one in named]
    _refuse_twice(files, "--ckpt")
    return files


def _refuse_bad_roots(roots: Sequence[str]) -> None:
    if url := next((root for root in roots if "://" in root), None):
        raise UsageError(f"{url}: a data set is read from local files only; download it first")
    _refuse_twice([_without_manifest(Path(root)) for root in roots], "--roots")


def _refuse_twice(paths: Sequence[Path], option: str) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise UsageError(f"{option}: {path} is named twice; name each one once")
        seen.add(path.resolve())


def _without_manifest(path: Path) -> Path:
    """A folder stands for the manifest.csv in it, as everywhere."""
    return path.parent if path.name == _MANIFEST else path


def _empty_matrix(detectors: Sequence["TrainedDetector"], roots: Sequence["DataRoot"]) -> dict[str, Any]:
    """Names of rows and columns; a detector's data is called as its column, where there is one."""
    from dfdetect.evaluation.cross_matrix import shortest_names

    columns = [_without_manifest(root.location) for root in roots]
    column_of = {root.split["root"]: column for column, root in zip(columns, roots, strict=True) if root.split}
    trained = [detector.facts["split"]["root"] for detector in detectors]
    names = shortest_names([*columns, *(column_of.get(root, Path(root)) for root in trained)])
    runs = _run_names(detectors)
    return {
        "rows": [
            {
                "name": name,
                "run": run_name,
                "trained_on": detector.facts["split"]["root"],
                "checkpoint": str(detector.file),
                "checkpoint_sha256": detector.sha256,
                "threshold": detector.facts["threshold"],
                "calibrated": detector.facts["calibrated"],
            }
            for name, run_name, detector in zip(names[len(roots) :], runs, detectors, strict=True)
        ],
        "columns": [
            {"name": name, "root": root.root, "error": root.error or None}
            for name, root in zip(names[: len(roots)], roots, strict=True)
        ],
        "cells": [],
    }


def _run_names(detectors: Sequence["TrainedDetector"]) -> list[str]:
    """NAME/version_N for the best checkpoint of a run, with the file for another one; the file outside of any run."""
    from dfdetect.evaluation.cross_matrix import shortest_names

    runs = [run_of(detector.file) for detector in detectors]
    places = [(run or detector.file).resolve() for run, detector in zip(runs, detectors, strict=True)]
    return [
        name if run is None or detector.file.name == _BEST else f"{name}/{detector.file.name}"
        for name, run, detector in zip(shortest_names(places, least=2), runs, detectors, strict=True)
    ]


def _fill(
    matrix: dict[str, Any],
    detectors: Sequence["TrainedDetector"],
    roots: Sequence["DataRoot"],
    file: Path,
    again: bool,
    command: str,
) -> bool:
    """Take the cells that were tested before, test the others, write each down; whether no SIGTERM came between.

    Each run that is written into notes `command` once.
    """
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from dfdetect.crosstest_cells import find_cell, known_cells, run_cell
    from dfdetect.evaluation.tables import write_json

    places = [(row, column) for row in range(len(detectors)) for column in range(len(roots))]
    known = [] if again else known_cells(file)
    found = {} if again else {place: find_cell(detectors[place[0]], roots[place[1]], known) for place in places}
    cells = {place: cell for place, cell in found.items() if cell is not None}
    if cells:
        sys.stderr.write(f"{len(cells)} of {len(places)} were tested before; --again would test them again\n")
    noted: set[Path] = set()
    for number, (row, column) in enumerate(places, start=1):
        if (row, column) not in cells:
            on = f"{matrix['rows'][row]['name']} on {matrix['columns'][column]['name']}"
            sys.stderr.write(f"[{number}/{len(places)}] {on}\n")
            run = run_of(detectors[row].file)
            try:
                cells[row, column] = run_cell(detectors[row], roots[column], "" if run in noted else command)
            except SIGTERMException:
                return False
            if error := cells[row, column]["error"]:
                sys.stderr.write(f"dfdetect: error: {error.splitlines()[0]}\n")
            elif run is not None:
                noted.add(run)
        matrix["cells"] = [{"row": row, "column": column} | cell for (row, column), cell in sorted(cells.items())]
        write_json(file, matrix)
    return True
