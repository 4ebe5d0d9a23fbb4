"""What an examination means: findings, each with how bad it is and what mends it, the worst first."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from dfdetect.data.audit.examine import Examination
from dfdetect.data.audit.finding import MOST_EVIDENCE, Finding, by_severity
from dfdetect.data.audit.leaks import find_leaks
from dfdetect.data.audit.manifest import can_be_listed
from dfdetect.data.audit.shortcuts import telling_values
from dfdetect.data.audit.tells import NOT_JUDGED, find_tells
from dfdetect.data.samples import CLASS_NAMES, FAKE, REAL
from dfdetect.words import counted

MOST_BROKEN = 0.05
"""A fit stops where more than this share of the files is bad."""
SMALL_SIDE = 64
_FEW, _ONE_SIDED, _UNEVEN = 1000, 0.2, 0.4


def find_all(found: Examination, manifest: str) -> list[Finding]:
    """All findings; `manifest` is the path that the audit's manifest is written to."""
    findings = [*find_leaks(found, manifest), *find_tells(found), *_files(found), *_balance(found), *_faces(found)]
    return by_severity(findings)


def verdict(findings: list[Finding]) -> str:
    """The findings in a sentence or two."""
    unjudged = [finding for finding in findings if finding.kind == NOT_JUDGED]
    if unjudged:
        return _verdict_unjudged([finding for finding in findings if finding.kind != NOT_JUDGED], unjudged[0])
    counts = Counter(finding.severity for finding in findings)
    leaks, strong = counts["leak"], counts["strong"]
    if leaks:
        also = f" and {counted(strong, 'strong shortcut or defect', 'strong shortcuts or defects')}" if strong else ""
        return f"{counted(leaks, 'leak')}{also}: figures measured on this data as it lies are not to be trusted."
    if strong:
        many = counted(strong, "strong shortcut or defect", "strong shortcuts or defects")
        return f"No leak, but {many}: mend what can be mended before you trust a figure."
    if counts["weak"]:
        return f"No leak and no strong shortcut; {counted(counts['weak'], 'weak one', 'weak ones')} to know about."
    return "No leak and no shortcut was found. That proves no absence of what was not looked for."


def _verdict_unjudged(others: list[Finding], unjudged: Finding) -> str:
    if is_serious(others):
        return f"{verdict(others)} {unjudged.title}."
    return f"Not judged: {unjudged.title.partition(': ')[2]}. No leak was found, which proves little of so few."


def is_serious(findings: list[Finding]) -> bool:
    """Whether `--strict` fails."""
    return any(finding.severity in ("leak", "strong") for finding in findings)


def _files(found: Examination) -> Iterator[Finding]:
    if found.broken:
        yield _broken(found)
    odd = {what: paths for what, paths in _odd_files(found).items() if paths}
    if odd:
        total = len({path for paths in odd.values() for path in paths})
        yield Finding(
            "odd_files",
            "info",
            f"{counted(total, 'odd file')}: " + ", ".join(f"{len(paths)} {what}" for what, paths in odd.items()),
            total,
            "They are read as described in docs/data.md: first frame, on white, upright, as RGB.",
            "Look at them: a mistake in collecting the data often shows here first.",
            {what: paths[:MOST_EVIDENCE] for what, paths in odd.items()},
        )
    if found.listed.ignored:
        yield Finding(
            "passed_over",
            "info",
            f"{counted(found.listed.ignored, 'file')} with no image's ending",
            found.listed.ignored,
            "Files beside the images are passed over by their ending.",
        )


def _broken(found: Examination) -> Finding:
    unlisted = len(found.listed.unlisted)
    total = len(found.listed) + unlisted
    stops = unlisted or len(found.broken) / total > MOST_BROKEN
    things = ("file or folder", "files or folders") if unlisted else ("file", "files")
    strict = " A fit of this folder stops at what cannot be listed; one of the audit's manifest does not."
    causes = Counter(cause.split(":")[0].split(" (")[0] for _, cause in found.broken)
    return Finding(
        "broken_files",
        "strong" if stops else "weak",
        f"{counted(len(found.broken), *things)} of {total:,} cannot be read",
        len(found.broken),
        "; ".join(f"{count} {cause}" for cause, count in causes.most_common())
        + f". A fit leaves such files out and stops where they are more than {MOST_BROKEN:.0%}."
        + (strict if unlisted else ""),
        "Fetch them again, or delete them. The audit's manifest leaves them out.",
        {"files": [list(row) for row in found.broken[:MOST_EVIDENCE]]},
    )


def _odd_files(found: Examination) -> dict[str, list[str]]:
    facts, paths = found.facts, np.array(found.samples.paths, dtype=object)
    if not len(paths):
        return {}
    tests = {
        "whose ending is another format's": facts["ending"] == "differs",
        "animated": facts["animated"] == "yes",
        "in grey": np.isin(facts["mode"], ("1", "L", "LA", "I", "I;16", "I;16B")),
        "in CMYK": facts["mode"] == "CMYK",
        "with transparency": np.isin(facts["mode"], ("RGBA", "LA", "PA")),
        "turned by EXIF": facts["orientation"] > 1,
        "whose name no manifest can hold (left out of the audit's)": ~np.array(
            [can_be_listed(p) for p in paths.tolist()]
        ),
        f"smaller than {SMALL_SIDE} pixels": np.minimum(facts["width"], facts["height"]) < SMALL_SIDE,
    }
    return {what: paths[test].tolist() for what, test in tests.items()}


def _balance(found: Examination) -> Iterator[Finding]:
    n_fake = int(found.labels.sum())
    n = len(found.labels)
    n_real = n - n_fake
    rarer = min(n_real, n_fake) / max(n, 1)
    counts = f"{n_real:,} real and {n_fake:,} fake"
    if n and not rarer:
        only = CLASS_NAMES[FAKE if n_fake else REAL]
        yield Finding(
            "one_class", "strong", f"Every readable image is {only}", n, "Nothing can be learned from one class."
        )
    elif n and rarer < _UNEVEN:
        yield Finding(
            "class_balance",
            "weak" if rarer < _ONE_SIDED else "info",
            f"One-sided: {counts} images",
            n,
            "Accuracy says little here, since always naming the larger class is often right; read AUROC and recall.",
            "Weigh both classes alike while training: `--data.class_balance weighted_loss`",
        )
    if 0 < n < _FEW:
        margin = 196 * float(np.sqrt(0.25 / max(1, 0.15 * n)))
        yield Finding(
            "few_images",
            "info",
            f"{counts} images are few",
            n,
            f"A test part of 15% moves an accuracy by up to +-{min(margin, 100):.0f} points by chance alone (95%).",
            "Judge by cross-validation, and report the interval.",
        )
    yield from _sources(found)


def _sources(found: Examination) -> Iterator[Finding]:
    sources = found.samples.column("source")
    fakes = {source for source, label in zip(sources, found.labels.tolist(), strict=True) if label == FAKE}
    if len(fakes - {""}) == 1 and "" not in fakes:
        yield Finding(
            "one_fake_source",
            "info",
            f"All fakes come from one source: {next(iter(fakes))}",
            int(found.labels.sum()),
            "Nothing is shown about other kinds of fakes.",
            "Test on another data set: `dfdetect test --data.root OTHER`",
        )


def _faces(found: Examination) -> Iterator[Finding]:
    if not len(found.faces):
        return
    if found.faces.max() < 0:
        yield Finding(
            "faces_not_counted",
            "info",
            "Faces were not counted: no face model is at hand",
            0,
            "Pictures without a face, or with several, are not told.",
            "Name YuNet's file: `--face-model FILE` or `$DFDETECT_FACE_MODEL`",
        )
        return
    for kind, what, test in (
        ("no_face", "no face", found.faces == 0),
        ("several_faces", "several faces", found.faces > 1),
    ):
        if not test.any():
            continue
        shares = [
            float(test[found.labels == label].mean()) if (found.labels == label).any() else 0.0 for label in (0, 1)
        ]
        uneven = len(telling_values(np.where(test, what, ""), found.labels, least=1)) > 0
        yield Finding(
            kind,
            "weak" if uneven else "info",
            f"{what.capitalize()} found in {counted(int(test.sum()), 'image')}: {shares[0]:.1%} of the reals, "
            f"{shares[1]:.1%} of the fakes",
            int(test.sum()),
            "The face detector misses faces too; where it misses more in one class, the classes are framed differently."
            if uneven
            else "No difference between the classes beyond chance (Fisher's exact test, p < 0.001 asked for). The face "
            "detector makes mistakes too.",
            "Look at them, and leave out what shows no face." if kind == "no_face" else "Look at them.",
            {"files": [found.samples.paths[i] for i in np.flatnonzero(test)[:MOST_EVIDENCE].tolist()]},
        )
