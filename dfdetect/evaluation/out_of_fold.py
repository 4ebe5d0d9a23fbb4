"""Out-of-fold results: what each image got from a detector that has not seen it, read from the folders of the folds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.errors import ResultsError
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.metrics import Floats, Labels, ScoreTable, retempered
from dfdetect.evaluation.stored import read_metrics, read_predictions
from dfdetect.evaluation.tables import METRICS, PREDICTIONS

_FOLDER = re.compile(r"repeat(\d+)-fold(\d+)$")


@dataclass(frozen=True)
class Fold:
    """The test of one fold's detector.

    Attributes:
        repeat: number of the repetition, from 0.
        number: of the fold, from 0.
        predictions: of its test part.
        metrics: what `evaluate` said of them.
    """

    repeat: int
    number: int
    predictions: Predictions
    metrics: Results

    @property
    def name(self) -> str:
        """As its folder is called."""
        return f"repeat{self.repeat}-fold{self.number}"

    @property
    def threshold(self) -> float:
        """Chosen by the fold's own validation."""
        return float(self.metrics["threshold"])

    @property
    def temperature(self) -> float:
        """Fitted by the fold's own validation."""
        return float(self.metrics.get("temperature", 1.0))

    def uncalibrated(self) -> Floats:
        """(N,) p_fake before the temperature."""
        return retempered(self.predictions.p_fake, self.temperature, 1.0)

    def table(self, kept: Labels | None = None, only: Sequence[str] | None = None) -> ScoreTable:
        """Its scores, or those of the images at `kept`, for all metrics or `only` some."""
        label, p_fake = self.predictions.label, self.predictions.p_fake
        if kept is not None:
            label, p_fake = label[kept], p_fake[kept]
        return ScoreTable(label, p_fake, self.threshold, self.temperature, only)


def finished_folds(folder: Path) -> list[Path]:
    """Folders of all folds that were trained and tested, in order; their metrics are written last."""
    found = [file.parent for file in folder.glob(f"repeat*-fold*/{METRICS}") if _FOLDER.search(file.parent.name)]
    return sorted(found, key=_place)


def read_folds(runs: Sequence[Path]) -> list[Fold]:
    """Read the results of folds from folders named `repeatR-foldF`.

    Raises:
        ResultsError: results are missing or damaged.
    """
    folds = [Fold(*_place(run), read_predictions(run / PREDICTIONS), read_metrics(run / METRICS)) for run in runs]
    for fold, run in zip(folds, runs, strict=True):
        try:
            _ = fold.threshold, fold.temperature
        except (KeyError, TypeError, ValueError) as error:
            raise ResultsError(f"{run / METRICS}: not what dfdetect test writes ({error!r})") from error
    return folds


def refuse_other_images(folds: Sequence[Fold], of: int) -> None:
    """Each repetition tests each image once, and all finished ones of `of` folds test the same images.

    Raises:
        ResultsError: they do not.
    """
    tested: dict[int, list[str]] = {}
    for fold in folds:
        tested.setdefault(fold.repeat, []).extend(fold.predictions.path)
    whole = {r for r in tested if sum(fold.repeat == r for fold in folds) == of}
    most = set(tested[min(whole)]) if whole else set[str]().union(*map(set, tested.values()))
    for repeat, paths in tested.items():
        images = set(paths)
        if len(images) < len(paths) or not images <= most or (repeat in whole and images != most):
            raise ResultsError(
                f"Repetition {repeat} does not test each image of the data once: files were added or removed between "
                "folds. Start again in another folder: --out DIR"
            )


def number_groups(folds: Sequence[Fold]) -> tuple[list[Labels], int]:
    """For each fold the numbers of its images' groups, numbered alike in all folds, and how many groups there are."""
    numbers = {name: i for i, name in enumerate(sorted({name for fold in folds for name in fold.predictions.group}))}
    members = [np.array([numbers[name] for name in fold.predictions.group], np.int64) for fold in folds]
    return members, len(numbers)


def together(folds: Sequence[Fold]) -> Predictions:
    """All predictions one after the other; an image stands there once a repetition."""
    every = [fold.predictions for fold in folds]
    return Predictions(
        path=[path for one in every for path in one.path],
        label=np.concatenate([one.label for one in every]),
        p_fake=np.concatenate([one.p_fake for one in every]),
        group=[group for one in every for group in one.group],
        source=[source for one in every for source in one.source],
    )


def verdicts(folds: Sequence[Fold]) -> Predictions:
    """As `together`, with 1 in place of p_fake where the fold's own threshold calls an image fake, and else 0."""
    called = [(fold.predictions.p_fake >= fold.threshold).astype(np.float64) for fold in folds]
    return replace(together(folds), p_fake=np.concatenate(called))


def average(folds: Sequence[Fold]) -> tuple[Predictions, Floats]:
    """Each image once, by path, with its mean p_fake over the repetitions, and (N,) how far above the threshold it is.

    The latter is the mean of p_fake minus the threshold of the fold: above 0 it is called fake.
    """
    every = together(folds)
    above = np.concatenate([fold.predictions.p_fake - fold.threshold for fold in folds])
    paths, first, place, times = np.unique(
        np.asarray(every.path, dtype=object).astype(str), return_index=True, return_inverse=True, return_counts=True
    )
    pooled = Predictions(
        path=paths.tolist(),
        label=every.label[first],
        p_fake=np.bincount(place, weights=every.p_fake) / times,
        group=[every.group[i] for i in first],
        source=[every.source[i] for i in first],
    )
    return pooled, np.asarray(np.bincount(place, weights=above) / times)


def _place(run: Path) -> tuple[int, int]:
    found = _FOLDER.search(run.name)
    if found is None:
        raise ResultsError(f"{run}: no fold; its folder is called repeatR-foldF")
    return int(found[1]), int(found[2])


def row_of(fold: Fold, groups: int) -> dict[str, Any]:
    """What a table of folds says of one: its counts, threshold, temperature and all metrics; undefined is None."""
    label = fold.predictions.label
    measured = {name: float(value[0]) for name, value in fold.table().measure().items()}
    return {
        "repeat": fold.repeat,
        "fold": fold.number,
        "n": len(label),
        "n_real": int((label == 0).sum()),
        "n_fake": int((label == 1).sum()),
        "n_groups": groups,
        "threshold": fold.threshold,
        "temperature": fold.temperature,
        **{name: None if np.isnan(value) else value for name, value in measured.items()},
    }
