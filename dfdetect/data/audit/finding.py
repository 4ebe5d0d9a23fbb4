"""One finding: what, how bad, what it means, what mends it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Severity = Literal["leak", "strong", "weak", "info"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
"""leak: the same photo on both sides of a split, or under both labels; strong and weak: a shortcut or defect."""
MOST_EVIDENCE = 1000
"""Pairs or files that a finding lists; `n` counts all of them."""


@dataclass(frozen=True)
class Finding:
    """A fact about a data set that its user must know.

    Attributes:
        kind: for programs, such as `twins_across_splits`.
        severity: leak, strong, weak or info.
        title: one line, with the figures.
        n: number of pairs, files or images concerned.
        meaning: why it matters.
        remedy: what mends it, with commands and flags in backticks; empty where nothing has to be done.
        evidence: lists of paths, pairs and figures, as JSON.
    """

    kind: str
    severity: Severity
    title: str
    n: int
    meaning: str
    remedy: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All of it as primitives."""
        return asdict(self)


def by_severity(findings: list[Finding]) -> list[Finding]:
    """The worst first, otherwise as they came."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
