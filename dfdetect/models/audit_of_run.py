"""Finds the audit of the data that a run was trained on: by what it says of the data, not by its name alone."""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfdetect.data.splits import PARTS
from dfdetect.errors import ResultsError
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.stored import read_json

Torn = tuple[int, int]
"""Numbers of pairs in two parts of a split, and of those of them that lie in training and test."""
FINDINGS, _MANIFEST = "findings.json", "manifest.csv"
_MOST_FOLDERS = 300
"""Folders of one place that are looked into; an audit lies beside the data or where it was typed, in no heap."""


@dataclass(frozen=True)
class TrainedOn:
    """What a run knows of its data.

    Attributes:
        split: what the checkpoint remembers of it.
        settings: of the data module.
        location: absolute path of the root or manifest, where a test of the same data noted it.
    """

    split: Mapping[str, Any]
    settings: Mapping[str, Any]
    location: str = ""

    def listed(self, run: Path) -> Iterator[Path]:
        """Where the root or the manifest may lie: as a test noted it, or from where the training was typed."""
        if self.location:
            yield Path(self.location)
        named = self.settings.get("manifest") or self.settings.get("root")
        yield from (place / named for place in _typed_in(run) if named)

    def count(self) -> int | None:
        """Images of all parts."""
        parts = [int(self.split[f"n_{part}"]) for part in PARTS if f"n_{part}" in self.split]
        return sum(parts) if len(parts) == len(PARTS) else None


def find_audit(run: Path, data: TrainedOn) -> tuple[Path | None, bool]:
    """The findings.json of an audit of this data, and whether the training used that audit's own manifest.

    First the one beside the manifest, as `dfdetect audit` leaves both. Then those beside the data, in the folder that
    the training was typed in, and in folders of either, where they tell of the same images.
    """
    for manifest in data.listed(run):
        if manifest.suffix.lower() == ".csv" and (manifest.parent / FINDINGS).exists():
            return manifest.parent / FINDINGS, manifest.name == _MANIFEST
    return next((file for file in _candidates(run, data) if _tells_of(file, data)), None), False


def checked_findings(file: Path) -> Results:
    """What an audit found; raises `ResultsError` where the file does not hold that."""
    content = read_json(file)
    wanted = ("kind", "severity", "title", "meaning", "remedy")
    try:
        findings: list[dict[str, Any]] = [
            {name: str(finding[name]) for name in wanted}
            | {"n": finding.get("n"), "pairs": list(finding.get("evidence", {}).get("pairs", ()))}
            for finding in content["findings"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{file}: not what dfdetect audit writes ({error})") from error
    if any(finding["severity"] not in ("leak", "strong", "weak", "info") for finding in findings):
        raise ResultsError(f"{file}: a finding of an unknown severity")
    return content | {"findings": findings, "file": str(file)}


def torn_pairs(findings: Results, split: Path) -> dict[str, Torn]:
    """How a run's own split divides the pairs of each finding that lists all of its pairs.

    Args:
        findings: of `checked_findings`.
        split: the run's split.csv.

    Returns:
        By kind, pairs in two parts and those of them in training and test. A kind of which an image is not in the split
            is left out.

    Raises:
        ResultsError: findings whose pairs are none.
    """
    with open(split, newline="", encoding="utf-8") as stream:
        home = {row["path"]: row["split"] for row in csv.DictReader(stream)}
    torn: dict[str, Torn] = {}
    for finding in findings["findings"]:
        pairs = [tuple(map(str, pair)) for pair in finding["pairs"]]
        if any(len(pair) != 2 for pair in pairs):
            raise ResultsError(f"{findings['file']}: pairs of other than two images")
        if pairs and len(pairs) == finding["n"] and all(path in home for pair in pairs for path in pair):
            places = [{home[first], home[second]} for first, second in pairs]
            torn[finding["kind"]] = (sum(len(place) > 1 for place in places), places.count({"train", "test"}))
    return torn


def _typed_in(run: Path) -> list[Path]:
    """Where the training may have been typed: the runs lie in lightning_logs/NAME/version_N there, or in a folder."""
    return [*run.resolve().parents[1:3][::-1], Path.cwd()]


def _candidates(run: Path, data: TrainedOn) -> Iterator[Path]:
    root = Path(str(data.split.get("root") or "."))
    beside = [root, root.parent] if root.is_absolute() else []
    seen: set[Path] = set()
    for place in [*_typed_in(run), *beside]:
        for folder in [place, *_folders(place)]:
            file = folder / FINDINGS
            if file not in seen and file.is_file():
                seen.add(file)
                yield file


def _folders(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            found = [entry.path for _, entry in zip(range(_MOST_FOLDERS), entries, strict=False) if entry.is_dir()]
    except OSError:
        return []
    return [Path(path) for path in sorted(found)]


def _tells_of(file: Path, data: TrainedOn) -> bool:
    """Whether the audit was of the same images: by their fingerprint, or in older ones by place and number."""
    try:
        content = read_json(file)
    except (ResultsError, OSError):
        return False
    if known := content.get("data_fingerprint"):
        return bool(known == data.split.get("data_fingerprint"))
    audited, root = str(content.get("manifest") or content.get("root") or ""), str(data.split.get("root") or "")
    places = {(typed / audited).resolve() for typed in (Path.cwd(), file.resolve().parent.parent)}
    same_place = bool(audited and root) and Path(root).resolve() in places
    return same_place and content.get("n_listed") is not None and content.get("n_listed") == data.count()
