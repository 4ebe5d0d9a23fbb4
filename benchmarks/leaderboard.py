"""Train, test and rank detectors by one resumable command, each held against the first by paired intervals.

    python benchmarks/leaderboard.py run       # days without a GPU; --rows does a part of it
    python benchmarks/leaderboard.py run --first-folds 2   # at reduced length; later, without it, the rest
    python benchmarks/leaderboard.py report    # docs/leaderboard.md and its picture, from what was saved

Data is read from $DFDETECT_DATA (a folder a set), weights from where the plan's options say. Runs lie below --out; what
the report needs of a finished test is saved below --saved, so that it can be written without them, and a table may grow
over many days and machines. A plan with one data set only is an ablation: no cross-dataset tests.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from leaderboard_page import write_report
from leaderboard_results import ALL_OF, folds_of, read_facts, read_test, save_facts, save_test, test_file

from dfdetect.crossval import Fold
from dfdetect.evaluation.tables import METRICS

PLAN = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: of its folder.
        folds: of a cross-validation; 0 for one training with one test part.
        split: `data.split`; `grouped` by what the audit finds.
    """

    name: str
    folds: int = 0
    split: str = "auto"


@dataclass(frozen=True)
class Row:
    """One detector.

    Attributes:
        name: of its folder and row.
        about: what it is, in words.
        written: options of `dfdetect fit`, as in the plan; of an ensemble those of `dfdetect ensemble`.
        members: names of the rows that an ensemble joins, fold by fold; of any other row none.
    """

    name: str
    about: str
    written: list[str]
    members: tuple[str, ...] = ()

    @property
    def asked(self) -> list[str]:
        """All that makes it what it is, as in the plan."""
        return [*self.members, *self.written]

    @property
    def options(self) -> list[str]:
        """With the environment's variables filled in."""
        return [os.path.expandvars(word) for word in self.written]


def read_plan(file: Path) -> tuple[list[DataSet], list[Row]]:
    """The sets and the rows of a plan."""
    plan = yaml.safe_load(file.read_text(encoding="utf-8"))
    sets = [DataSet(name, **settings) for name, settings in plan["sets"].items()]
    rows = [
        Row(name, one["about"], _words(one.get("options", [])), tuple(one.get("ensemble", ())))
        for name, one in plan["rows"].items()
    ]
    return sets, rows


def _words(written: Any) -> list[str]:
    return shlex.split(written) if isinstance(written, str) else [word for part in written for word in _words(part)]


def run(sets: Sequence[DataSet], rows: Sequence[Row], out: Path, saved: Path, first_folds: int | None = None) -> None:
    """Train, test and keep whatever is not kept yet; of a cross-validation all folds, or so many of them."""
    for row in rows:
        refuse_changed(row, out, saved)
        for one in sets:
            wanted = min(one.folds, first_folds or one.folds)
            kept = read_test(saved, row.name, one.name)
            if kept is None or len(kept.folds) < wanted:
                folder = join(row, one, out) if row.members else train(row, one, out, wanted)
                save_facts(saved, row.name, row.about, row.asked, one.name, folds_of(folder)[0])
                save_test(saved, row.name, one.name, one.name, folds_of(folder))
        if len(sets) > 1:
            cross(row, sets, out, saved)


def refuse_changed(row: Row, out: Path, saved: Path) -> None:
    """Results of other options are not gone on with; what a row is trained by is noted before it begins."""
    noted = out / row.name / "options.json"
    known = {saved: read_facts(saved, row.name).get("options"), out: read_list(noted) if noted.is_file() else None}
    for place, before in known.items():
        if before not in (None, row.asked):
            said = f"{row.name} was begun with other options: {shlex.join(before)}"
            raise SystemExit(f"{said}. Remove {place / row.name}, or put them back")
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text(json.dumps(row.asked), encoding="utf-8")


def read_list(file: Path) -> list[str]:
    """Words of a JSON file."""
    return [str(word) for word in json.loads(file.read_text(encoding="utf-8"))]


def train(row: Row, one: DataSet, out: Path, folds: int) -> Path:
    """Train and test on one set, or go on with it; returns the folder of the run or of the cross-validation.

    Where fewer folds are wanted than the set has, the first are trained, and their robustness is not measured.
    """
    folder = out / row.name / one.name
    options = [*row.options, *data_options(one, out)]
    if folds < one.folds:
        for fold in [Fold(folder, 0, number, one.folds) for number in range(folds)]:
            fit(fold.run, [*options, *fold.settings()])
            test(fold.run, robustness=False)
        return folder
    if one.folds:
        call(["crossval", *options, "--folds", str(one.folds), "--out", str(folder)])
        test(folds_of(folder)[0], robustness=True)
        return folder
    fit(folder, [f"--run={folder}", *options])
    test(folder, robustness=True)
    return folder


def fit(run: Path, options: Sequence[str]) -> None:
    """Train one run, or go on with it."""
    begun = (run / "checkpoints" / "last.ckpt").exists()
    if not (run / "checkpoints" / "finished").exists():
        call(["fit", *([f"--run={run}", "--ckpt_path", "last"] if begun else options)])
        (run / "checkpoints" / "finished").touch()


def first_run(row: Row, one: DataSet, out: Path) -> Path:
    """The run that is judged by other data sets: the first fold's of a cross-validation.

    It is trained again, as that fold was, where a machine holds the results of a set only and not its runs.
    """
    folder = out / row.name / one.name
    fold = Fold(folder, 0, 0, one.folds) if one.folds else None
    run = fold.run if fold else folder
    if not (run / METRICS).exists():
        if row.members:
            members = [folds_of(out / member / one.name)[0] for member in row.members]
            call(["ensemble", *map(str, members), "--run", str(run), *row.options])
        else:
            fit(run, [*row.options, *data_options(one, out), *(fold.settings() if fold else [f"--run={run}"])])
        test(run, robustness=False)
    return run


def join(row: Row, one: DataSet, out: Path) -> Path:
    """Join and test the members' runs on one set, of a cross-validation those of each fold; returns the folder."""
    folder = out / row.name / one.name
    runs = [folds_of(out / member / one.name) for member in row.members]
    for member, own in zip(row.members, runs, strict=True):
        if len(own) < max(1, one.folds) or not (own[0] / METRICS).exists():
            raise SystemExit(f"{row.name} joins {member}, which is not trained on {one.name} in {out}: run it first")
    for number, members in enumerate(zip(*runs, strict=True)):
        place = folder / members[0].name if one.folds else folder
        if not (place / "checkpoints" / "best.ckpt").exists():
            call(["ensemble", *map(str, members), "--run", str(place), *row.options])
        test(place, robustness=number == 0)
    return folder


def test(run: Path, robustness: bool) -> None:
    """Test a run, unless that is done."""
    wanted = [METRICS, "robustness.json"] if robustness else [METRICS]
    if not all((run / name).exists() for name in wanted):
        call(["test", "--run", str(run), *(["--robustness"] if robustness else [])])


def data_options(one: DataSet, out: Path) -> list[str]:
    """Which images, and how they are divided; the audit that finds their groups is made once."""
    root = Path(os.environ["DFDETECT_DATA"]) / one.name
    options = ["--data.download", "false", "--data.split", one.split]
    if one.split != "grouped":
        return ["--data.root", str(root), *options]
    manifest = out / "audit" / one.name / "manifest.csv"
    if not manifest.exists():
        call(["audit", str(root), "--out", str(manifest.parent)])
    return ["--data.manifest", str(manifest), *options]


def cross(row: Row, sets: Sequence[DataSet], out: Path, saved: Path) -> None:
    """Judge the detector of each set, the first fold's of a cross-validation, by all images of the others."""
    for own in sets:
        for other in sets:
            name = f"{own.name} on {other.name}"
            if own is other or test_file(saved, row.name, name).exists():
                continue
            checkpoint = first_run(row, own, out) / "checkpoints" / "best.ckpt"
            place = out / row.name / "cross" / name.replace(" ", "-")
            if not results_of(place):
                root = next(option for option in data_options(other, out) if Path(option).exists())
                call(["test", "--ckpt_path", str(checkpoint), "--data.root", root, "--run", str(place)])
            save_test(saved, row.name, name, f"{ALL_OF}{other.name}", results_of(place))


def results_of(place: Path) -> list[Path]:
    """The folder, below that of a detector's tests, with the results on another data set; empty before it is tested."""
    return [file.parent for file in place.glob(f"cross-dataset/*/{METRICS}")]


def call(arguments: Sequence[str]) -> None:
    """Run dfdetect in a process of its own."""
    print("+ dfdetect", shlex.join(arguments), flush=True)
    if code := subprocess.run([sys.executable, "-m", "dfdetect", *arguments], check=False).returncode:
        raise SystemExit(f"dfdetect {arguments[0]} ended with {code}; the same command goes on from there")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--plan", type=Path, default=PLAN, help="default: benchmarks/leaderboard.yaml")
    parser.add_argument("--rows", nargs="+", help="only these")
    parser.add_argument("--first-folds", type=int, metavar="N", help="of a cross-validation only the first N folds")
    parser.add_argument("--out", type=Path, help="folder of the runs; default: the plan's name, here")
    parser.add_argument("--saved", type=Path, help="default: a folder of the plan's name beside it")
    parser.add_argument("--page", type=Path, help="default: docs/NAME.md, its picture in docs/images")
    parser.add_argument("--against", metavar="ROW", help="a report's row to hold others against; default: the first")
    options = parser.parse_args()
    sets, rows = read_plan(options.plan)
    name, saved = options.plan.stem, options.saved or options.plan.with_suffix("")
    known = [row.name for row in rows]
    first = options.against or known[0]
    if unknown := sorted({first, *(options.rows or [])} - set(known)):
        raise SystemExit(f"{options.plan} has no row {', '.join(unknown)}; there are: {', '.join(known)}")
    if options.what == "run":
        if "DFDETECT_DATA" not in os.environ:
            raise SystemExit(f"Where is the data? export DFDETECT_DATA=FOLDER, with {', '.join(s.name for s in sets)}")
        wanted = [row for row in rows if row.name in (options.rows or known)]
        run(sets, wanted, (options.out or Path(name)).resolve(), saved.resolve(), options.first_folds)
    else:
        page = options.page or Path("docs", f"{name}.md")
        write_report(name, sets, sorted(known, key=lambda row: row != first), saved, page)


if __name__ == "__main__":
    main()
