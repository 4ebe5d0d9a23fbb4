"""Leaks: the same photo under both labels, or where a split would put it on both sides."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass, replace

from dfdetect.data.audit.examine import Examination, chains
from dfdetect.data.audit.finding import MOST_EVIDENCE, Finding, plural
from dfdetect.data.samples import CLASS_NAMES, Samples
from dfdetect.data.splits import PARTS, assign_parts, groups_torn

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
                f"{plural(len(pairs.held), 'pair')} of {things} kept together by the given groups or split",
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
        f"{plural(len(found.conflicts), 'picture')} under both labels",
        len(found.conflicts),
        "The same pixels are called real and fake. Whatever a detector answers, one of the two is counted wrong.",
        "Delete the wrong one of each, or both, and audit again.",
        {"pictures": listed[:MOST_EVIDENCE]},
    )


def _across_splits(found: Examination, what: str, things: str, pairs: Pairs, manifest: str) -> Finding:
    return Finding(
        f"{what}_across_splits",
        "leak",
        f"{plural(len(pairs), 'pair')} of {things} {_lie(pairs)} in two parts of the given split",
        len(pairs),
        "Training sees a photo that validation or test judges again, so their figures say little of new ones: they are "
        "too good where both have one label, too bad where an edit is tested whose original was learned. "
        + _both(found, pairs),
        "Split anew by the groups that the audit found, which is another test set than the published one: "
        f"`dfdetect fit --data.manifest {manifest} --data.split grouped`",
        {"pairs": pair_paths(found.samples, pairs)},
    )


def _ungrouped(found: Examination, what: str, things: str, pairs: Pairs, manifest: str) -> Finding:
    torn, total = _torn_at_random(found, pairs)
    return Finding(
        f"ungrouped_{what}",
        "leak",
        f"{plural(len(pairs), 'pair')} of {things} {'has' if len(pairs) == 1 else 'have'} no common group",
        len(pairs),
        f"They form {plural(total, 'group')}, of which a random split (seed 0) would tear {torn}: a photo in the "
        f"training part, its {things} in the test part. {_both(found, pairs)}",
        f"Use the audit's manifest, whose groups keep them together: `dfdetect fit --data.manifest {manifest}`",
        {"pairs": pair_paths(found.samples, pairs), "groups": total, "torn_at_random": torn},
    )


def _torn_groups(torn: dict[str, list[str]], manifest: str) -> Finding:
    listed = [[group, *parts] for group, parts in list(torn.items())[:MOST_EVIDENCE]]
    return Finding(
        "groups_across_splits",
        "leak",
        f"{plural(len(torn), 'given group')} {_lie(list(torn))} in two parts of the given split",
        len(torn),
        "What shares a source photo, person or video is learned from in one part and judged in another.",
        f"Split anew by groups: `dfdetect fit --data.manifest {manifest} --data.split grouped`",
        {"groups": listed},
    )


def _torn_at_random(found: Examination, pairs: Pairs) -> tuple[int, int]:
    """(groups that a split without the audit's knowledge tears, groups there are) among those of some pairs."""
    names = {found.groups[first] for first, _ in pairs}
    if len(found.samples) < len(PARTS):
        return 0, len(names)
    parts = assign_parts(found.samples)
    groups = [group if group in names else "" for group in found.groups]
    return groups_torn(replace(found.samples, columns={"group": groups}), parts), len(names)


def _both(found: Examination, pairs: Pairs) -> str:
    mixed = sum(found.labels[first] != found.labels[second] for first, second in pairs)
    return (
        f"{mixed:,} of {plural(len(pairs), 'pair')} {'ties' if mixed == 1 else 'tie'} a fake to a real."
        if mixed
        else ""
    )


def _lie(things: Sized) -> str:
    return "lies" if len(things) == 1 else "lie"
