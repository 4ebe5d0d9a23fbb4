"""What lies in a run's folder, as plain values: the facts and results that a report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Results = dict[str, Any]
"""The content of a metrics.json or robustness.json; older ones lack some keys."""


class PartCount(NamedTuple):
    """One part of a split: its images, its groups (None where none are known), and its images of each source."""

    part: str
    n_real: int
    n_fake: int
    n_groups: int | None
    sources: Mapping[str, int]


@dataclass(frozen=True)
class RunContents:
    """Everything a report says of a run; what is missing is empty.

    Attributes:
        name: how the run is called.
        checkpoint: the file that was tested.
        epoch: of the checkpoint, from 0.
        facts: what the checkpoint remembers (`DeepfakeDetector.facts` and versions).
        model: hyperparameters of the detector.
        data: settings of the data module.
        trainer: settings of the trainer, where a configuration was saved.
        commands: (UTC time, command line) of each fit and test.
        counts: of each part of the split.
        metrics: of the run's own test part.
        robustness: curves on the run's own test part.
        others: metrics on other data sets, by name.
        others_robustness: curves on those of them that were tried under corruptions, by name.
        audit: findings of an audit of this data.
        grouped_by_audit: whether the training used that audit's own manifest, and so its groups.
        figures: PNG files by stem; `robustness of NAME` is that on another data set.
        n_skipped: files that could not be read in training.
        troubles: in words, what was there and could not be read.
    """

    name: str
    checkpoint: str = ""
    epoch: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    commands: Sequence[tuple[str, str]] = ()
    counts: Sequence[PartCount] = ()
    metrics: Results | None = None
    robustness: Results | None = None
    others: Mapping[str, Results] = field(default_factory=dict)
    others_robustness: Mapping[str, Results] = field(default_factory=dict)
    audit: Results | None = None
    grouped_by_audit: bool = False
    figures: Mapping[str, bytes] = field(default_factory=dict)
    n_skipped: int = 0
    troubles: Sequence[str] = ()

    def split(self) -> Mapping[str, Any]:
        """What the checkpoint remembers of its data."""
        return self.facts.get("split") or {}

    def is_generated(self) -> bool:
        """Whether the tested images are drawn faces."""
        return any("generated faces" in note for note in (self.metrics or {}).get("notes", ()))


def bounds(result: Mapping[str, Any], metric: str) -> tuple[float, float] | None:
    """The 95% interval of a metric in a result, where it has one."""
    interval = (result.get("intervals") or {}).get(metric)
    return (float(interval[0]), float(interval[1])) if interval else None
