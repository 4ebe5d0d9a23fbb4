"""The table that a fit prints of its data, and what deserves to be known about it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dfdetect.data.division import Division
from dfdetect.data.samples import Samples
from dfdetect.data.splits import PARTS
from dfdetect.evaluation.evaluate import caveats


def summarise(origin: Path, division: Division) -> str:
    """Images, classes, groups and sources of each part, in lines of text; `origin` is how the data was named."""
    samples = division.samples
    unused = "split" in samples.columns and not division.kind.startswith("given")
    lines = [
        f"{origin}  ({samples.layout}; split: {division.kind}{'; the given split is not used' if unused else ''})",
        f"{'part':<8}{'images':>8}{'real':>8}{'fake':>8}{'groups':>8}  sources",
        *(_row(name, division.part(name)) for name in PARTS),
    ]
    if samples.ignored:
        lines.append(f"{samples.ignored} files with other endings than an image's were passed over")
    if note := torn_note(division.facts, "test"):
        lines.append(f"WARNING: {note.removeprefix('Leak: ').removesuffix('.')}")
    test = division.part("test")
    n_fake = int(test.labels.sum())
    kinds = {s for s, y in zip(test.column("source"), test.labels.tolist(), strict=True) if s and y == 1}
    notes = caveats(len(test) - n_fake, n_fake, len(kinds)) if len(test) else []
    return "\n".join(lines + [f"Test part: {note}" for note in notes])


def torn_note(split: Mapping[str, Any], part: Literal["val", "test"]) -> str:
    """What it means for a judged part that a split tears groups apart, in a sentence; empty where it tears none.

    A leak only where training has seen images of groups that the part judges.

    Args:
        split: the facts of a division; a checkpoint of an older version does not say between which parts groups are
            torn.
        part: what is judged.
    """
    torn, seen = split.get("groups_torn"), split.get(f"groups_torn_train_{part}")
    if not torn:
        return ""
    tears = f"the split tears {torn} group{'' if torn == 1 else 's'} apart"
    judged = {"val": "validation", "test": "test"}[part]
    if seen == 0:
        return f"{tears.capitalize()}, but none between training and {judged}."
    says_little = f"its {judged} figures say little of new photos"
    if seen is None:
        return f"Leak: {tears}, counted between any two of its parts; {says_little}."
    which = "" if seen == torn else f"{seen} of them "
    return f"Leak: {tears}, {which}between training and {judged}; {says_little}."


def _row(name: str, part: Samples) -> str:
    fakes = int(part.labels.sum())
    groups = len(set(part.groups())) if part.has_groups() else "-"
    sources = Counter(source for source in part.column("source") if source)
    shown = ", ".join(f"{source} {n}" for source, n in sources.most_common(6)) or "-"
    return f"{name:<8}{len(part):>8}{len(part) - fakes:>8}{fakes:>8}{groups:>8}  {shown}"
