"""Training, validation and test parts that are the same on every machine, and a fingerprint that proves it.

An image's place depends on a keyed hash of its path (or its group's name), never on the file system's order, on file
contents or on a random generator's version.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.samples import CLASS_NAMES, Samples
from dfdetect.errors import DataLayoutError
from dfdetect.files import replacing

PARTS = ("train", "val", "test")
Parts = npt.NDArray[np.int8]
"""(N,) int8: index into PARTS of each image."""


def assign_parts(samples: Samples, seed: int = 0, ratios: Sequence[float] = (0.70, 0.15, 0.15)) -> Parts:
    """Divide samples into training, validation and test part.

    A given split is respected; a part that it lacks is cut out of its training part, in the share that `ratios` give
    it. Images of one group stay together. Each part has the whole's share of every class (and, without groups, of every
    source) up to rounding; with groups as nearly as whole groups allow.

    Args:
        samples: N images.
        seed: another seed, another split.
        ratios: shares of the three parts, summing to 1.

    Returns:
        (N,) int8, an index into PARTS.

    Raises:
        DataLayoutError: the ratios are no shares, or there are fewer images than parts.
    """
    if len(ratios) != 3 or min(ratios) < 0 or abs(sum(ratios) - 1) > 1e-6:
        raise DataLayoutError(f"data.split_ratios must be three shares that sum to 1, got {list(ratios)}")
    if "split" not in samples.columns:
        return _divide(samples, seed, ratios)
    given = np.fromiter((PARTS.index(split) for split in samples.columns["split"]), np.int8, len(samples))
    missing = [part for part in range(3) if not (given == part).any()]
    if 0 in missing or not missing:
        return given
    train = np.flatnonzero(given == 0)
    shares = [ratios[part] if part in missing else 0.0 for part in range(3)]
    shares[0] = 1 - sum(shares)
    given[train] = _divide(samples.select(train), seed, shares)
    return given


def groups_torn(samples: Samples, parts: Parts) -> int:
    """Number of groups with images in more than one part: 0 unless a given split tears them."""
    if "group" not in samples.columns:
        return 0
    pairs = {(group, part) for group, part in zip(samples.groups(), parts.tolist(), strict=True)}
    return sum(count > 1 for count in Counter(group for group, _ in pairs).values())


def fingerprint(samples: Samples, parts: Parts, part: int | None = None) -> str:
    """SHA-256, in hex, of which images with which labels lie in one part (2: the test part), or of the whole split.

    It depends on paths relative to the data root, so a data set that was copied elsewhere keeps its fingerprint.
    """
    labels = samples.labels.tolist()
    rows = [
        f"{PARTS[p]}\t{labels[i]}\t{samples.paths[i]}\n"
        for i, p in enumerate(parts.tolist())
        if part is None or p == part
    ]
    return hashlib.sha256("".join(sorted(rows)).encode()).hexdigest()


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


def _divide(samples: Samples, seed: int, ratios: Sequence[float]) -> Parts:
    if len(samples) < 3:
        raise DataLayoutError(f"{len(samples)} images cannot be divided into training, validation and test part")
    if "group" in samples.columns:
        return _divide_groups(samples, seed, ratios)
    ranks = np.fromiter((_keyed_hash(seed, path) for path in samples.paths), np.uint64, len(samples))
    sources = np.unique(np.asarray(samples.column("source")), return_inverse=True)[1]
    order = np.lexsort((ranks, sources, samples.labels))
    strata = sources[order] * 2 + samples.labels[order]
    parts = np.zeros(len(samples), np.int8)
    taken = np.zeros((2, 3), np.int64)
    for members in np.split(order, np.flatnonzero(np.diff(strata)) + 1):
        mine = taken[samples.labels[members[0]]]  # what the class's earlier sources were rounded to is made up for
        seen = int(mine.sum()) + len(members)
        train_end = min(max(round(ratios[0] * seen) - int(mine[0]), 0), len(members))
        val_end = min(max(round((ratios[0] + ratios[1]) * seen) - int(mine[:2].sum()), train_end), len(members))
        parts[members[train_end:val_end]] = 1
        parts[members[val_end:]] = 2
        mine += (train_end, val_end - train_end, len(members) - val_end)
    return parts


def _divide_groups(samples: Samples, seed: int, ratios: Sequence[float]) -> Parts:
    """Whole groups, largest first, each to the part that lacks most of what the group holds."""
    counts: dict[str, list[int]] = {}
    names = samples.groups()
    for name, label in zip(names, samples.labels.tolist(), strict=True):
        counts.setdefault(name, [0, 0])[label] += 1
    totals = np.bincount(samples.labels, minlength=2).tolist()
    wanted = [[max(ratio * total, 1e-9) for total in totals] for ratio in ratios]
    lacking = [list(row) for row in wanted]
    home: dict[str, int] = {}
    for name in sorted(counts, key=lambda g: (-sum(counts[g]), _keyed_hash(seed, g))):
        real, fake = counts[name]
        need = [real * lacking[p][0] / wanted[p][0] + fake * lacking[p][1] / wanted[p][1] for p in range(3)]
        part = max((p for p in range(3) if ratios[p] > 0), key=need.__getitem__)
        lacking[part][0] -= real
        lacking[part][1] -= fake
        home[name] = part
    return np.fromiter((home[name] for name in names), np.int8, len(names))
