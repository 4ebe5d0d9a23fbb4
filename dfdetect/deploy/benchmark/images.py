"""Which images a benchmark may judge models by, and how well each does on them. Nothing here loads torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.data.samples import Samples, load_samples
from dfdetect.data.seen import refusal
from dfdetect.data.splits import PARTS, assign_parts, fingerprint
from dfdetect.deploy.benchmark.process import Worker
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import ResultsError, UsageError
from dfdetect.evaluation.evaluate import Predictions, evaluate

_CHUNK = 64


@dataclass(frozen=True)
class JudgedImages:
    """Images that no model has been trained on, as far as is known, and in words which they are."""

    samples: Samples
    which: str


def choose_images(data: str, models: Sequence[ModelFacts], split: Path | None, named: bool) -> JudgedImages:
    """The images of a folder or manifest that models may be judged by.

    A model remembers a fingerprint of the data it was trained on, and some of the images. On other data all images
    count, or the test part that the data itself gives. On the training's data only the test part counts: the one of the
    run's `split.csv`, or the one that the data itself gives.

    Args:
        data: folder or manifest.
        models: what each says of itself.
        split: the `split.csv` of the run; None where none is known.
        named: whether the user named it, and it was not merely found beside a checkpoint.

    Raises:
        DataLayoutError: no labelled images there.
        UsageError: training's data without a known test part, a split of other data, or data that hold images which a
            model was trained on.
    """
    trained_on = [facts.data_fingerprint for facts in models]
    samples = load_samples(data)
    test = np.flatnonzero(np.asarray(samples.column("split")) == "test")
    whole = _data_fingerprint(samples)
    if split is not None and (found := _test_part(samples, split, whole)) is not None:
        return JudgedImages(found, f"the test part of the training's own data, by {split}")
    if split is not None and named:
        raise UsageError(
            f"--split {split} is of other images than {data}: name the split.csv of the run that used them"
        )
    if len(test):
        return _unseen(samples.select(test), "the test part that the data itself gives", models, data)
    if whole in trained_on:
        raise UsageError(
            f"A model was trained on images of {data}, and which of them it has not seen stands in its run: "
            "--split lightning_logs/NAME/version_N/split.csv"
        )
    unknown = "; a model does not say what it was trained on, so it may have seen them" if None in trained_on else ""
    return _unseen(samples, f"all images of data that the models were not trained on{unknown}", models, data)


def _unseen(samples: Samples, which: str, models: Sequence[ModelFacts], data: str) -> JudgedImages:
    for note in {facts.images_seen for facts in models}:
        if refused := refusal(samples, note):
            raise UsageError(f"--data {data}: {refused}, with --split lightning_logs/NAME/version_N/split.csv")
    return JudgedImages(samples, which)


def _data_fingerprint(samples: Samples) -> str:
    return fingerprint(samples, np.zeros(len(samples), np.int8))


def _test_part(samples: Samples, split: Path, whole: str) -> Samples | None:
    """The test part by a run's `split.csv`; None where that is of other images."""
    divided = load_samples(samples.root, split)
    if _data_fingerprint(divided) != whole:
        return None
    parts = assign_parts(divided, split="given")
    return samples.select(np.flatnonzero(parts == PARTS.index("test")))


def judge(worker: Worker, facts: ModelFacts, samples: Samples, step: Callable[[int], object]) -> dict[str, Any]:
    """Figures of one model on the images, with their 95% intervals; `step` is called with each number of images done.

    Returns:
        n, n_real, n_fake, auroc, accuracy (at the model's threshold), intervals, notes, and `unreadable`, the number
        of images that could not be read.

    Raises:
        ResultsError: none could be read.
    """
    scores: list[float | None] = []
    for start in range(0, len(samples), _CHUNK):
        paths = [samples.file(index) for index in range(start, min(start + _CHUNK, len(samples)))]
        scores += worker.ask(do="judge", paths=paths)["p_fake"]
        step(len(paths))
    read = np.asarray([index for index, score in enumerate(scores) if score is not None], np.intp)
    if not len(read):
        raise ResultsError(
            f"None of the {len(samples)} images in {samples.root} could be read: dfdetect audit says why"
        )
    kept = samples.select(read)
    p_fake = np.asarray([score for score in scores if score is not None])
    labels = kept.labels.astype(np.int64)
    predictions = Predictions(kept.paths, labels, p_fake, kept.groups(), kept.column("source"))
    result = evaluate(predictions, facts.threshold, temperature=facts.temperature)
    shown = {name: result[name] for name in ("n", "n_real", "n_fake", "threshold", "auroc", "accuracy", "notes")}
    intervals = {name: result["intervals"].get(name) for name in ("auroc", "accuracy")}
    return {**shown, "intervals": intervals, "unreadable": len(samples) - len(read)}
