"""One limit of a run's figures: what, how bad, what it means, what mends it."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

Severity = Literal["leak", "strong", "weak", "info"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
SEVERITY_WORDS = {"leak": "leak", "strong": "serious", "weak": "caution", "info": "to know"}
"""How people are told of them."""


@dataclass(frozen=True)
class Limit:
    """Something a reader must know before relying on a figure.

    Attributes:
        kind: for programs, such as `cross_dataset_fall`.
        severity: leak, strong or weak; info where something was simply not looked at.
        title: one line.
        meaning: why it matters.
        remedy: what mends it, commands in backticks; empty where nothing does.
    """

    kind: str
    severity: Severity
    title: str
    meaning: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """All of it as primitives."""
        return asdict(self)
