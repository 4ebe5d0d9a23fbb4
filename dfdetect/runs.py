"""Which run, which checkpoint, which configuration: decided once, from the command line, before anything heavy starts.

A run is one folder `lightning_logs/<name>/version_<n>/` with config.yaml, checkpoints/, events and results.
"""

import argparse
import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from dfdetect.errors import CheckpointError, ResultsError, UsageError
from dfdetect.evaluation.plan import PLAN
from dfdetect.files import sha256_of

LOG_FOLDER = "lightning_logs"
CONFIG, SKIPPED = "config.yaml", "skipped.csv"
COMMANDS = "commands.txt"
"""One line for each fit and test that wrote into a run: UTC time, a tab, the command line."""
_CHOSEN = "DFDETECT_CHOSEN_CHECKPOINT"
_NAMELESS = frozenset({"robustness"})
"""A configuration with no other setting says how to test, not what was trained: no run is called after it."""
_PACKAGED_CONFIGS = (Path(__file__).parent / "configs", Path(__file__).parent.parent / "configs")


@dataclass
class Plan:
    """What a command line comes to.

    Attributes:
        subcommand: fit, validate, test or predict.
        arguments: for the parser: configuration names resolved to files, `--ckpt_path` taken out.
        name: name of a new run.
        checkpoint: to load; None for a fresh fit.
        run: folder that is continued or that results are written into; None for a new one.
        run_is_named: whether the command line names that folder, which then need not lie in NAME/version_N.
        command: the command line as it was typed, for the run's record.
    """

    subcommand: str
    arguments: list[str]
    name: str
    checkpoint: Path | None = None
    run: Path | None = None
    run_is_named: bool = False
    command: str = ""


def make_plan(subcommand: str, arguments: Sequence[str]) -> Plan:
    """Read the few options that decide on a run, and find its checkpoint.

    Raises:
        CheckpointError: a URL, a missing file, or nothing trained yet.
        UsageError: `--weights_only false`, a configuration name that is not known, or a checkpoint of one run for the
            folder of another.
    """
    options, rest = _scanner().parse_known_args(list(arguments))
    if (options.weights_only or "true").lower() not in ("true", "null"):
        raise UsageError("--weights_only false would run code from a checkpoint; dfdetect never does")
    configs = [find_config(name) for name in options.config]
    contents = [_read(config) for config in configs]
    given = options.ckpt_path or _checkpoint_in(contents)
    naming = [config for config, content in zip(configs, contents, strict=True) if set(content) != _NAMELESS]
    name = _run_name(naming)
    rebuilt = [part for config in configs for part in ("--config", str(config))] + rest
    plan = Plan(subcommand, rebuilt, name)
    asks_for_help = any(part in ("-h", "--help") or part.split("=")[0].endswith(".help") for part in rest)
    if asks_for_help:
        return plan
    if options.run is not None:
        return _take_named(plan, Path(options.run), given, rest)
    if given in (None, "last", "best"):
        if given is None and subcommand == "fit":
            return plan
        _take_newest(plan, given or "best", name if naming else None)
        if subcommand == "fit" and plan.run is not None:
            # a run goes on with its own settings, not with what its recipe's file says by now
            plan.arguments = ["--config", str(plan.run / CONFIG), *rest]
    else:
        plan.checkpoint = local_checkpoint(str(given))
        plan.run = run_of(plan.checkpoint) if subcommand != "fit" else None
    return plan


def _take_named(plan: Plan, run: Path, given: str | None, rest: list[str]) -> Plan:
    """The run in a folder that the command line names: begun there, continued there, or judged there."""
    last = run / "checkpoints" / "last.ckpt"
    plan.run, plan.run_is_named = run, True
    if plan.subcommand == "fit" and given is None:
        if last.exists():
            raise UsageError(f"{run} holds a run. Go on with it: --ckpt_path last; or name another folder: --run DIR")
        return plan
    checkpoint = last if given == "last" else last.with_name("best.ckpt") if given in (None, "best") else Path(given)
    plan.checkpoint = local_checkpoint(str(checkpoint))
    if given not in (None, "best", "last"):
        _refuse_foreign(plan, plan.checkpoint, run)
    if plan.subcommand == "fit" and (run / CONFIG).is_file():
        plan.arguments = ["--config", str(run / CONFIG), *rest]
    return plan


def _refuse_foreign(plan: Plan, checkpoint: Path, run: Path) -> None:
    """Refuse to put what comes of one run's checkpoint among what came of another; raises `UsageError`.

    A folder in which nothing of another checkpoint lies takes any, and whatever lies in a run is its own.
    """
    home = run_of(checkpoint)
    own = checkpoint.resolve().is_relative_to(run.resolve()) if home is None else home.resolve() == run.resolve()
    if own or not _is_taken(run, checkpoint):
        return
    place = f", and they go into {home}" if home is not None and plan.subcommand != "fit" else ""
    raise UsageError(
        f"{run} is not of {checkpoint}, whose results would mix with those that lie there. Name another folder: "
        f"--run DIR; or leave out --run{place}"
    )


def _is_taken(folder: Path, checkpoint: Path) -> bool:
    """Whether a run or a cross-validation lies in a folder, or results of another checkpoint than this one."""
    if any((folder / name).exists() for name in (CONFIG, "checkpoints", PLAN)):
        return True
    from dfdetect.evaluation.stored import read_metrics  # what loads NumPy, so not before it is needed
    from dfdetect.evaluation.tables import METRICS

    try:
        tested = read_metrics(folder / METRICS).get("tested") or {}
    except ResultsError:  # there are none, or nothing is lost with them
        return False
    return bool(tested.get("checkpoint_sha256") != sha256_of(checkpoint))


def find_config(name: str) -> Path:
    """A configuration file by path, or by the bare name of one that ships with the package."""
    path = Path(name)
    if path.is_file():
        return path
    for folder in _PACKAGED_CONFIGS:
        packaged = folder / f"{path.name.removesuffix('.yaml')}.yaml"
        if packaged.is_file() and (path.parent == Path() or path.parent == Path("configs")):
            return packaged
    raise UsageError(f"No configuration {name!r}: neither a file nor one of {', '.join(packaged_configs())}")


def packaged_configs() -> list[str]:
    """Bare names of the configurations that ship with the package."""
    return sorted({file.stem for folder in _PACKAGED_CONFIGS for file in folder.glob("*.yaml")})


def note_command(folder: Path, command: str) -> None:
    """Add a command line, with the time, to the record of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    with open(folder / COMMANDS, "a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(f"{now}\t{' '.join(command.splitlines())}\n")


def run_of(checkpoint: Path) -> Path | None:
    """The run folder a checkpoint lies in; None for one that was taken elsewhere."""
    folder = checkpoint.resolve().parent.parent
    inside = checkpoint.resolve().parent.name == "checkpoints" and (folder / CONFIG).is_file()
    return _relative(folder) if inside else None


def named_folder(place: Path, command: str) -> Path:
    """The folder that a command line names, by itself or by a file in it.

    Raises:
        ResultsError: there is no such file or folder; `command` is the one that it was named to.
    """
    if not place.exists():
        raise ResultsError(f"{place}: no such run. Name its folder: dfdetect {command} {LOG_FOLDER}/NAME/version_0")
    return place if place.is_dir() else place.parent


def training_manifest(data: Mapping[str, Any], run: Path | None) -> Path | None:
    """The manifest that settings of a data module name, whether it is there or not; None where they name a folder.

    A relative path was named from the training's folder: where it is not here, it is looked for in that of
    lightning_logs/NAME/version_N.
    """
    listed = Path(data.get("manifest") or data.get("root") or "")
    if listed.suffix.lower() != ".csv":
        return None
    if not listed.exists() and run is not None and len(run.resolve().parents) > 2:
        return run.resolve().parents[2] / listed
    return listed


def newest_checkpoint(which: str, name: str | None = None, root: str | Path = LOG_FOLDER) -> Path | None:
    """The most recently written `best.ckpt` or `last.ckpt` of all runs, or of the runs of one name."""
    found = Path(root).glob(f"{glob.escape(name) if name else '*'}/version_*/checkpoints/{which}.ckpt")
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _refuse_passing_over(checkpoint: Path | None, name: str | None) -> None:
    """Refuse to go on with a run where a newer one was stopped before it had a checkpoint; raises `CheckpointError`."""
    configs = Path(LOG_FOLDER).glob(f"{glob.escape(name) if name else '*'}/version_*/{CONFIG}")
    newest = max(configs, key=lambda path: path.stat().st_mtime_ns, default=None)
    if newest is None or (newest.parent / "checkpoints" / "last.ckpt").exists():
        return
    if checkpoint is None or newest.stat().st_mtime_ns > checkpoint.stat().st_mtime_ns:
        older = f", or remove that folder to go on with {checkpoint.parent.parent}" if checkpoint else ""
        raise CheckpointError(
            f"The newest run, {newest.parent}, was stopped before its first checkpoint. Start it again: "
            f"dfdetect fit --config {newest}{older}"
        )


def _take_newest(plan: Plan, which: str, name: str | None) -> None:
    child = "LOCAL_RANK" in os.environ and os.environ.get(_CHOSEN)
    checkpoint = Path(child) if child else newest_checkpoint(which, name)
    if plan.subcommand == "fit":
        _refuse_passing_over(checkpoint, name)
    if checkpoint is None:
        raise CheckpointError(_nothing_trained(plan.subcommand, which, name))
    os.environ[_CHOSEN] = str(checkpoint)  # processes that this one starts for further devices take the same
    plan.checkpoint = checkpoint
    plan.run = run_of(checkpoint)


def _nothing_trained(subcommand: str, which: str, name: str | None) -> str:
    others = sorted({path.parts[-4] for path in Path(LOG_FOLDER).glob(f"*/version_*/checkpoints/{which}.ckpt")})
    where = f"of the name {name!r} in {LOG_FOLDER}" if name else f"in {LOG_FOLDER}"
    hint = f"; there are runs of {', '.join(others)}" if others and name else ""
    config = name if name in packaged_configs() else "mobilenetv2"
    start = f"dfdetect fit --config {config}"
    fix = f"Start one: {start}" if subcommand == "fit" else f"Train first: {start}, or name a file: --ckpt_path FILE"
    return f"No {which}.ckpt {where}{hint}. {fix}"


def local_checkpoint(path: str) -> Path:
    """The file a user named; raises `CheckpointError` for a URL or where there is none."""
    if "://" in path:
        raise CheckpointError(f"{path}: a checkpoint is read from a local file only; download it and check it first")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    return Path(path)


def _scanner() -> argparse.ArgumentParser:
    scanner = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scanner.add_argument("-c", "--config", action="append", default=[])
    scanner.add_argument("--ckpt_path")
    scanner.add_argument("--weights_only")
    scanner.add_argument("--run")
    return scanner


def _read(config: Path) -> dict[str, Any]:
    """A configuration's settings; what is no mapping is left to the parser to refuse."""
    try:
        content: Any = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{config}: not a YAML file ({' '.join(str(error).split())})") from error
    return content if isinstance(content, dict) else {}


def _checkpoint_in(contents: list[dict[str, Any]]) -> str | None:
    return next((content["ckpt_path"] for content in reversed(contents) if content.get("ckpt_path")), None)


def _run_name(configs: list[Path]) -> str:
    """A run is called as its last configuration's file, or for a run's own config.yaml as that run."""
    if not configs:
        return "dfdetect"
    last = configs[-1].resolve()
    is_run_config = last.name == CONFIG and last.parent.name.startswith("version_")
    return last.parent.parent.name if is_run_config else last.stem


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
