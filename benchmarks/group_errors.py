"""How often is a detector wrong by what can be measured of a photo: face size, sharpness, light, pose, kind of edit?

python benchmarks/group_errors.py RUN... --base DIR [--face-model yunet.onnx] [--json groups.json]

Each RUN is a folder with `predictions.csv` and `metrics.json`, of `dfdetect test` or a fold of `dfdetect crossval`; its
verdicts are those of its own threshold, and several runs must not share an image. Paths of images are taken from
`--base`. Photos are told apart by their largest face, in thirds, so that each has as many: its longer side, its
sharpness as `dfdetect scan` measures it, its mean luma (light and skin together; neither can be told from the other),
and how far the nose lies from between the eyes. For CIPLAB also by the number of edited parts in the fakes' names.

Printed are the reals called fake and the fakes called real, with 95% intervals of 1,000 resamples of whole groups.
"""

import argparse
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.decode import decode
from dfdetect.data.face_model import face_model
from dfdetect.data.yunet import Face, search
from dfdetect.deploy.faces import sharpness
from dfdetect.errors import DFDetectError
from dfdetect.evaluation.exact import evidence_of
from dfdetect.evaluation.intervals import group_bootstrap
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.evaluation.stored import read_metrics, read_predictions

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
MEASURES = ("longer side of the face, pixels", "sharpness of the face", "mean luma of the face", "face turned aside")
_CIPLAB = re.compile(r"(easy|mid|hard)_\d+_([01]{3,4})\.jpg$")
_THIRDS = ("lowest", "middle", "highest")


def collect(runs: list[Path]) -> tuple[list[str], Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Paths, verdicts (1 fake), labels and groups of all runs' images."""
    paths, called, labels, groups = [], [], [], []
    for run in runs:
        predictions = read_predictions(run / "predictions.csv")
        threshold = read_metrics(run / "metrics.json")["threshold"]
        named = predictions.group or [""] * len(predictions.path)
        paths += list(predictions.path)
        called += [float(p >= threshold) for p in predictions.p_fake]
        labels += [int(label) for label in predictions.label]
        groups += [group or path for group, path in zip(named, predictions.path, strict=True)]
    if len(set(paths)) < len(paths):
        raise SystemExit("An image is in several of these runs: name runs that share none, as the folds of a repeat")
    return paths, np.array(called), np.array(labels), np.unique(groups, return_inverse=True)[1]


def measure(path: Path, model: str) -> list[float]:
    """`MEASURES` of the largest face; NaN without one."""
    image = decode(path)
    found = search(image, model)
    if not found:
        return [np.nan] * len(MEASURES)
    face = found[0]
    left, top = max(0, int(face.left)), max(0, int(face.top))
    cut = image[top : int(face.top + face.height), left : int(face.left + face.width)]
    luma = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    return [face.side, sharpness(cut), float(luma.mean()), turned(face)]


def turned(face: Face) -> float:
    """How far the nose lies aside from between the eyes, in distances of the eyes: 0 from the front."""
    right, left, nose = np.asarray(face.landmarks[:3], np.float64)
    across = left - right
    return float(abs((nose - (right + left) / 2) @ across) / max(float(across @ across), 1e-9))


def thirds(values: Floats) -> Names:
    """Name of each value's third, with its bounds; `no face` for NaN."""
    known = np.isfinite(values)
    low, high = np.quantile(values[known], [1 / 3, 2 / 3])
    place = np.digitize(values, [low, high])
    bounds = (f"up to {low:.3g}", f"{low:.3g} to {high:.3g}", f"above {high:.3g}")
    words = np.array([f"{name} third ({bound})" for name, bound in zip(_THIRDS, bounds, strict=True)])
    return np.where(known, words[np.where(known, place, 0)], "no face found")


def edits(paths: list[str]) -> Names:
    """Number of edited parts of CIPLAB's fakes; empty for all else."""
    found = [_CIPLAB.search(path) for path in paths]
    return np.array([f"{one[2].count('1')} of 4 parts edited" if one else "" for one in found])


def errors(called: Floats, label: npt.NDArray[np.int64], group: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Reals called fake and fakes called real, with n and interval; None without such images."""
    table = ScoreTable(label, called, 0.5, only=("recall", "specificity"))
    value = {name: float(array[0]) for name, array in table.measure().items()}
    counts = {"recall": int(label.sum()), "specificity": int((1 - label).sum())}
    member = np.unique(group, return_inverse=True)[1]
    bounds = group_bootstrap(table, member, evidence=evidence_of([(table, member)]))
    return {
        name: {
            "n": counts[metric],
            "rate": 1 - value[metric] if counts[metric] else None,
            "interval": [1 - end for end in reversed(bounds[metric] or ())] or None,
        }
        for name, metric in (("reals_called_fake", "specificity"), ("fakes_called_real", "recall"))
    }


def cell(one: dict[str, Any]) -> str:
    """A rate with its interval and n."""
    if one["rate"] is None:
        return "-"
    interval = f" ({one['interval'][0]:.1%} to {one['interval'][1]:.1%})" if one["interval"] else ""
    return f"{one['rate']:.1%}{interval}, n {one['n']}".replace("% to", " to")


def main() -> None:
    """Measure, tell apart, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--base", type=Path, required=True, help="folder that the images' paths are taken from")
    parser.add_argument("--face-model", default=os.environ.get("DFDETECT_FACE_MODEL"))
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = face_model(options.face_model)
    paths, called, label, group = collect(options.runs)
    with ThreadPoolExecutor(1) as pool:
        measured = np.array(list(pool.map(lambda path: measure(options.base / path, model), paths)))
    columns = {name: thirds(measured[:, i]) for i, name in enumerate(MEASURES)}
    if any(parts := edits(paths)):
        columns["kind of edit"] = parts
    found: dict[str, dict[str, Any]] = {"all": {"all": errors(called, label, group)}}
    for name, values in columns.items():
        found[name] = {
            str(value): errors(called[values == value], label[values == value], group[values == value])
            for value in sorted(set(values) - {""}, key=lambda value: _order(str(value)))
        }
    print("| | | reals called fake | fakes called real |\n|---|---|---|---|")
    for name, rows in found.items():
        for value, one in rows.items():
            print(f"| {name} | {value} | {cell(one['reals_called_fake'])} | {cell(one['fakes_called_real'])} |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _order(value: str) -> tuple[int, str]:
    return next((i for i, name in enumerate(_THIRDS) if value.startswith(name)), 9), value


if __name__ == "__main__":
    try:
        main()
    except DFDetectError as error:
        sys.exit(str(error))
