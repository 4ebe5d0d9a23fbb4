"""`dfdetect crossval`: train and test a detector once a fold, as often as asked for, and report on all of it."""

import argparse
import json
import os
import queue
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from dfdetect.errors import ResultsError, TrainingError, UsageError
from dfdetect.evaluation.plan import PLAN, read_plan
from dfdetect.evaluation.tables import METRICS, write_json
from dfdetect.files import sha256_of
from dfdetect.runs import LOG_FOLDER, find_config, note_command

LOG = "log.txt"
_OURS = ("--data.folds", "--data.fold", "--data.split_seed", "--seed_everything", "--run", "--ckpt_path")


@dataclass(frozen=True)
class Fold:
    """One training and its test.

    Attributes:
        out: folder of the whole cross-validation.
        repeat: number of the repetition, from 0; it seeds the folds and the training.
        fold: number of the test part, from 0.
        folds: how many there are.
    """

    out: Path
    repeat: int
    fold: int
    folds: int

    @property
    def run(self) -> Path:
        """Folder of its run."""
        return self.out / f"repeat{self.repeat}-fold{self.fold}"

    def is_done(self) -> bool:
        """Whether it was trained and tested; the metrics are written last."""
        return (self.run / METRICS).is_file()

    def settings(self) -> list[str]:
        """What makes its training this fold's."""
        return [
            f"--data.folds={self.folds}",
            f"--data.fold={self.fold}",
            f"--data.split_seed={self.repeat}",
            f"--seed_everything={self.repeat}",
            f"--run={self.run}",
        ]


def run(name: str, arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    options, training = _parser(name).parse_known_args(arguments)
    _refuse_ours(training)
    configs = [find_config(config) for config in options.config]
    training = [part for config in configs for part in ("--config", str(config))] + training
    out = options.out or Path(LOG_FOLDER, f"{configs[-1].stem if configs else 'dfdetect'}-crossval")
    if options.folds < 2 or options.repeats < 1 or (options.jobs is not None and options.jobs < 1):
        raise UsageError("crossval needs --folds of at least 2, --repeats and --jobs of at least 1")
    _refuse_incomparable(out, options.against)
    _claim(out, {"folds": options.folds, "training": training}, configs)
    note_command(out, shlex.join(["dfdetect", name, *arguments]))
    repeats = [[Fold(out, r, number, options.folds) for number in range(options.folds)] for r in range(options.repeats)]
    _run_all([fold for repeat in repeats for fold in repeat if not fold.is_done()], training, options.jobs)
    return _report(out, [fold.run for repeat in repeats for fold in repeat], options.against, options.json)


def _report(out: Path, runs: Sequence[Path], other: Path | None, as_json: bool) -> int:
    """Write and print the results; a comparison that cannot be made leaves them without one, and is told last."""
    from dfdetect.crossval_results import write_results
    from dfdetect.evaluation.crossval import difference
    from dfdetect.evaluation.crossval_text import crossval_table, difference_table

    against, trouble = None, ""
    try:
        against = difference(out, other) if other else None
    except ResultsError as error:
        trouble = str(error)
    result, page, _ = write_results(out, runs, against)
    text = crossval_table(result) + (f"\n{difference_table(against)}" if against else "")
    said = f"{text}\n\nWritten to {out}\nTo read: {page}\n"
    sys.stdout.write(json.dumps(result, indent=2) + "\n" if as_json else said)
    if trouble:
        raise ResultsError(f"{trouble}. The results in {out} are whole, but compared with nothing")
    return 0


def _refuse_incomparable(out: Path, other: Path | None) -> None:
    """Hours before the comparison: raises `UsageError` where it cannot be made."""
    if other is None:
        return
    from dfdetect.evaluation.crossval import refuse_incomparable

    try:
        refuse_incomparable(out, other)
    except ResultsError as error:
        raise UsageError(f"--against {error}") from error


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"dfdetect {name}",
        description=f"{__doc__} All other options are those of `dfdetect fit`. Folds that are finished are not run "
        "again: the same command goes on after an interruption.",
        epilog="example: dfdetect crossval --config mobilenetv2 --data.manifest audit/manifest.csv --repeats 3",
        allow_abbrev=False,
    )
    parser.add_argument("-c", "--config", action="append", default=[], help="a configuration, as for fit")
    parser.add_argument("--folds", type=int, default=5, help="equal test parts that together are all images (5)")
    parser.add_argument("--repeats", type=int, default=1, help="how often, with other folds and other weights (1)")
    parser.add_argument("--out", type=Path, help=f"folder of it all ({LOG_FOLDER}/CONFIG-crossval)")
    parser.add_argument("--jobs", type=int, help="folds side by side; by default one a GPU, without a GPU 1")
    parser.add_argument("--against", type=Path, help="folder of another cross-validation of the same images: compare")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _refuse_ours(training: Sequence[str]) -> None:
    for option in training:
        if option.split("=")[0] in _OURS:
            raise UsageError(f"crossval sets {option.split('=')[0]} for each fold by itself; leave it out")


def _claim(out: Path, plan: dict[str, object], configs: Sequence[Path]) -> None:
    """Keep one cross-validation to a folder; raises `UsageError` where another one lies there, or a config changed."""
    file, digests = out / PLAN, {str(config): sha256_of(config) for config in configs}
    try:
        begun = read_plan(file) if file.is_file() else plan
    except ResultsError as error:
        raise UsageError(str(error)) from error
    before: Any = begun.pop("configs", digests) if isinstance(begun, dict) else digests
    before = before if isinstance(before, dict) else {}  # damaged: nothing is known of them
    if begun != plan:
        raise UsageError(f"{out} holds another cross-validation ({json.dumps(begun)}); name another folder: --out DIR")
    if before != digests:
        changed = ", ".join(name for name in digests if before.get(name) != digests[name])
        raise UsageError(
            f"{changed} was changed since folds in {out} began. Put it back, or name another folder: --out DIR"
        )
    write_json(file, plan | {"configs": digests})


def _run_all(folds: Sequence[Fold], training: Sequence[str], jobs: int | None) -> None:
    """Run each fold in a process of its own; the first failure stops those that have not begun."""
    devices: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    found = _gpus()
    jobs = jobs or max(1, len(found))
    for number in range(jobs):
        devices.put(found[number % len(found)] if len(found) > 1 else None)

    def work(fold: Fold) -> None:
        device = devices.get()
        try:
            _run_fold(fold, training, device)
        finally:
            devices.put(device)

    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(folds), unit="fold", disable=None if folds else True) as bar:
        running = [pool.submit(work, fold) for fold in folds]
        for one in running:
            one.add_done_callback(lambda done: bar.update(not done.cancelled() and done.exception() is None))
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    for one in running:
        if not one.cancelled():
            one.result()


def _run_fold(fold: Fold, training: Sequence[str], device: str | None) -> None:
    fold.run.mkdir(parents=True, exist_ok=True)
    begun = (fold.run / "checkpoints" / "last.ckpt").exists()
    environment = os.environ | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})
    with open(fold.run / LOG, "a", encoding="utf-8") as log:
        _lock(log, fold)
        for command in (
            ["fit", *training, *fold.settings(), *(["--ckpt_path", "last"] if begun else [])],
            ["test", f"--run={fold.run}"],
        ):
            line = [sys.executable, "-m", "dfdetect", *command]
            if subprocess.run(line, env=environment, stdout=log, stderr=log, check=False).returncode:  # noqa: S603
                raise TrainingError(f"{fold.run}: {command[0]} failed{_cause(fold.run / LOG)}; see {fold.run / LOG}")


def _cause(log: Path) -> str:
    """The last error that a log holds, in brackets."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix("dfdetect: error: ") for line in lines if line.startswith("dfdetect: error: ")]
    return f" ({errors[-1]})" if errors else ""


def _lock(log: TextIO, fold: Fold) -> None:
    """Keep a fold to one training: the lock lives as long as the process that opened this log, or its child.

    So a training that outlived its killed parent is seen. Windows has no such lock.
    """
    if find_spec("fcntl") is None:
        return
    import fcntl

    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrainingError(f"{fold.run} is still being trained by another process; stop it, or wait for it") from None


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [device for device in visible.split(",") if device]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]
