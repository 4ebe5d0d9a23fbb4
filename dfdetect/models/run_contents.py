"""Reads what lies in a run's folder, for its report: what is missing is left empty, what is damaged is named."""

import csv
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from dfdetect.data.splits import PARTS
from dfdetect.errors import CheckpointError, ResultsError
from dfdetect.evaluation.contents import PartCount, Results, RunContents
from dfdetect.evaluation.stored import checked_metrics, name_of_run, read_json, tested_checkpoint
from dfdetect.evaluation.tables import METRICS
from dfdetect.models.audit_of_run import TrainedOn, checked_findings, find_audit, torn_pairs
from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint
from dfdetect.models.stored_notes import with_current_notes
from dfdetect.runs import COMMANDS, CONFIG, SKIPPED

T = TypeVar("T")
_ROBUSTNESS, _SPLIT = "robustness.json", "split.csv"
_FIGURES = ("confusion_matrix", "roc", "pr", "reliability", "abstention", "robustness", "mistakes", "curves")
_MOST_PICTURE = 8_000_000
"""Bytes of a figure; ours are far smaller, and a page that holds more opens slowly."""


def read_run(run: Path) -> RunContents:
    """Everything a report says of the run in this folder.

    Raises:
        ResultsError: no results of a test and no checkpoint lie there.
    """
    reader = Reader()
    metrics = reader.attempt(checked_metrics, run / METRICS)
    others = {f.parent.name: reader.attempt(checked_metrics, f) for f in sorted(run.glob(f"cross-dataset/*/{METRICS}"))}
    known = {name: result for name, result in others.items() if result and reader.is_current(name, result, metrics)}
    file = tested_checkpoint(run, metrics or next(iter(known.values()), {}))
    if metrics is None and not known and file is None:
        raise ResultsError(f"{run}: no results of a test and no checkpoint. Name a run's folder: dfdetect report RUN")
    checkpoint = reader.attempt(read_detector_checkpoint, file) or {} if file else {}
    data = _plain(checkpoint.get("datamodule_hyper_parameters", {}))
    facts = checkpoint.get(FACTS_KEY, {})
    findings, is_its_manifest = find_audit(run, _trained_on(facts, data, metrics))
    audit = reader.attempt(checked_findings, findings) if findings else None
    curves = reader.curves(run, _ROBUSTNESS, metrics)
    others_curves = {name: reader.curves(*_place(run, name), result) for name, result in known.items()}
    figures = {stem: run / f"{stem}.png" for stem in _FIGURES if curves or stem != "robustness"}
    figures |= {
        f"robustness of {n}": _place(run, n)[0] / "robustness.png" for n, found in others_curves.items() if found
    }
    return RunContents(
        name=name_of_run(run),
        checkpoint=str(file or ""),
        epoch=checkpoint.get("epoch"),
        facts=facts,
        model=_plain(checkpoint.get("hyper_parameters", {})),
        data=data,
        trainer=reader.attempt(_trainer_settings, run / CONFIG) or {},
        commands=reader.attempt(read_commands, run / COMMANDS) or (),
        counts=reader.attempt(_counts, run / _SPLIT) or (),
        metrics=with_current_notes(metrics, facts) if metrics else metrics,
        robustness=curves,
        others=known,
        others_robustness={name: found for name, found in others_curves.items() if found},
        audit=audit,
        torn=(reader.attempt(partial(torn_pairs, audit), run / _SPLIT) or {}) if audit else {},
        grouped_by_audit=is_its_manifest,
        figures={stem: png for stem, path in figures.items() if (png := reader.attempt(read_png, path))},
        n_skipped=reader.attempt(_n_rows, run / SKIPPED) or 0,
        troubles=reader.troubles,
    )


class Reader:
    """Tries to read things, and keeps in words what went wrong."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def attempt(self, read: Callable[[Path], T], file: Path) -> T | None:
        """What `read` makes of a file; None where it fails or there is no such file."""
        try:
            return read(file) if file.exists() else None
        except (CheckpointError, ResultsError) as error:
            self.troubles.append(str(error))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error, yaml.YAMLError) as error:
            self.troubles.append(f"{file}: cannot be read ({' '.join(str(error).split())})")
        return None

    def curves(self, folder: Path, called: str, metrics: Results | None) -> Results | None:
        """The robustness curves in a folder, where they are of the checkpoint that its metrics are of."""
        found = self.attempt(_checked_robustness, folder / _ROBUSTNESS)
        return found if found and self.is_current(called, found, metrics) else None

    def is_current(self, name: str, result: Results, metrics: Results | None) -> bool:
        """Whether a result is of the checkpoint that metrics.json is of; what an earlier test left is named."""
        if metrics is None or _same_checkpoint(result, metrics):
            return True
        self.troubles.append(f"{name}, which is of another checkpoint than {METRICS}; test it again")
        return False


def _place(run: Path, name: str) -> tuple[Path, str]:
    """The folder of the results on another data set, and how its curves are called."""
    return run / "cross-dataset" / name, f"cross-dataset/{name}/{_ROBUSTNESS}"


def _same_checkpoint(first: Results, second: Results) -> bool:
    """By the files' content where both results name it, else by the file's name and the threshold fitted for it."""
    contents = [(result.get("tested") or {}).get("checkpoint_sha256") for result in (first, second)]
    if all(contents):
        return bool(contents[0] == contents[1])
    names = [Path(str(result.get("checkpoint") or "")).name for result in (first, second)]
    return bool(names[0] == names[1] and first.get("threshold") == second.get("threshold"))


def _checked_robustness(file: Path) -> Results:
    content = read_json(file)
    try:
        for curve in content["corruptions"].values():
            for point in curve["severities"]:
                _ = point["auroc"], point["flips"], point["intervals"], point["flips_to_fake"], point["flips_to_real"]
        _ = content["weakest"], content["most_flips"], content["clean"]["auroc"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{file}: not what dfdetect test --robustness writes ({error})") from error
    return content


def _trained_on(facts: dict[str, Any], data: dict[str, Any], metrics: Results | None) -> TrainedOn:
    """What the run knows of its data; a test of the same data noted where it lies."""
    split, tested = facts.get("split") or {}, (metrics or {}).get("tested") or {}
    same = "data_fingerprint" in split and tested.get("data_fingerprint") == split["data_fingerprint"]
    return TrainedOn(split, data, str(tested.get("location") or "") if same else "")


def _trainer_settings(file: Path) -> dict[str, Any]:
    """Settings of the trainer and the seed, from a configuration that the command line saved."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    trainer = content.get("trainer") if isinstance(content, dict) else None
    if not isinstance(trainer, dict):
        raise ResultsError(f"{file}: no settings of a trainer")
    return trainer | {"seed_everything": content.get("seed_everything"), "augment": _augment(content)}


def _augment(content: dict[str, Any]) -> str | None:
    """Names of the augmentations, where they are not the default ones."""
    listed = (content.get("data") or {}).get("augment")
    if listed is None:
        return None
    return ", ".join(str(one.get("class_path", "?")).rpartition(".")[2] for one in listed) or "none"


def read_commands(file: Path) -> list[tuple[str, str]]:
    """UTC time and command line, of each line of a commands.txt."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [(when, command) for when, tab, command in (line.partition("\t") for line in lines) if tab]


def _counts(file: Path) -> list[PartCount]:
    with open(file, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [_count(part, [row for row in rows if row["split"] == part]) for part in PARTS]


def _count(part: str, rows: list[dict[str, str]]) -> PartCount:
    grouped = any(row.get("group") for row in rows)
    n_fake = sum(row["label"] == "fake" for row in rows)
    groups = len({row.get("group") or row["path"] for row in rows}) if grouped else None
    return PartCount(part, len(rows) - n_fake, n_fake, groups, Counter(row.get("source") or "" for row in rows))


def read_png(file: Path) -> bytes:
    """A figure as it is; raises `ResultsError` for what is none of ours."""
    content = file.read_bytes()
    if not content.startswith(b"\x89PNG\r\n") or len(content) > _MOST_PICTURE:
        raise ResultsError(f"{file}: not one of our figures")
    return content


def _n_rows(file: Path) -> int:
    with open(file, newline="", encoding="utf-8") as stream:
        return sum(1 for _ in csv.DictReader(stream))


def _plain(settings: Any) -> dict[str, Any]:
    """Settings without what Lightning notes for itself."""
    return {name: value for name, value in settings.items() if not name.startswith("_")}
