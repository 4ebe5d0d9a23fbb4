"""Can the class be told without looking at the face?

A forest of trees guesses the class from file facts alone, or from global pixel statistics alone. It is trained and
judged on different groups (grouped cross-validation), so that a twin never tells on its twin; what it reaches beyond
chance, a network can reach too.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.out_of_fold import Scored, fold_auroc, fold_interval
from dfdetect.evaluation.metrics import Floats, Labels

Column = npt.NDArray[Any]
Folds = list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]

FOLDS = 5
MOST_IMAGES = 20_000
"""A larger set is judged by this many of its images."""
FEW_IMAGES, REPEATS = 3000, 5
"""Up to so many images the folds are drawn anew so many times: with few of them, who lies in which fold moves the AUROC
by several points."""
_TREES, _LEAF = 100, 4
LEAST_COUNT = 3
"""Texts of fewer files than this are one text, `rare`."""


@dataclass(frozen=True)
class Clue:
    """One fact or statistic.

    Attributes:
        name: its name.
        auroc: out of fold, of a small tree on this alone.
        interval: 95% interval of that; None where undefined.
        importance: how far the forest's AUROC falls when it is shuffled among held-out images.
    """

    name: str
    auroc: float
    interval: tuple[float, float] | None
    importance: float


@dataclass(frozen=True)
class Shortcut:
    """How far one kind of evidence tells the class.

    Attributes:
        n: images judged.
        n_groups: groups they belong to.
        auroc: out of fold; 0.5 where nothing varies, None where too few images or groups are there to judge.
        interval: 95% interval by group bootstrap; None where undefined.
        clues: everything that varies, the most telling first.
        constant: what is the same in all files.
        note: what a reader must know.
    """

    n: int
    n_groups: int
    auroc: float | None
    interval: tuple[float, float] | None
    clues: list[Clue] = field(default_factory=list)
    constant: list[str] = field(default_factory=list)
    note: str = ""


def judge(columns: Mapping[str, Column], label: Labels, groups: list[str], workers: int = 1) -> Shortcut:
    """Train and judge a forest on some columns.

    Args:
        columns: by name, N numbers or N texts.
        label: (N,) 0 real, 1 fake.
        groups: N groups; an image without one has a name of its own.
        workers: threads.

    Returns:
        What the columns tell.
    """
    chosen = _some(len(label))
    names, group = np.unique(np.asarray(groups, dtype=object)[chosen].astype(str), return_inverse=True)
    label = label[chosen]
    note = f"judged by {len(chosen):,} of {len(groups):,} images" if len(chosen) < len(groups) else ""
    encoded = {name: _encode(column[chosen]) for name, column in columns.items()}
    varied = {name: block for name, block in encoded.items() if block.shape[1]}
    constant = [name for name in columns if name not in varied]
    folds = _folds(label, group)
    if not folds:
        few = "too few images or groups of each class to judge"
        return Shortcut(len(label), len(names), None, None, [], constant, few)
    if not varied:
        return Shortcut(len(label), len(names), 0.5, (0.5, 0.5), [], constant, "nothing varies between the files")
    scored, falls = _forest(varied, label, folds, workers)
    auroc, interval = fold_auroc(label, scored), fold_interval(label, scored, group)
    clues = [_clue(name, block, label, group, folds, falls[name]) for name, block in varied.items()]
    clues.sort(key=lambda clue: (-clue.auroc, -clue.importance))
    return Shortcut(len(label), len(names), auroc, interval, clues, constant, note)


def telling_values(column: Column, label: Labels, least: int = 5) -> list[tuple[str, int, int, float]]:
    """Texts that one class has far more often than the other: (text, reals, fakes, p).

    p is of Fisher's exact test, times the number of texts (Bonferroni); those below 0.001 are returned, the smallest
    first.
    """
    from scipy.stats import fisher_exact

    counts = Counter(zip(column.tolist(), label.tolist(), strict=True))
    texts = sorted({text for text, _ in counts})
    n_fake = int(label.sum())
    n_real = len(label) - n_fake
    found = []
    for text in texts if len(texts) > 1 else []:
        reals, fakes = counts[text, 0], counts[text, 1]
        if reals + fakes < least:
            continue
        p = float(fisher_exact([[reals, n_real - reals], [fakes, n_fake - fakes]])[1]) * len(texts)
        if p < 0.001:
            found.append((str(text), reals, fakes, p))
    return sorted(found, key=lambda row: row[3])


def _some(count: int) -> npt.NDArray[np.intp]:
    if count <= MOST_IMAGES:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST_IMAGES, replace=False))


def _encode(column: Column) -> Floats:
    """(N, K) numbers: one column of a number, one a text that is not rare; K = 0 where nothing varies."""
    if column.dtype.kind in "fiub":
        values = column.astype(np.float64)[:, None]
        return values if len(np.unique(values)) > 1 else values[:, :0]
    counts = Counter(column.tolist())
    common = [text for text, count in counts.most_common() if count >= LEAST_COUNT][:32]
    others = len(counts) > len(common)
    kept = common if others else common[1:]  # the last one follows from the others
    return np.array([column == text for text in kept], np.float64).reshape(len(kept), len(column)).T


def _folds(label: Labels, group: Labels) -> Folds:
    """(training, held-out) indices of each fold of each repeat: whole groups, both classes in about the whole's shares.

    Empty where there are too few groups of a class.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if len(np.unique(label)) < 2:
        return []
    count = min(FOLDS, *(len(np.unique(group[label == y])) for y in (0, 1)))
    if count < 2:
        return []
    folds: Folds = []
    for seed in range(REPEATS if len(label) <= FEW_IMAGES else 1):
        folds += StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(label[:, None], label, group)
    return [fold for fold in folds if all(len(np.unique(label[part])) == 2 for part in fold)]


def _forest(blocks: dict[str, Floats], label: Labels, folds: Folds, workers: int) -> tuple[Scored, dict[str, float]]:
    """Out-of-fold scores, and how far their AUROC falls when a column is shuffled among held-out images."""
    from sklearn.ensemble import ExtraTreesClassifier

    matrix = np.concatenate(list(blocks.values()), axis=1)
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    spans = [slice(end - block.shape[1], end) for block, end in zip(blocks.values(), ends, strict=True)]
    pools: list[Scored] = [[] for _ in range(1 + len(blocks))]
    random = np.random.default_rng(0)
    for train, held_out in folds:
        forest = ExtraTreesClassifier(
            _TREES, min_samples_leaf=_LEAF, class_weight="balanced", random_state=0, n_jobs=workers
        ).fit(matrix[train], label[train])
        asked = np.repeat(matrix[held_out][None], 1 + len(blocks), axis=0)
        for mixed, span in zip(asked[1:], spans, strict=True):
            mixed[:, span] = mixed[random.permutation(len(mixed)), span]
        answers = forest.predict_proba(asked.reshape(-1, matrix.shape[1]))[:, 1].reshape(len(asked), -1)  # one call
        for pool, answer in zip(pools, answers, strict=True):
            pool.append((held_out, answer))
    whole, *shuffled = (fold_auroc(label, pool) for pool in pools)
    return pools[0], {name: whole - other for name, other in zip(blocks, shuffled, strict=True)}


def _clue(name: str, block: Floats, label: Labels, group: Labels, folds: Folds, importance: float) -> Clue:
    from sklearn.tree import DecisionTreeClassifier

    scored: Scored = []
    for train, held_out in folds:
        tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=_LEAF, class_weight="balanced", random_state=0)
        scored.append((held_out, tree.fit(block[train], label[train]).predict_proba(block[held_out])[:, 1]))
    return Clue(name, fold_auroc(label, scored), fold_interval(label, scored, group), importance)
