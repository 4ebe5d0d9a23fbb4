"""`dfdetect compare`: a leaderboard of runs that were tested on the same images."""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dfdetect.errors import ResultsError
from dfdetect.runs import named_folder

if TYPE_CHECKING:
    from dfdetect.evaluation.evaluate import Predictions


@dataclass(frozen=True)
class TestedRun:
    """Results of one test.

    Attributes:
        name: how the leaderboard calls it.
        folder: where predictions.csv and metrics.json lie.
        predictions: of N images, sorted by path.
        threshold: p_fake from which it calls an image fake.
        checkpoint: the file that was tested, where it still exists.
        notes: what the test said of its own figures.
    """

    name: str
    folder: Path
    predictions: "Predictions"
    threshold: float
    checkpoint: Path | None
    notes: list[str] = field(default_factory=list)


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options = _parser(name).parse_args(arguments)
    from dfdetect.evaluation.comparison import compare
    from dfdetect.evaluation.leaderboard import html_leaderboard, markdown_leaderboard
    from dfdetect.files import replacing

    runs = read_runs(options.runs)
    refuse_other_images(runs)
    results = compare([one.predictions for one in runs], [one.threshold for one in runs])
    costs = _costs(runs, timed=not options.no_speed)
    entries = [
        {"name": one.name, "folder": str(one.folder), "checkpoint": one.checkpoint and str(one.checkpoint)}
        | {"notes": one.notes}
        | cost
        | result
        for one, cost, result in zip(runs, costs, results, strict=True)
    ]
    board: dict[str, Any] = {"images_fingerprint": images_fingerprint(runs[0].predictions), "runs": entries}
    if options.html:
        with replacing(options.html) as temporary:
            temporary.write_text(html_leaderboard(board), encoding="utf-8")
        sys.stderr.write(f"Written to {options.html}\n")
    sys.stdout.write(
        json.dumps(board, indent=2, allow_nan=False) + "\n" if options.json else markdown_leaderboard(board)
    )
    return 0


def read_runs(places: list[Path]) -> list[TestedRun]:
    """Read what a test left in each place: a run's folder, or a file in it; once what is named twice, saying so.

    Raises:
        ResultsError: something is missing or damaged.
    """
    from dfdetect.evaluation.stored import name_of_run

    folders = _each_once([named_folder(place, "compare") for place in places])
    names = [name_of_run(folder) for folder in folders]
    unique = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    return [_read_run(*pair) for pair in zip(unique, folders, strict=True)]


def refuse_other_images(runs: list[TestedRun]) -> None:
    """Refuse to compare figures of different images; raises `ResultsError`."""
    from dfdetect.evaluation.comparison import same_images

    first = runs[0]
    for other in runs[1:]:
        if same_images(first.predictions, other.predictions):
            continue
        one, two = (set(zip(r.predictions.path, r.predictions.label.tolist(), strict=True)) for r in (first, other))
        fix = f"--ckpt_path {other.checkpoint or 'FILE'}"
        raise ResultsError(
            f"{first.name} and {other.name} were tested on different images ({len(one)} and {len(two)}, "
            f"{len(one & two)} in common), so their figures say nothing about each other. Test both on the same part: "
            f"dfdetect test {fix} with the data.root, manifest and data.split_seed of the first"
        )


def images_fingerprint(predictions: "Predictions") -> str:
    """SHA-256 of the tested paths and labels: equal for equal test parts, wherever they lie."""
    import hashlib

    rows = (f"{path}\0{label}\n" for path, label in zip(predictions.path, predictions.label.tolist(), strict=True))
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description="A leaderboard of runs that were tested on the same images, each against the first.",
        epilog="example: dfdetect compare lightning_logs/*/version_0 --html leaderboard.html",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder with the results of dfdetect test")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the leaderboard as a page too")
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    parser.add_argument("--no-speed", action="store_true", help="do not measure the time of an image")
    return parser


def _each_once(folders: list[Path]) -> list[Path]:
    """The folders without those that were named before: a pattern names the run it is compared with again."""
    once: dict[Path, Path] = {}
    for folder in folders:
        if once.setdefault(folder.resolve(), folder) is not folder:
            sys.stderr.write(f"{folder} is named twice; it is taken once\n")
    return list(once.values())


def _read_run(name: str, folder: Path) -> TestedRun:
    from dfdetect.evaluation.comparison import in_common_order
    from dfdetect.evaluation.stored import read_metrics, read_predictions, tested_checkpoint
    from dfdetect.evaluation.tables import METRICS, PREDICTIONS

    if not (folder / PREDICTIONS).is_file():
        best = folder / "checkpoints" / "best.ckpt"
        fix = f"dfdetect test --ckpt_path {best}" if best.is_file() else "name a folder that dfdetect test wrote into"
        raise ResultsError(f"{folder}: no {PREDICTIONS}, so it was not tested yet: {fix}")
    metrics = read_metrics(folder / METRICS)
    if "per_fold" in metrics:
        raise ResultsError(
            f"{folder} is a cross-validation, whose folds' scores are not ranked against each other. Compare two of "
            f"them: dfdetect crossval ... --out {folder} --against OTHER"
        )
    threshold = metrics.get("threshold")
    if not isinstance(threshold, int | float):
        raise ResultsError(f"{folder / METRICS}: no threshold. Write it again: dfdetect test --ckpt_path FILE")
    predictions = in_common_order(read_predictions(folder / PREDICTIONS))
    return TestedRun(
        name, folder, predictions, float(threshold), tested_checkpoint(folder, metrics), metrics.get("notes", [])
    )


def _costs(runs: list[TestedRun], timed: bool) -> list[dict[str, Any]]:
    """Facts of each run's checkpoint; nothing of a run whose checkpoint is gone."""
    files = [one.checkpoint for one in runs if one.checkpoint is not None]
    if not files:
        return [{} for _ in runs]
    from dfdetect.models.cost import measure_costs
    from dfdetect.quiet import quiet_third_parties

    quiet_third_parties()
    measured = iter(measure_costs(files, timed))
    return [{} if one.checkpoint is None else next(measured) for one in runs]
