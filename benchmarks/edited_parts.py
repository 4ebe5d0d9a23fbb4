"""Which digit of CIPLAB's file names stands for which part of the face, by what changed between fakes and originals.

    dfdetect audit $DFDETECT_DATA/ciplab384 --out audit    # finds the pairs
    python benchmarks/edited_parts.py audit/findings.json --face-model $DFDETECT_FACE_MODEL --out edited-parts

Each real photo that the audit ties to a fake is laid on it by their matched local features. How much a part changed is
1 - the best correlation of its grey values within 4 pixels, which neither a slight shift nor another exposure moves.
For each of the 24 orders of parts: AUROC of the change of parts that a name calls edited against those it does not,
with its interval over photos; the log likelihood of a model with one mean for edited parts and one for others; and
whether as much could be had from names that are dealt out anew. Left and right eye change places among the 24, so the
readings "the person's left" and "the picture's left" are told apart as well.
"""

import argparse
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.geometry import align, fit, match
from dfdetect.data.audit.groups import components
from dfdetect.data.audit.local_features import Description, describe, mirrored, unit_descriptors
from dfdetect.data.ciplab import PARTS, edited_parts
from dfdetect.data.decode import decode
from dfdetect.data.yunet import search
from dfdetect.evaluation.canvas import new_figure, save_figure
from dfdetect.evaluation.intervals import percentile_interval, resample, two_sided_p
from dfdetect.evaluation.metrics import Labels, ScoreTable
from dfdetect.process import prepare_process

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
ORDERS = list(itertools.permutations(range(4)))
"""Part of each digit."""
HALF_AXES = {"right_eye": (0.3, 0.2), "left_eye": (0.3, 0.2), "nose": (0.3, 0.3), "mouth": (0.45, 0.25)}
"""Half width and height of a part, in distances between the eyes."""
LEAST_AGREEMENT = 0.5
"""Below it the photo gave a part to the fake, and is not what the fake was made from."""
SHIFT, BLUR, FLOOR, DEALS = 4, 1.0, 1e-3, 10_000
NAMES = {"right_eye": "picture's left eye", "left_eye": "picture's right eye", "nose": "nose", "mouth": "mouth"}


class Pair(NamedTuple):
    """A fake beside the photo it was made from: digits of its name and changes (4,), of `PARTS`."""

    fake: str
    real: str
    digits: list[int]
    changes: list[float]


def laid_on(fake: Pixels, real: Pixels) -> Pixels | None:
    """The real photo, moved so that it lies on the fake; None where it is not what the fake was made from."""
    first = describe(fake)
    best: tuple[int, Pixels, Description, npt.NDArray[np.intp]] | None = None
    for photo, other in ((real, describe(real)), (np.ascontiguousarray(real[:, ::-1]), mirrored(describe(real)))):
        pairs = match(unit_descriptors(first) @ unit_descriptors(other).T)
        found = fit(first, other, pairs)
        if found and found.agreement > LEAST_AGREEMENT and (best is None or found.inliers > best[0]):
            best = found.inliers, photo, other, pairs
    if best is None:
        return None
    _, photo, other, pairs = best
    found_move = align(first.points[pairs[:, 0]], other.points[pairs[:, 1]])
    if found_move is None:
        return None
    size = fake.shape[1], fake.shape[0]
    move = (np.linalg.inv(_scale(photo, other)) @ np.vstack([found_move[0], (0, 0, 1)]) @ _scale(fake, first))[:2]
    laid = cv2.warpAffine(photo, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(laid, np.uint8)


def _scale(image: Pixels, described: Description) -> Floats:
    """(3, 3) from an image's pixels to those in which its features were found."""
    (height, width), (h, w) = image.shape[:2], described.shape
    return np.diag([w / width, h / height, 1.0])


def changes(fake: Pixels, real: Pixels, face_model: str) -> list[float] | None:
    """How much each of `PARTS` changed, 0 to 2; None without a face."""
    faces = search(fake, face_model)
    if not faces:
        return None
    marks = faces[0].landmarks
    places = dict(zip(PARTS, (*marks[:3], (marks[3] + marks[4]) / 2), strict=True))
    unit = float(np.linalg.norm(marks[0] - marks[1]))
    grey = [cv2.GaussianBlur(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (0, 0), BLUR) for one in (fake, real)]
    return [_change(grey[0], grey[1], places[part], np.multiply(HALF_AXES[part], unit)) for part in PARTS]


def _change(fake: npt.NDArray[Any], real: npt.NDArray[Any], centre: Floats, half: Floats) -> float:
    low = np.maximum(centre - half, SHIFT).astype(int)
    high = np.minimum(centre + half, np.array(fake.shape[::-1]) - SHIFT).astype(int)
    part = real[low[1] : high[1], low[0] : high[0]]
    around = fake[low[1] - SHIFT : high[1] + SHIFT, low[0] - SHIFT : high[0] + SHIFT]
    return float(1 - cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED).max())


def measured(findings: dict[str, Any], face_model: str) -> Iterator[Pair]:
    """Pairs of a fake with digits in its name and the photo it was made from."""
    (twins,) = (one for one in findings["findings"] if one["kind"] == "ungrouped_twins")
    root = Path(findings["root"])
    for paths in twins["evidence"]["pairs"]:
        real, fake = sorted(paths, key=lambda path: edited_parts(path) is not None)
        parts = edited_parts(fake)
        if parts is None or edited_parts(real) is not None:
            continue
        pixels = decode(root / fake)
        photo = laid_on(pixels, decode(root / real))
        found = None if photo is None else changes(pixels, photo, face_model)
        if found is not None:
            yield Pair(fake, real, [int(part in parts) for part in PARTS], found)


def log_likelihoods(digits: Floats, change: Floats) -> Floats:
    """(24,) of log10 of the changes under each order: two means, one variance."""
    value = np.log10(change + FLOOR)
    found = []
    for order in ORDERS:
        edited, moved = digits > 0, value[:, order]
        residuals = np.concatenate([moved[edited] - moved[edited].mean(), moved[~edited] - moved[~edited].mean()])
        found.append(-0.5 * residuals.size * (np.log(2 * np.pi * residuals.var()) + 1))
    return np.array(found)


def dealt_anew(digits: Floats, change: Floats) -> float:
    """Share of deals of the names to the fakes whose best order has as high an AUROC as the best one of the data."""
    ranks = change.ravel().argsort().argsort().reshape(change.shape).astype(float)  # no two changes are equal
    rng = np.random.default_rng(0)

    def best(dealt: Floats) -> float:
        sums = dealt.T @ ranks
        return max(float(sums[range(4), order].sum()) for order in ORDERS)

    reached = sum(best(rng.permutation(digits)) >= best(digits) for _ in range(DEALS))
    return (1 + reached) / (1 + DEALS)


def compare(pairs: list[Pair]) -> dict[str, Any]:
    """All orders, the best first, and the AUROC of each digit for each part."""
    digits, change = (np.array([getattr(pair, name) for pair in pairs], float) for name in ("digits", "changes"))
    group = photo_groups(pairs)
    label = digits.ravel().astype(np.int64)
    tables = [ScoreTable(label, change[:, order].ravel() / 2, only=("auroc",)) for order in ORDERS]
    drawn = [values["auroc"] for values in resample(tables, np.repeat(group, 4), 2000)]
    plain = [float(table.measure()["auroc"][0]) for table in tables]
    likelihood = log_likelihoods(digits, change)
    ranked = sorted(range(24), key=lambda i: -plain[i])
    groups = len(set(group.tolist()))
    rows = [
        {
            "order": [NAMES[PARTS[part]] for part in ORDERS[i]],
            "auroc": plain[i],
            "interval": percentile_interval(drawn[i], groups),
            "log_likelihood": float(likelihood[i] - likelihood.max()),
            "behind": None if i == ranked[0] else percentile_interval(drawn[ranked[0]] - drawn[i], groups),
            "p": None if i == ranked[0] else two_sided_p(drawn[ranked[0]] - drawn[i], groups),
        }
        for i in ranked
    ]
    return {
        "pairs": len(pairs),
        "photos": groups,
        "best_in_resamples": float((np.argmax(drawn, axis=0) == ranked[0]).mean()),
        "p_dealt_anew": dealt_anew(digits, change),
        "orders": rows,
        "auroc_of_digit_and_part": [[_auroc(digits[:, d], change[:, p]) for p in range(4)] for d in range(4)],
    }


def _auroc(digit: Floats, change: Floats) -> float:
    return float(ScoreTable(digit.astype(np.int64), change / 2, only=("auroc",)).measure()["auroc"][0])


def photo_groups(pairs: list[Pair]) -> Labels:
    """(N,) fakes of one photo, and photos of one fake, belong together."""
    names = sorted({name for pair in pairs for name in (pair.fake, pair.real)})
    place = {name: i for i, name in enumerate(names)}
    joined = components(len(names), [(place[pair.fake], place[pair.real]) for pair in pairs])
    number = {member: g for g, members in enumerate(joined) for member in members}
    return np.array([number[place[pair.fake]] for pair in pairs])


def draw(result: dict[str, Any], file: Path) -> None:
    """Draw the matrix of digits and parts beside the 24 orders."""
    note = f"n = {result['pairs']} fakes beside the photo they were made from, {result['photos']} photos"
    figure = new_figure("Which digit of CIPLAB's file names is which part", note, (10.0, 5.2))
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    matrix = np.array(result["auroc_of_digit_and_part"])
    left.imshow(matrix, cmap="Greys", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(matrix):
        left.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 else "black")
    parts = ["picture's\nleft eye", "picture's\nright eye", "nose", "mouth"]
    left.set(xticks=range(4), xticklabels=parts, yticks=range(4), yticklabels=["1st", "2nd", "3rd", "4th"])
    left.set(ylabel="digit", title="AUROC: does the part's change\ntell whether the digit is 1?")
    left.tick_params(axis="x", labelsize=7)
    rows = result["orders"][::-1]
    value = np.array([row["auroc"] for row in rows])
    bounds = np.array([row["interval"] for row in rows]).T
    colours = ["#808080"] * 23 + ["#000000"]
    right.errorbar(value, range(24), xerr=np.abs(bounds - value), fmt="none", ecolor=colours, elinewidth=1.2)
    right.scatter(value, range(24), c=colours, s=14, zorder=3)
    short = [", ".join(name.replace("picture's ", "") for name in row["order"]) for row in rows]
    right.set(yticks=range(24), yticklabels=short, xlabel="AUROC, 95% interval over photos", xlim=(0.2, 1))
    right.set_title("all 24 orders (left and right as in the picture)", fontsize=10)
    right.tick_params(axis="y", labelsize=7)
    right.axvline(0.5, color="#808080", linestyle="--", linewidth=1)
    right.spines[["top", "right"]].set_visible(False)
    save_figure(figure, file)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("findings", type=Path, help="findings.json of dfdetect audit")
    named = os.environ.get("DFDETECT_FACE_MODEL")
    parser.add_argument("--face-model", default=named, required=named is None)
    parser.add_argument("--out", type=Path, default=Path("edited-parts"))
    options = parser.parse_args()
    prepare_process()
    findings = json.loads(options.findings.read_text(encoding="utf-8"))
    result = compare(list(measured(findings, options.face_model)))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "edited_parts.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    draw(result, options.out / "edited_parts.png")
    print(f"{result['pairs']} fakes of {result['photos']} photos")
    print("| order of the digits | AUROC (95%) | behind the best (95%) | log likelihood |\n|---|---|---|---|")
    for row in result["orders"]:
        low, high = row["interval"]
        behind = "-" if row["behind"] is None else f"{row['behind'][0]:.3f} to {row['behind'][1]:.3f}"
        figure = f"{row['auroc']:.3f} ({low:.3f} to {high:.3f})"
        print(f"| {', '.join(row['order'])} | {figure} | {behind} | {row['log_likelihood']:.1f} |")
    print(f"best in {result['best_in_resamples']:.1%} of resamples; names dealt anew: p {result['p_dealt_anew']:.1g}")


if __name__ == "__main__":
    main()
