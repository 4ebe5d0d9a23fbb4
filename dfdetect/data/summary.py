"""The table that a fit prints of its data, and what deserves to be known about it."""

from collections import Counter
from pathlib import Path

from dfdetect.data.division import Division
from dfdetect.data.samples import Samples
from dfdetect.data.splits import PARTS, groups_torn
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
    if torn := groups_torn(samples, division.parts):
        lines.append(f"WARNING: {torn_note(torn)}")
    test = division.part("test")
    n_fake = int(test.labels.sum())
    kinds = {s for s, y in zip(test.column("source"), test.labels.tolist(), strict=True) if s and y == 1}
    notes = caveats(len(test) - n_fake, n_fake, len(kinds)) if len(test) else []
    return "\n".join(lines + [f"Test part: {note}" for note in notes])


def torn_note(torn: int) -> str:
    """What it means that a split tears so many groups apart, in a sentence."""
    seen = f"the split tears {torn} groups apart, whose images training has seen"
    return f"{seen}; its test figures say little of new photos"


def _row(name: str, part: Samples) -> str:
    fakes = int(part.labels.sum())
    groups = len(set(part.groups())) if part.has_groups() else "-"
    sources = Counter(source for source in part.column("source") if source)
    shown = ", ".join(f"{source} {n}" for source, n in sources.most_common(6)) or "-"
    return f"{name:<8}{len(part):>8}{len(part) - fakes:>8}{fakes:>8}{groups:>8}  {shown}"
