"""Training, validation and test parts that are the same on every machine, and a fingerprint that proves it.

An image's place depends on a keyed hash of its path (or its group's name), never on the file system's order, on file
contents or on a random generator's version.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from dfdetect.data.samples import CLASS_NAMES, Samples
from dfdetect.errors import DataLayoutError
from dfdetect.files import replacing
from dfdetect.words import counted

PARTS = ("train", "val", "test")
Split = Literal["auto", "grouped", "random", "given"]
Parts = npt.NDArray[np.int8]
"""(N,) int8: index into PARTS of each image."""


def assign_parts(
    samples: Samples,
    seed: int = 0,
    ratios: Sequence[float] = (0.70, 0.15, 0.15),
    split: Split = "auto",
    folds: int = 0,
    fold: int = 0,
) -> Parts:
    """Divide samples into training, validation and test part.

    A given split is respected; a part that it lacks is cut out of its training part, in the share that `ratios` give
    it. A grouped split keeps the images of one group together. Each part has the whole's share of every class and
    source up to rounding; with groups as nearly as whole groups allow.

    Args:
        samples: N images.
        seed: another seed, another split.
        ratios: shares of the three parts, summing to 1.
        split: see `kind_of_split`.
        folds: number of equal test parts, each image in one of them; 0 for one test part as large as `ratios` say.
        fold: which of them is the test part, from 0; the rest is divided into training and validation as `ratios` say.

    Returns:
        (N,) int8, an index into PARTS.

    Raises:
        DataLayoutError: the ratios are no shares, the data lacks what `split` asks for, there is no image, or there are
            fewer images or groups than folds. Of fewer than three, a part is empty.
    """
    if len(ratios) != 3 or min(ratios) < 0 or abs(sum(ratios) - 1) > 1e-6:
        raise DataLayoutError(f"data.split_ratios must be three shares that sum to 1, got {list(ratios)}")
    kind = kind_of_split(samples, split, folds)
    if kind == "given":
        return _complete(samples, seed, ratios)
    grouped = kind == "grouped"
    if not folds:
        return _divide(samples, seed, ratios, grouped)
    tested = _divide(samples, seed, [1 / folds] * folds, grouped)
    if empty := folds - len(np.unique(tested)):
        images = counted(len(samples), "image")
        groups = f" in {counted(len(set(samples.groups())), 'group')}" if grouped else ""
        raise DataLayoutError(
            f"data.folds: of {folds} folds, {empty} would hold none of {images}{groups}; ask for fewer folds"
        )
    is_test = tested == fold
    parts = np.full(len(samples), PARTS.index("test"), np.int8)
    rest = np.flatnonzero(~is_test)
    learnt = ratios[0] + ratios[1]
    parts[rest] = _divide(samples.select(rest), seed, [ratios[0] / learnt, ratios[1] / learnt], grouped)
    return parts


def kind_of_split(samples: Samples, split: Split = "auto", folds: int = 0) -> str:
    """How samples are divided: `given`, `grouped` or `random`.

    `auto` is the given split where there is one and no folds are asked for, else grouped where groups are known, else
    random.

    Raises:
        DataLayoutError: the data lacks what `split` asks for; the message says how to come by it.
    """
    given, grouped = "split" in samples.columns, samples.has_groups()
    if split == "given" and (folds or not given):
        cause = "says nothing of folds" if folds else "is asked for, but the data has no split folders or column"
        raise DataLayoutError(f"data.split: given {cause}. Use data.split: grouped or random")
    if split == "grouped" and not grouped:
        raise DataLayoutError(
            "data.split: grouped is asked for, but no groups are known. `dfdetect audit ROOT` finds images that come "
            "from one photo and writes audit/manifest.csv, for --data.manifest"
        )
    if split != "auto":
        return split
    return "given" if given and not folds else "grouped" if grouped else "random"


def _complete(samples: Samples, seed: int, ratios: Sequence[float]) -> Parts:
    """The given split; what it lacks is cut out of its training part."""
    given = np.fromiter((PARTS.index(split) for split in samples.columns["split"]), np.int8, len(samples))
    missing = [part for part in range(3) if not (given == part).any()]
    if 0 in missing or not missing:
        return given
    train = np.flatnonzero(given == 0)
    shares = [ratios[part] if part in missing else 0.0 for part in range(3)]
    shares[0] = 1 - sum(shares)
    given[train] = _divide(samples.select(train), seed, shares, samples.has_groups())
    return given


def groups_torn(samples: Samples, parts: Parts, between: Sequence[str] = PARTS) -> int:
    """Number of groups with images in more than one part: 0 unless a given or a random split tears them.

    Args:
        samples: N images.
        parts: (N,) index into PARTS.
        between: the parts that count; `train` and `test` for the groups that training has seen and the test judges.
    """
    if not samples.has_groups():
        return 0
    group, names = _number(samples.groups())
    holds = np.zeros((len(names), len(PARTS)), bool)
    holds[group, parts] = True
    return int((holds[:, [PARTS.index(name) for name in between]].sum(axis=1) > 1).sum())


def _number(names: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """(N,) the number of each name, from 0, and the names by their numbers."""
    numbers: dict[str, int] = {}
    each = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64, len(names))
    return each, list(numbers)


def fingerprint(samples: Samples, parts: Parts, part: int | None = None) -> str:
    """SHA-256, in hex, of which images with which labels lie in one part (2: the test part), or of the whole split.

    It depends on paths relative to the data root, so a data set that was copied elsewhere keeps its fingerprint.
    """
    digest = hashlib.sha256()
    for name in sorted(PARTS):
        number = PARTS.index(name)
        for label in (0, 1) if part in (None, number) else ():
            members = np.flatnonzero((parts == number) & (samples.labels == label)).tolist()
            for row in sorted(f"{samples.paths[i]}\n" for i in members):
                digest.update(f"{name}\t{label}\t{row}".encode())
    return digest.hexdigest()


def write_split(path: Path, samples: Samples, parts: Parts) -> None:
    """Save the split as a CSV that `data.manifest` reads again: path,label,split and all other columns."""
    columns = {name: values for name, values in samples.columns.items() if name != "split"}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "split", *columns])
    for i, part in enumerate(parts.tolist()):
        label = CLASS_NAMES[int(samples.labels[i])]
        writer.writerow([samples.paths[i], label, PARTS[part], *(values[i] for values in columns.values())])
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def _keyed_hash(seed: int, name: str) -> int:
    key = seed.to_bytes(8, "little", signed=True)
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest(), "big")


def _divide(samples: Samples, seed: int, ratios: Sequence[float], grouped: bool) -> Parts:
    """(N,) the number of one of the parts that `ratios` list, for each sample."""
    if not len(samples):
        raise DataLayoutError("There is no image to divide")
    if grouped:
        return _divide_groups(samples, seed, ratios)
    ranks = np.fromiter((_keyed_hash(seed, path) for path in samples.paths), np.uint64, len(samples))
    order = np.lexsort((ranks, _strata(samples), samples.labels))
    parts = np.zeros(len(samples), np.int8)
    taken = np.zeros((2, len(ratios)), np.int64)
    shares = np.cumsum(ratios).tolist()
    for members in np.split(order, np.flatnonzero(np.diff(_strata(samples)[order])) + 1):
        mine = taken[samples.labels[members[0]]]  # what the class's earlier sources were rounded to is made up for
        seen = int(mine.sum()) + len(members)
        ends = [0]
        for part, share in enumerate(shares[:-1]):
            wanted = round(share * seen) - int(mine[: part + 1].sum())
            ends.append(min(max(wanted, ends[-1]), len(members)))
        ends.append(len(members))
        for part, (start, end) in enumerate(pairwise(ends)):
            parts[members[start:end]] = part
        mine += np.diff(ends)
    return parts


def _strata(samples: Samples) -> npt.NDArray[np.intp]:
    """(N,) the number of each sample's source and class together."""
    sources = np.unique(np.asarray(samples.column("source")), return_inverse=True)[1]
    return np.asarray(sources * 2 + samples.labels, dtype=np.intp)


def _divide_groups(samples: Samples, seed: int, ratios: Sequence[float]) -> Parts:
    """Whole groups, largest first, each to the part that lacks most of what the group holds, by class and source."""
    strata = _strata(samples)
    kinds = int(strata.max()) + 1
    group, names = _number(samples.groups())
    held, counts = np.unique(group * kinds + strata, return_counts=True)
    starts = np.searchsorted(held // kinds, np.arange(len(names) + 1))
    holds = np.stack([held % kinds, counts], axis=1).astype(np.int32)
    totals = np.bincount(strata, minlength=kinds).tolist()
    wanted = [[max(ratio * total, 1e-9) for total in totals] for ratio in ratios]
    lacking = [list(part) for part in wanted]
    usable = [part for part, ratio in enumerate(ratios) if ratio > 0]
    ranks = np.fromiter((_keyed_hash(seed, name) for name in names), np.uint64, len(names))
    home = np.zeros(len(names), np.int8)
    for number in np.lexsort((ranks, -np.bincount(group))):
        mine = holds[starts[number] : starts[number + 1]].tolist()
        needs = [sum(n * lacking[part][kind] / wanted[part][kind] for kind, n in mine) for part in usable]
        part = usable[needs.index(max(needs))]
        for kind, n in mine:
            lacking[part][kind] -= n
        home[number] = part
    return home[group]
