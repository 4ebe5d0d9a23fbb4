"""What a leak does to the images it concerns: one cross-validation by groups, one at random, on the same images.

    python benchmarks/leak_effect.py cv-grouped cv-random    # folders of `dfdetect crossval`, made from one manifest

Images are told apart by their group in the first: alone; with images of both classes, such as a fake and the photo it
was made from; with images of one class only. AUROC is measured in each fold and averaged; its interval, and that of the
difference, are of 1,000 resamples of the groups.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dfdetect.evaluation.intervals import percentile_interval, resample_average
from dfdetect.evaluation.metrics import Array
from dfdetect.evaluation.out_of_fold import Fold, finished_folds, number_groups, read_folds

BOTH, ONE_CLASS, ALONE = "group of both classes", "group of one class", "alone"


def kinds(folds: Sequence[Fold]) -> dict[str, str]:
    """For each path which kind of group it is in."""
    members: dict[str, dict[str, int]] = defaultdict(dict)
    for fold in folds:
        for path, group, label in zip(
            fold.predictions.path, fold.predictions.group, fold.predictions.label.tolist(), strict=True
        ):
            members[group][path] = label
    found: dict[str, str] = {}
    for labels in members.values():
        kind = ALONE if len(labels) == 1 else BOTH if len(set(labels.values())) == 2 else ONE_CLASS
        found |= dict.fromkeys(labels, kind)
    return found


def area(folds: Sequence[Fold], chosen: Callable[[str], bool]) -> tuple[float, Array, int]:
    """Mean AUROC of the chosen images, the same in resamples, and how many groups there are."""
    members, groups = number_groups(folds)
    parts, plain = [], []
    for fold, member in zip(folds, members, strict=True):
        kept = np.flatnonzero([chosen(path) for path in fold.predictions.path])
        if len(set(fold.predictions.label[kept].tolist())) == 2:
            table = fold.table(kept, only=("auroc",))
            parts.append((table, member[kept]))
            plain.append(float(table.measure()["auroc"][0]))
    if not parts:
        return float("nan"), np.empty(0), groups
    return float(np.mean(plain)), resample_average(parts, groups)["auroc"], groups


def shown(value: float, drawn: Array, groups: int, sign: str = "") -> str:
    """A figure with its interval."""
    interval = percentile_interval(drawn, groups) if len(drawn) else None
    return "-" if interval is None else f"{value:{sign}.3f} ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grouped", type=Path)
    parser.add_argument("random", type=Path)
    options = parser.parse_args()
    grouped, other = (read_folds(finished_folds(folder)) for folder in (options.grouped, options.random))
    kind = kinds(grouped)
    group = {
        path: name for fold in grouped for path, name in zip(fold.predictions.path, fold.predictions.group, strict=True)
    }
    alike = [
        replace(fold, predictions=replace(fold.predictions, group=[group[path] for path in fold.predictions.path]))
        for fold in other
    ]
    print("| images | n | AUROC, grouped | AUROC, random | random minus grouped |\n|---|---|---|---|---|")
    for name in (ALONE, ONE_CLASS, BOTH):
        (one, drawn, groups), (two, more, _) = (
            area(folds, lambda path, name=name: kind[path] == name)  # type: ignore[misc]
            for folds in (grouped, alike)
        )
        n = sum(one == name for one in kind.values())
        difference = shown(two - one, more - drawn, groups, "+") if len(drawn) and len(more) else "-"
        print(f"| {name} | {n} | {shown(one, drawn, groups)} | {shown(two, more, groups)} | {difference} |")


if __name__ == "__main__":
    main()
