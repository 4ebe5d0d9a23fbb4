"""A data set divided into training, validation and test part: what each holds, and what is remembered of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from dfdetect.data.samples import Samples
from dfdetect.data.seen import note_seen
from dfdetect.data.splits import (
    PARTS,
    Parts,
    Split,
    assign_parts,
    fingerprint,
    groups_torn,
    kind_of_split,
    write_split,
)


@dataclass(frozen=True)
class Division:
    """Samples and their parts.

    Attributes:
        samples: N images.
        parts: (N,) index into PARTS.
        kind: how they were divided: given, grouped or random, and which fold.
    """

    samples: Samples
    parts: Parts
    kind: str

    def part(self, name: str) -> Samples:
        """Samples of `train`, `val` or `test`."""
        return self.samples.select(np.flatnonzero(self.parts == PARTS.index(name)))

    @cached_property
    def facts(self) -> dict[str, str | int]:
        """What a checkpoint remembers of the data it was trained on: primitives only."""
        samples, parts = self.samples, self.parts
        return {
            "root": str(samples.folder()),
            "layout": samples.layout,
            "kind": self.kind,
            "groups_torn": groups_torn(samples, parts),
            **{f"groups_torn_train_{name}": groups_torn(samples, parts, ("train", name)) for name in ("val", "test")},
            "data_fingerprint": fingerprint(samples, np.zeros_like(parts)),
            "fingerprint": fingerprint(samples, parts),
            **{f"{name}_fingerprint": fingerprint(samples, parts, PARTS.index(name)) for name in ("val", "test")},
            **{f"n_{name}": int((parts == number).sum()) for number, name in enumerate(PARTS)},
        }

    def images_seen(self) -> str:
        """A note of the images that a training sees, in training or validation, as of `note_seen`."""
        return note_seen(self.samples, np.flatnonzero(self.parts != PARTS.index("test")))

    def save(self, folder: Path) -> None:
        """Write `split.csv` and `split.sha256` into a run's folder."""
        write_split(folder / "split.csv", self.samples, self.parts)
        (folder / "split.sha256").write_text(f"{self.facts['fingerprint']}\n")


def divide(
    samples: Samples, seed: int, ratios: Sequence[float], split: Split = "auto", folds: int = 0, fold: int = 0
) -> Division:
    """Divide samples as `assign_parts` does, with its arguments and its errors."""
    kind = kind_of_split(samples, split, folds) + (f", fold {fold} of {folds}" if folds else "")
    return Division(samples, assign_parts(samples, seed, ratios, split, folds, fold), kind)
