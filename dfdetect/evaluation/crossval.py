"""The result of a cross-validation: means over its folds with intervals, and what separates two of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.errors import ResultsError
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.crossval_sources import by_source
from dfdetect.evaluation.evaluate import Predictions, caveats
from dfdetect.evaluation.exact import Evidence, evidence_of
from dfdetect.evaluation.intervals import percentile_interval, resample_average
from dfdetect.evaluation.metrics import Array, Floats
from dfdetect.evaluation.out_of_fold import (
    Fold,
    average,
    finished_folds,
    number_groups,
    read_folds,
    refuse_other_images,
    row_of,
)
from dfdetect.evaluation.plan import PLAN, options_of, read_plan
from dfdetect.evaluation.tables import METRICS

_MOST_MISTAKES = 16
_OF_ITS_SIZE = re.compile(r"Only [\d,]+ images:|One-sided:|All [\d,]+ ")
"""Notes on a fold's own test part, in whose place stand those on all images."""
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def summarise(folds: Sequence[Fold], of: int, resamples: int = 1000) -> tuple[Results, Predictions]:
    """The result of a cross-validation.

    A metric is measured in each fold, at the threshold that the fold's own validation chose, and averaged: scores of
    different detectors are not ranked against each other. Its interval spans the means in resamples of all groups.

    Args:
        folds: those that are finished, at least one.
        of: folds of a repetition.
        resamples: for the intervals.

    Returns:
        The result: n, n_real, n_fake, n_groups, folds, repeats, finished (number of folds); the mean of each metric
        of `ScoreTable`, with intervals and spread (sd, min, max over the folds); verdicts, counted as a confusion
        matrix over all folds; per_source and worst_group; per_fold; mistakes, the worst first; notes. And each image
        with its p_fake of the detector that has not seen it, the mean over repetitions.

    Raises:
        ResultsError: the folds are not those of one data set.
    """
    refuse_other_images(folds, of)
    members, groups = number_groups(folds)
    means, drawn = _means(folds, resamples)
    evidence = evidence_of([(fold.table(), member) for fold, member in zip(folds, members, strict=True)])
    rows = [row_of(fold, len(np.unique(member))) for fold, member in zip(folds, members, strict=True)]
    pooled, above = average(folds)
    counted = by_source(folds, pooled, members, groups, resamples)
    n_fake = int(pooled.label.sum())
    sources = {s for s, y in zip(pooled.source, pooled.label.tolist(), strict=True) if s and y == 1}
    result = {
        "n": len(pooled.path),
        "n_real": len(pooled.path) - n_fake,
        "n_fake": n_fake,
        "n_groups": groups,
        "folds": of,
        "repeats": 1 + max(fold.repeat for fold in folds),
        "finished": len(folds),
        **means,
        "intervals": {name: _interval(values, groups, evidence.get(name)) for name, values in drawn.items()},
        "spread": {name: _spread([row[name] for row in rows]) for name in means},
        **counted,
        "per_fold": rows,
        "mistakes": _mistakes(pooled, above, folds),
        "notes": caveats(len(pooled.path) - n_fake, n_fake, len(sources)) + _notes([f.metrics for f in folds]),
    }
    return result, pooled


def difference(out: Path, other: Path, resamples: int = 1000) -> Results:
    """Mean over the folds of one cross-validation minus that of another of the same images, with paired intervals.

    Both are measured in the same resamples of the groups that `out` knows.

    Returns:
        folder; only_here and only_there, the options of the training in which both differ; leak_here and leak_there,
        whether a split tore groups apart; of each metric the difference and its interval.

    Raises:
        ResultsError: results are missing, or the images differ.
    """
    mine, theirs = (_finished(folder) for folder in (out, other))
    every = average(mine)[0]
    group = dict(zip(every.path, every.group, strict=True))
    if set(group) != {path for fold in theirs for path in fold.predictions.path}:
        raise ResultsError(f"{out} and {other} were not cross-validated on the same images, or one is not finished")
    alike = [
        replace(fold, predictions=replace(fold.predictions, group=[group[path] for path in fold.predictions.path]))
        for fold in theirs
    ]
    (mean, drawn), (other_mean, other_drawn) = (_means(folds, resamples) for folds in (mine, alike))
    here, there = (_options(folder) for folder in (out, other))
    result: Results = {
        "folder": str(other),
        "only_here": [option for option in here if option not in there],
        "only_there": [option for option in there if option not in here],
        "leak_here": _leaks(mine),
        "leak_there": _leaks(theirs),
    }
    for name, one in mean.items():
        two = other_mean[name]
        value = None if one is None or two is None else one - two
        interval = None if value is None else _interval(drawn[name] - other_drawn[name], len(set(group.values())))
        result[name] = {"difference": value, "interval": interval}
    return result


def refuse_incomparable(out: Path, other: Path) -> None:
    """Check, before anything is trained, what is known already of a comparison that `difference` is to make.

    Args:
        out: folder of the cross-validation, which may not be there yet.
        other: folder of the one that it is to be compared with.

    Raises:
        ResultsError: that one is not finished or damaged, or does not test images that finished folds of `out` do.
    """
    if other.resolve() == out.resolve():
        return
    theirs = _finished(other)
    done, wanted = len(theirs), _number_of_folds(other) * (1 + max(fold.repeat for fold in theirs))
    if done < wanted:
        raise ResultsError(
            f"{other}: only {done} of {wanted} folds are finished. Go on with it first: the same dfdetect crossval "
            f"--out {other} ..."
        )
    tested = {path for fold in theirs for path in fold.predictions.path}
    if any(not tested.issuperset(fold.predictions.path) for fold in read_folds(finished_folds(out))):
        raise ResultsError(f"{other} was not cross-validated on the images of {out}")


def _number_of_folds(folder: Path) -> int:
    """Folds of a repetition, by the plan; 0 where none is known."""
    plan = read_plan(folder / PLAN) if (folder / PLAN).is_file() else {}
    return plan["folds"] if isinstance(plan, dict) and isinstance(plan.get("folds"), int) else 0


def _leaks(folds: Sequence[Fold]) -> bool:
    return any(note.startswith("Leak") for fold in folds for note in fold.metrics.get("notes", ()))


def _options(folder: Path) -> list[str]:
    plan = read_plan(folder / PLAN) if (folder / PLAN).is_file() else {}
    return options_of([str(part) for part in plan.get("training", ())] if isinstance(plan, dict) else [])


def _finished(folder: Path) -> list[Fold]:
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such folder; name that of a finished dfdetect crossval")
    runs = finished_folds(folder)
    if not runs:
        if (folder / METRICS).is_file():
            raise ResultsError(f"{folder} is one run and no cross-validation; to hold runs against each other: compare")
        raise ResultsError(f"{folder} holds no finished fold. Run it: dfdetect crossval --out {folder}")
    return read_folds(runs)


def _means(folds: Sequence[Fold], resamples: int) -> tuple[dict[str, float | None], dict[str, Array]]:
    """Each metric's mean over the folds that define it, and its means in resamples of the groups."""
    tables = [fold.table() for fold in folds]
    members, groups = number_groups(folds)
    plain = [table.measure() for table in tables]
    means: dict[str, float | None] = {}
    for name in plain[0]:
        defined = [float(values[name][0]) for values in plain if np.isfinite(values[name][0])]
        means[name] = float(np.mean(defined)) if defined else None
    return means, resample_average(list(zip(tables, members, strict=True)), groups, resamples)


def _mistakes(pooled: Predictions, above: Floats, folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """Images that are wrong by their mean distance from the thresholds, the most confident first."""
    tested: dict[str, list[Fold]] = {}
    for fold in folds:
        for path in fold.predictions.path:
            tested.setdefault(path, []).append(fold)
    wrong = np.flatnonzero((above >= 0) != (pooled.label == 1))
    order = wrong[np.argsort(-np.abs(above[wrong]), kind="stable")][:_MOST_MISTAKES]
    return [
        {
            "path": pooled.path[i],
            "label": int(pooled.label[i]),
            "p_fake": float(pooled.p_fake[i]),
            "above_threshold": float(above[i]),
            "tested_in": [fold.name for fold in tested[pooled.path[i]]],
        }
        for i in order.tolist()
    ]


def _notes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the tests of the folds said of more than their own size; those that differ in numbers alone become one."""
    alike: dict[str, list[str]] = {}
    for result in results:
        for note in result.get("notes", ()):
            if not _OF_ITS_SIZE.match(note):
                alike.setdefault(_NUMBER.sub("\0", note), []).append(note)
    said = []
    for notes in alike.values():
        numbers = [_range(found) for found in zip(*(_NUMBER.findall(note) for note in notes), strict=True)]
        words = _NUMBER.split(notes[0])
        merged = "".join(word + number for word, number in zip(words, [*numbers, ""], strict=True))
        where = "" if len(notes) == len(results) else f" (in {len(notes)} of {len(results)} folds)"
        said.append(f"{merged.removesuffix('.')}{where}." if where else merged)
    return said


def _range(numbers: Sequence[str]) -> str:
    """`3 to 12`, or the number that all are."""
    ordered = sorted(set(numbers), key=lambda number: float(number.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _interval(values: Array, groups: int, evidence: Evidence | None = None) -> list[float] | None:
    found = percentile_interval(values, groups, evidence=evidence)
    return None if found is None else list(found)


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    defined = [value for value in values if value is not None]
    if not defined:
        return None
    return {"sd": float(np.std(defined, ddof=1)) if len(defined) > 1 else 0.0, "min": min(defined), "max": max(defined)}
