"""From a list of images to everything the audit knows about them; what follows from it is said by `findings`."""

import sys
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.duplicates import find_duplicates, label_conflicts
from dfdetect.data.audit.facts import as_table
from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.measure import LayoutSums, Settings, measure
from dfdetect.data.audit.shortcuts import Column, Shortcut, judge
from dfdetect.data.audit.statistics import STATISTICS
from dfdetect.data.audit.twins import Twin, find_twins
from dfdetect.data.samples import Samples

SIZE = "file_bytes"
"""No fact of its own: among files of one encoder it says how much there is in the pixels. It is judged by itself."""


@dataclass(frozen=True)
class Examination:
    """What was found in a data set of M listed and N readable images; indices are those of `samples`.

    Attributes:
        listed: all M images.
        samples: the N readable ones.
        broken: (path, cause) of the others, and of what could not be listed.
        facts: columns of file facts, N each.
        statistics: columns of pixel statistics, N each.
        faces: (N,) faces found, -1 where none were looked for.
        layouts: layout sums of each class.
        duplicates: groups of images with the same pixels.
        conflicts: those of them that hold both classes.
        twins: pairs made from one photo, without exact duplicates.
        groups: N groups: given ones, joined by twins and duplicates; empty for an image that is tied to no other.
        by_facts: how far file facts tell the class.
        by_size: how far the file's size alone does.
        by_pixels: how far global pixel statistics do.
        settings: what was measured.
    """

    listed: Samples
    samples: Samples
    broken: list[tuple[str, str]]
    facts: dict[str, Column]
    statistics: dict[str, Column]
    faces: npt.NDArray[np.int64]
    layouts: tuple[LayoutSums, LayoutSums]
    duplicates: list[list[int]]
    conflicts: list[list[int]]
    twins: list[Twin]
    groups: list[str]
    by_facts: Shortcut
    by_size: Shortcut
    by_pixels: Shortcut
    settings: Settings

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,) 0 real, 1 fake."""
        return self.samples.labels.astype(np.int64)

    def grouped(self) -> Samples:
        """The readable images with the joined groups in place of the given ones."""
        columns = self.samples.columns | {"group": self.groups}
        return replace(self.samples, columns=columns)


def examine(samples: Samples, settings: Settings, workers: int = 1, progress: bool = False) -> Examination:
    """Measure all images, tie twins and duplicates into groups, and try to tell the class without a face.

    Args:
        samples: M images.
        settings: what is measured.
        workers: processes.
        progress: show progress bars on a terminal.
    """
    measured = measure(samples, settings, workers, progress)
    readable = samples.select(measured.kept)
    duplicates = find_duplicates(measured.pixels)
    twins = _without_duplicates(find_twins(measured.descriptions, progress and sys.stderr.isatty()), measured.pixels)
    pairs = [(twin.first, twin.second) for twin in twins] + chains(duplicates)
    groups = join_groups(len(readable), pairs, readable.column("group"), readable.paths)
    facts = as_table(measured.facts)
    statistics: dict[str, Column] = dict(zip(STATISTICS, measured.statistics.T, strict=True))
    labels = readable.labels.astype(np.int64)
    own = [group or path for group, path in zip(groups, readable.paths, strict=True)]
    headers = {name: column for name, column in facts.items() if name != SIZE}
    return Examination(
        listed=samples,
        samples=readable,
        broken=[*samples.unlisted, *((samples.paths[index], cause) for index, cause in measured.broken)],
        facts=facts,
        statistics=statistics,
        faces=measured.faces,
        layouts=measured.layouts,
        duplicates=duplicates,
        conflicts=label_conflicts(duplicates, labels),
        twins=twins,
        groups=groups,
        by_facts=judge(headers, labels, own, workers),
        by_size=judge({SIZE: facts[SIZE]}, labels, own, workers),
        by_pixels=judge(statistics, labels, own, workers),
        settings=settings,
    )


def chains(groups: list[list[int]]) -> list[tuple[int, int]]:
    """Pairs that tie each member of a group to its first."""
    return [(group[0], other) for group in groups for other in group[1:]]


def _without_duplicates(twins: list[Twin], pixels: list[str]) -> list[Twin]:
    return [twin for twin in twins if pixels[twin.first] != pixels[twin.second]]
