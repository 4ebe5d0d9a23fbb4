"""What lies in a run's folder, as plain values: the facts and results that a report is made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        torn: of findings of pairs, by kind: pairs in two parts of the run's split, and in training and test.
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
    torn: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict)
    n_skipped: int = 0
    troubles: Sequence[str] = ()

    def split(self) -> Mapping[str, Any]:
        """What the checkpoint remembers of its data."""
        return self.facts.get("split") or {}

    def is_generated(self) -> bool:
        """Whether the tested images are drawn faces."""
        return any("generated faces" in note for note in (self.metrics or {}).get("notes", ()))


@dataclass(frozen=True)
class CrossvalContents:
    """Everything a report says of a cross-validation.

    Attributes:
        name: how it is called.
        result: of `crossval.summarise`, with `against` where it was compared with another.
        runs: of each finished fold, in the order of the result's `per_fold`.
        commands: (UTC time, command line) of each time that it was started.
        training: the options of all its trainings.
        figures: PNG files by stem.
        troubles: in words, what was there and could not be read.
    """

    name: str
    result: Results
    runs: Sequence[RunContents]
    commands: Sequence[tuple[str, str]] = ()
    training: Sequence[str] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    troubles: Sequence[str] = ()

    def as_run(self) -> RunContents:
        """What all folds share, as if it were one run: without what only one fold's detector has."""
        first = self.runs[0]
        facts = {name: first.facts[name] for name in ("preprocessing", "versions") if name in first.facts}
        split = self._common_split()
        return replace(
            first,
            name=self.name,
            checkpoint="",
            epoch=None,
            facts=facts | ({"split": split} if split else {}),
            data={name: value for name, value in first.data.items() if name not in ("fold", "split_seed")},
            trainer={name: value for name, value in first.trainer.items() if name != "seed_everything"},
            commands=self.commands,
            counts=self._all_images(),
            metrics=self.result,
            robustness=None,
            others={},
            others_robustness={},
            torn={},
            figures=self.figures,
            n_skipped=max(run.n_skipped for run in self.runs),
            troubles=[*self.troubles, *dict.fromkeys(one for run in self.runs for one in run.troubles)],
        )

    def _common_split(self) -> dict[str, Any]:
        splits = [run.split() for run in self.runs]
        of_one = {"fingerprint", "val_fingerprint", "test_fingerprint", "n_val", "n_test"}
        common = {name: value for name, value in splits[0].items() if name not in of_one}
        if "kind" in common:
            common["kind"] = f"{str(common['kind']).partition(', fold')[0]}, {self.result['folds']} folds"
        for name in [name for name in common if name.startswith("groups_torn")]:
            torn = {int(split[name]) for split in splits if name in split}
            if len(torn) > 1:
                common[name] = f"{min(torn)} to {max(torn)}"
        return common

    def _all_images(self) -> list[PartCount]:
        """The parts of one fold put together."""
        counts = self.runs[0].counts
        if not counts:
            return []
        sources: Counter[str] = Counter()
        for count in counts:
            sources.update(count.sources)
        groups = self.result["n_groups"] if any(count.n_groups is not None for count in counts) else None
        real, fake = sum(count.n_real for count in counts), sum(count.n_fake for count in counts)
        return [PartCount("all folds", real, fake, groups, sources)]


def bounds(result: Mapping[str, Any], metric: str) -> tuple[float, float] | None:
    """The 95% interval of a metric in a result, where it has one."""
    interval = (result.get("intervals") or {}).get(metric)
    return (float(interval[0]), float(interval[1])) if interval else None
