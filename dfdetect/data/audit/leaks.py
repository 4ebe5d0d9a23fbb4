"""Leaks: the same photo under both labels, or where a split would put it on both sides."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from itertools import combinations

from dfdetect.data.audit.examine import Examination, chains
from dfdetect.data.audit.finding import MOST_EVIDENCE, Finding
from dfdetect.data.samples import CLASS_NAMES, Samples
from dfdetect.data.splits import PARTS, assign_parts, groups_torn
from dfdetect.words import counted

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Sorted:
    """Pairs by what a split does to them.

    Attributes:
        torn: in two given parts.
        loose: free to be torn by a random split: no group that both were given, no parts that hold them together.
        held: kept together by a given group or by a given split.
    """

    torn: Pairs
    loose: Pairs
    held: Pairs


def find_leaks(found: Examination, manifest: str) -> Iterator[Finding]:
    """All leaks of an examination; `manifest` is the path that the audit's manifest is written to."""
    if found.conflicts:
        yield _conflicts(found)
    twins = sort_pairs(found.samples, [(twin.first, twin.second) for twin in found.twins])
    copies = sort_pairs(found.samples, chains(found.duplicates))
    for what, things, pairs in (("twins", "twins", twins), ("duplicates", "exact duplicates", copies)):
        if pairs.torn:
            yield _across_splits(found, what, things, pairs.torn, manifest)
        if pairs.loose:
            yield _ungrouped(found, what, things, pairs.loose, manifest)
        if pairs.held:
            yield Finding(
                f"{what}_held",
                "info",
                f"{counted(len(pairs.held), 'pair')} of {things} kept together by the given groups or split",
                len(pairs.held),
                "They leak nothing, but they are no independent evidence: intervals count groups, not images.",
                evidence={"pairs": pair_paths(found.samples, pairs.held)},
            )
    if torn := torn_given_groups(found.samples):
        yield _torn_groups(torn, manifest)


def sort_pairs(samples: Samples, pairs: Pairs) -> Sorted:
    """Tell pairs apart by what the given groups and parts do to them."""
    group, split = samples.column("group"), samples.column("split")
    cut = "train" if "split" in samples.columns and len(set(split)) < len(PARTS) else ""
    """Parts that are missing will be cut out of this one."""
    result = Sorted([], [], [])
    for first, second in pairs:
        if split[first] != split[second]:
            result.torn.append((first, second))
        elif split[first] == cut and (not group[first] or group[first] != group[second]):
            result.loose.append((first, second))
        else:
            result.held.append((first, second))
    return result


def torn_given_groups(samples: Samples) -> dict[str, list[str]]:
    """Given groups that lie in more than one given part, with the parts."""
    places: dict[str, set[str]] = {}
    for group, split in zip(samples.column("group"), samples.column("split"), strict=True):
        if group and split:
            places.setdefault(group, set()).add(split)
    return {group: sorted(parts, key=PARTS.index) for group, parts in sorted(places.items()) if len(parts) > 1}


def pair_paths(samples: Samples, pairs: Pairs) -> list[list[str]]:
    """Pairs by path, as many as a finding lists."""
    return [[samples.paths[first], samples.paths[second]] for first, second in pairs[:MOST_EVIDENCE]]


def _conflicts(found: Examination) -> Finding:
    listed = [[f"{CLASS_NAMES[int(found.labels[i])]}: {found.samples.paths[i]}" for i in g] for g in found.conflicts]
    return Finding(
        "label_conflict",
        "leak",
        f"{counted(len(found.conflicts), 'picture')} under both labels",
        len(found.conflicts),
        "The same pixels are called real and fake. Whatever a detector answers, one of the two is counted wrong.",
        "Delete the wrong one of each, or both, and audit again.",
        {"pictures": listed[:MOST_EVIDENCE]},
    )


def _across_splits(found: Examination, what: str, things: str, pairs: Pairs, manifest: str) -> Finding:
    split = found.samples.column("split")
    return Finding(
        f"{what}_across_splits",
        "leak",
        f"{counted(len(pairs), 'pair')} of {things} {_lie(pairs)} in two parts of the given split",
        len(pairs),
        f"{_between((split[first], split[second]) for first, second in pairs)}. Where a photo that was learned or "
        "chosen by is judged again, the figures say little of new ones: they are too good where both have one label, "
        f"too bad where an edit is tested whose original was learned. {_both(found, pairs)}",
        "Split anew by the groups that the audit found, which is another test set than the published one: "
        f"`dfdetect fit --data.manifest {manifest} --data.split grouped`",
        {"pairs": pair_paths(found.samples, pairs)},
    )


def _ungrouped(found: Examination, what: str, things: str, pairs: Pairs, manifest: str) -> Finding:
    total, torn, leaking = _torn_at_random(found, pairs)
    told = f"{torn}, {leaking or 'none'} of them between training and test"
    told += f": a photo is learned, and its {things} are judged" if leaking else ""
    return Finding(
        f"ungrouped_{what}",
        "leak",
        f"{counted(len(pairs), 'pair')} of {things} {'has' if len(pairs) == 1 else 'have'} no common group",
        len(pairs),
        f"They form {counted(total, 'group')}, of which a random split (seed 0) would tear {told if torn else 'none'}. "
        f"{_both(found, pairs)}",
        f"Use the audit's manifest, whose groups keep them together: `dfdetect fit --data.manifest {manifest}`",
        {
            "pairs": pair_paths(found.samples, pairs),
            "groups": total,
            "torn_at_random": torn,
            "torn_train_test": leaking,
        },
    )


def _torn_groups(torn: dict[str, list[str]], manifest: str) -> Finding:
    listed = [[group, *parts] for group, parts in list(torn.items())[:MOST_EVIDENCE]]
    return Finding(
        "groups_across_splits",
        "leak",
        f"{counted(len(torn), 'given group')} {_lie(list(torn))} in two parts of the given split",
        len(torn),
        f"{_between(torn.values())}. What shares a source photo, person or video is learned or chosen by in one part "
        "and judged in another.",
        f"Split anew by groups: `dfdetect fit --data.manifest {manifest} --data.split grouped`",
        {"groups": listed},
    )


def _torn_at_random(found: Examination, pairs: Pairs) -> tuple[int, int, int]:
    """(groups there are, those that a split without the audit's knowledge tears, and between training and test).

    Only groups of some pairs count.
    """
    names = {found.groups[first] for first, _ in pairs}
    if len(found.samples) < len(PARTS):
        return len(names), 0, 0
    parts = assign_parts(found.samples)
    groups = [group if group in names else "" for group in found.groups]
    samples = replace(found.samples, columns={"group": groups})
    return len(names), groups_torn(samples, parts), groups_torn(samples, parts, ("train", "test"))


def _between(places: Iterable[Iterable[str]]) -> str:
    """How many lie in which two parts, from the parts that each lies in; one in three parts counts for each two."""
    words = {"train": "training", "val": "validation", "test": "test"}
    counts = Counter(pair for parts in places for pair in combinations(sorted(parts, key=PARTS.index), 2))
    ordered = sorted(counts.items(), key=lambda item: (item[0] != ("train", "test"), item[0]))
    told = ", ".join(f"{count:,} between {words[first]} and {words[second]}" for (first, second), count in ordered)
    return told[:1].upper() + told[1:]


def _both(found: Examination, pairs: Pairs) -> str:
    mixed = sum(found.labels[first] != found.labels[second] for first, second in pairs)
    return (
        f"{mixed:,} of {counted(len(pairs), 'pair')} {'ties' if mixed == 1 else 'tie'} a fake to a real."
        if mixed
        else ""
    )


def _lie(things: Sized) -> str:
    return "lies" if len(things) == 1 else "lie"
