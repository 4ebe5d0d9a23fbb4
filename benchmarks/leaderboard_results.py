"""What benchmarks/leaderboard.py keeps of a test: scores of the images, small enough to be committed."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.network_name import ENSEMBLE
from dfdetect.evaluation.out_of_fold import Fold, finished_folds, read_folds
from dfdetect.evaluation.stored import read_json, read_metrics, read_predictions
from dfdetect.evaluation.tables import METRICS, PREDICTIONS, write_json
from dfdetect.models.checkpoint import FACTS_KEY, read_detector_checkpoint
from dfdetect.models.cost import take_turns
from dfdetect.models.detector import DeepfakeDetector

IMAGES, FACTS, ALL_OF = "images", "facts.json", "all-of-"
_ROBUSTNESS = "robustness.json"


@dataclass(frozen=True)
class Test:
    """Tests of one detector on one data set: one, or one a fold, which together are of each image once a repetition."""

    folds: list[Fold]

    @property
    def size(self) -> tuple[int, int]:
        """Number of images and of their groups."""
        every = [fold.predictions for fold in self.folds]
        return len({p for one in every for p in one.path}), len({g for one in every for g in one.group})

    def only(self, folds: Sequence[Fold]) -> "Test":
        """The same test by no more than the folds of these names."""
        names = {fold.name for fold in folds}
        return Test([fold for fold in self.folds if fold.name in names])


def test_file(saved: Path, row: str, name: str) -> Path:
    """Where a test of a row is kept; `name` is of the data set, or `TRAINED on TESTED`."""
    return saved / row / f"{name.replace(' ', '-')}.npz"


def save_test(saved: Path, row: str, name: str, tested_on: str, runs: Sequence[Path]) -> None:
    """Keep the results in the folders of one test or of all folds.

    Args:
        saved: where they are kept.
        row: name of the detector.
        name: of the test.
        tested_on: which images of a data set; ends in its folder's name.
        runs: folders with predictions.csv and metrics.json.
    """
    folds = [replace(fold, predictions=_within(fold.predictions, tested_on)) for fold in _read(runs)]
    images = _images(saved, tested_on, [fold.predictions for fold in folds])
    content: dict[str, Any] = {"tested_on": np.array(tested_on)}
    for fold in folds:
        place = np.array([images[path] for path in fold.predictions.path], np.int32)
        content[f"{fold.name}/index"] = place
        content[f"{fold.name}/p_fake"] = fold.predictions.p_fake.astype(np.float32)
        content[f"{fold.name}/verdicts"] = np.array([fold.threshold, fold.temperature])
    _write(test_file(saved, row, name), content)


def read_test(saved: Path, row: str, name: str) -> Test | None:
    """What `save_test` kept; None where that was not done yet."""
    file = test_file(saved, row, name)
    if not file.is_file():
        return None
    with np.load(file) as content, np.load(saved / IMAGES / f"{content['tested_on']}.npz") as images:
        names = dict.fromkeys(key.partition("/")[0] for key in content.files if "/" in key)
        return Test([_fold(content, images, name) for name in names])


def _fold(content: Any, images: Any, name: str) -> Fold:
    index = content[f"{name}/index"]
    path, group = (images[column][index].tolist() for column in ("path", "group"))
    p_fake = content[f"{name}/p_fake"].astype(np.float64)
    threshold, temperature = content[f"{name}/verdicts"].tolist()
    repeat, number = map(int, re.findall(r"\d+", name))
    predictions = Predictions(path, images["label"][index].astype(np.int64), p_fake, group, [""] * len(path))
    return Fold(repeat, number, predictions, {"threshold": threshold, "temperature": temperature})


def _read(runs: Sequence[Path]) -> list[Fold]:
    if len(runs) > 1:
        return read_folds(runs)
    return [Fold(0, 0, read_predictions(runs[0] / PREDICTIONS), read_metrics(runs[0] / METRICS))]


def _within(found: Predictions, tested_on: str) -> Predictions:
    """With paths, and groups that are paths, from the data set's folder on, wherever that lies."""
    folder = f"{tested_on.removeprefix(ALL_OF)}/"
    path, group = ([name.rpartition(folder)[2] for name in names] for names in (found.path, found.group))
    return replace(found, path=path, group=group)


def _images(saved: Path, name: str, tests: Sequence[Predictions]) -> dict[str, int]:
    """The place of each image in the list of a data set's images, which grows by those that are new."""
    file = saved / IMAGES / f"{name}.npz"
    rows: dict[str, tuple[int, str]] = {}
    if file.is_file():
        with np.load(file) as kept:
            rows = {
                p: (int(y), g) for p, y, g in zip(*(kept[c].tolist() for c in ("path", "label", "group")), strict=True)
            }
    known = len(rows)
    for one in tests:
        for path, label, group in zip(one.path, one.label.tolist(), one.group, strict=True):
            if rows.setdefault(path, (label, group)) != (label, group):
                raise SystemExit(f"{name}: {path} has another label or group than in {file}: are these other images?")
    if len(rows) > known:
        columns = {"path": np.array(list(rows)), "label": np.array([y for y, _ in rows.values()], np.uint8)}
        _write(file, columns | {"group": np.array([g for _, g in rows.values()])})
    return {path: place for place, path in enumerate(rows)}


def save_facts(saved: Path, row: str, about: str, options: Sequence[str], data: str, run: Path) -> None:
    """Keep what a row is, the epoch that validation chose, and how it bears what happens to photos.

    Args:
        saved: where it is kept.
        row: its name.
        about: what it is, in words.
        options: as in the plan, with variables as they are written there.
        data: name of a data set.
        run: folder of a training on it; where it was tested with `--robustness`, that is kept too.
    """
    checkpoint = read_detector_checkpoint(run / "checkpoints" / "best.ckpt")
    model, facts = checkpoint["hyper_parameters"], checkpoint[FACTS_KEY]
    before = read_facts(saved, row)
    epoch = None if model["backbone"].startswith(ENSEMBLE) else int(checkpoint["epoch"]) + 1
    content = {
        "about": about,
        "options": list(options),
        "pretrained": model["weights"] != "none",
        "model": {name: model[name] for name in ("backbone", "frontend", "test_time_flip")},
        "image_size": facts["preprocessing"]["image_size"],
        "epochs": before.get("epochs", {}) | {data: epoch},
        "robustness": before.get("robustness", {})
        | ({data: _robustness(run)} if (run / _ROBUSTNESS).is_file() else {}),
    }
    write_json(saved / row / FACTS, content)


def read_facts(saved: Path, row: str) -> dict[str, Any]:
    """What `save_facts` kept; empty where that was not done yet."""
    file = saved / row / FACTS
    return read_json(file) if file.is_file() else {}


def _robustness(run: Path) -> dict[str, Any]:
    """AUROC as it is, the mean of its changes over all corruptions and severities, and the worst."""
    found = read_json(run / _ROBUSTNESS)
    points = [point for curve in found["corruptions"].values() for point in curve["severities"]]
    changes = [point["auroc"] - found["clean"]["auroc"] for point in points if point["auroc"] is not None]
    weakest = found["weakest"]
    return {
        "clean": found["clean"]["auroc"],
        "mean_change": float(np.mean(changes)),
        "points": len(changes),
        "weakest": {name: weakest[name] for name in ("corruption", "severity", "auroc")},
    }


def measure_rows(facts: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Of each row parameters, MB of the weights in fp32, and ms of a picture, all timed in turn on this machine.

    Rows that differ in their training alone have one network, which is timed once.
    """
    networks = {name: json.dumps([one["model"], int(one["image_size"])], sort_keys=True) for name, one in facts.items()}
    detectors = {
        key: DeepfakeDetector(weights="none", **json.loads(key)[0]).eval() for key in dict.fromkeys(networks.values())
    }
    seconds = take_turns(list(detectors.values()), [json.loads(key)[1] for key in detectors])
    costs = {
        key: {
            "parameters": sum(parameter.numel() for parameter in detector.parameters()),
            "megabytes": sum(tensor.nbytes for tensor in detector.state_dict().values()) / 1e6,
            "cpu_ms": 1000 * fastest,
        }
        for (key, detector), fastest in zip(detectors.items(), seconds, strict=True)
    }
    return {name: costs[key] for name, key in networks.items()}


def folds_of(folder: Path) -> list[Path]:
    """Folders of finished folds, or the folder itself."""
    return finished_folds(folder) or [folder]


def with_groups_of(test: Test, first: Test) -> Test:
    """The same test with groups as another one of the same images knows them, so that both are resampled alike."""
    group = {p: g for fold in first.folds for p, g in zip(fold.predictions.path, fold.predictions.group, strict=True)}
    return Test(
        [
            replace(fold, predictions=replace(fold.predictions, group=[group[p] for p in fold.predictions.path]))
            for fold in test.folds
        ]
    )


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".part.npz")
    np.savez_compressed(temporary, **content)
    os.replace(temporary, file)
