"""Evaluation and training figures, as pure functions from arrays to matplotlib figures."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.evaluation.canvas import (
    Image,
    Scores,
    drawable,
    grid_figure,
    message_figure,
    new_figure,
    same_length,
    shorten,
    thin,
    unit_axes,
    with_legend,
    write,
)
from dfdetect.evaluation.colours import CLASS_COLOURS
from dfdetect.evaluation.plain_words import cut

SPLIT_COLOURS = {"train": "#808080", "val": "#009E73", "test": "#CC79A7"}
CURVE_COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7")
CHANCE: dict[str, Any] = {"color": "#808080", "linestyle": "--", "linewidth": 1}
CURVE_ORDER = ("loss", "auroc", "accuracy", "f1", "precision", "recall", "average_precision", "eer")
CURVE_NAMES = {"auroc": "AUROC", "f1": "F1", "eer": "EER"}
THRESHOLD = 0.5
MAX_MISTAKES = 16
MAX_BATCH = 32
CHART_INCHES = (6.0, 6.2)
FPR_AXIS = "false positive rate (share of real called fake)"
TPR_AXIS = "true positive rate (share of fake called fake)"
RECALL_AXIS = "recall (share of fake called fake)"
PRECISION_AXIS = "precision (share of fake calls that are right)"

Labels = npt.NDArray[np.integer[Any]]


def confusion_matrix_figure(matrix: Labels, title: str) -> Figure:
    """Draw counts and row percentages of `matrix` (2, 2): rows are truth, columns verdict, real first."""
    if matrix.shape != (2, 2):
        raise ValueError(f"A confusion matrix of real and fake has shape (2, 2), not {matrix.shape}.")
    total = matrix.sum(axis=1)
    share = matrix / np.maximum(total, 1)[:, None]
    figure = new_figure(title, f"n = {matrix.sum():,}", (5.0, 4.8))
    axes = figure.add_subplot(xlabel="verdict", ylabel="truth")
    # Each row fades from white to the colour of its true class.
    colours = np.array([to_rgb(colour) for colour in CLASS_COLOURS])
    axes.imshow(1 - share[..., None] * (1 - colours[:, None, :]))
    for (row, column), count in np.ndenumerate(matrix):
        name = CLASS_NAMES[row]
        percent = f"{share[row, column]:.1%} of {name}" if total[row] else f"no {name} photos"
        ink = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, f"{count:,}\n{percent}", ha="center", va="center", color=ink, fontsize=13)
    axes.set(xticks=(0, 1), yticks=(0, 1), xticklabels=CLASS_NAMES, yticklabels=CLASS_NAMES)
    return figure


def roc_figure(label: Labels, p_fake: Scores, title: str, *, threshold: float = THRESHOLD) -> Figure:
    """Draw the ROC curve with its AUROC, the chance line and the operating point at `threshold`.

    Args:
        label: (N,), 0 real and 1 fake.
        p_fake: (N,), probability of fake in [0, 1]; entries that are not finite are left out and counted.
        title: First line of the title; n follows on the second.
        threshold: Smallest probability that is called fake.
    """
    label, p_fake, note = judged(label, p_fake)
    figure = new_figure(title, note, CHART_INCHES)
    axes = unit_axes(figure, FPR_AXIS, TPR_AXIS)
    if _undefined(label):
        write(axes, _undefined(label))
        return figure
    fpr, tpr, auroc = _roc(label, p_fake)
    axes.plot(fpr, tpr, color="black", label=f"AUROC {auroc:.3f}")
    verdict = p_fake >= threshold
    x, y = verdict[label == 0].mean(), verdict[label == 1].mean()
    point = f"threshold {cut(threshold)}: FPR {x:.3f}, TPR {y:.3f}"
    axes.plot([x], [y], "o", color=CLASS_COLOURS[1], markersize=8, label=point, clip_on=False, zorder=3)
    axes.plot([0, 1], [0, 1], label="chance", **CHANCE)
    return with_legend(figure)


def roc_overlay_figure(curves: Sequence[tuple[str, Labels, Scores]], title: str) -> Figure:
    """Draw several ROC curves in one chart, e.g. one per seed; an item is (name, label (N,), p_fake (N,))."""
    figure = new_figure(
        title, f"{len(curves)} curve{'s' * (len(curves) != 1)}, n of each below", (6.0, 5.6 + 0.21 * len(curves))
    )
    axes = unit_axes(figure, FPR_AXIS, TPR_AXIS)
    if not curves:
        write(axes, "no curves to draw")
        return figure
    for index, (name, raw_label, raw_p_fake) in enumerate(curves):
        label, p_fake, _ = judged(raw_label, raw_p_fake)
        colour = CURVE_COLOURS[index % len(CURVE_COLOURS)]
        style = ("-", "--", "-.", ":")[index // len(CURVE_COLOURS) % 4]
        (line,) = axes.plot([], [], style, color=colour, linewidth=1.3)
        result = _undefined(label)
        if not result:
            fpr, tpr, auroc = _roc(label, p_fake)
            line.set_data(fpr, tpr)
            result = f"AUROC {auroc:.3f} (n={label.size:,})"
        line.set_label(f"{drawable(shorten(name, 32))}: {result}")
    axes.plot([0, 1], [0, 1], label="chance", **CHANCE)
    return with_legend(figure)


def pr_figure(label: Labels, p_fake: Scores, title: str) -> Figure:
    """Draw precision against recall of the class fake, with average precision; arguments as in `roc_figure`."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    label, p_fake, note = judged(label, p_fake)
    figure = new_figure(title, note, CHART_INCHES)
    axes = unit_axes(figure, RECALL_AXIS, PRECISION_AXIS)
    if _undefined(label):
        write(axes, _undefined(label))
        return figure
    precision, recall, _ = precision_recall_curve(label, p_fake, drop_intermediate=True)
    name = f"average precision {average_precision_score(label, p_fake):.3f}"
    # Average precision sums rectangles; sloped lines would enclose more area than the number says.
    axes.plot(thin(recall), thin(precision), color="black", drawstyle="steps-post", label=name)
    axes.axhline(label.mean(), label=f"chance (prevalence of fake {label.mean():.3f})", **CHANCE)
    return with_legend(figure)


def mistakes_figure(
    images: Sequence[Image],
    label: Labels,
    p_fake: Scores,
    names: Sequence[str],
    title: str,
    *,
    n: int | None = None,
    threshold: float = THRESHOLD,
) -> Figure:
    """Show up to `MAX_MISTAKES` errors, the most confident first, framed in the colour of the truth.

    Args:
        images: N photos (H, W, 3) of any size, aligned with `label`, `p_fake` and `names`.
        label: (N,), 0 real and 1 fake.
        p_fake: (N,), probability of fake in [0, 1]; an entry that is not finite is no verdict, so no mistake.
        names: N file names or paths; the last part is shown.
        title: First line of the title; n follows on the second.
        n: Photos judged, where `images` holds only some of them; otherwise N.
        threshold: Smallest probability that is called fake; confidence is the distance from it.
    """
    same_length(images, label, p_fake, names)
    verdict = (p_fake >= threshold).astype(int)
    wrong = np.flatnonzero((verdict != label) & np.isfinite(p_fake))
    order = wrong[np.argsort(-np.abs(p_fake[wrong] - threshold), kind="stable")][:MAX_MISTAKES]
    note = f"most confident mistakes: {len(order)} shown, n = {len(images) if n is None else n:,}"
    cells = []
    for i in order:
        caption = f"{CLASS_NAMES[label[i]]} called {CLASS_NAMES[verdict[i]]}\np_fake {p_fake[i]:.2f}"
        cells.append((images[i], int(label[i]), caption, re.split(r"[/\\]", names[i])[-1]))
    return grid_figure(title, note, cells, columns=4, inches=(1.8, 2.35), empty="No mistakes to show.")


def batch_figure(images: Sequence[Image], label: Labels, title: str) -> Figure:
    """Show the first `MAX_BATCH` photos (H, W, 3) as the model sees them; `label` (N,) is 0 real, 1 fake."""
    same_length(images, label)
    shown = zip(images[:MAX_BATCH], label[:MAX_BATCH].tolist(), strict=True)
    cells = [(image, truth, CLASS_NAMES[truth], "") for image, truth in shown]
    note = f"{len(cells)} shown, n = {len(images):,}"
    return grid_figure(title, note, cells, columns=8, inches=(0.95, 1.2), empty="No photos to show.")


def curves_figure(history: Mapping[str, Sequence[tuple[int, float]]], title: str) -> Figure:
    """Draw one panel per metric over the epochs, its splits together, with a line at the best epoch.

    Args:
        history: (epoch, value) pairs by "split/metric"; a value that is not finite leaves a gap. The best
            epoch is the first with the highest "val/auroc".
        title: First line of the title; the number of epochs follows on the second.
    """
    found = dict.fromkeys(key.rpartition("/")[2] for key, points in history.items() if points)
    metrics = sorted(found, key=lambda metric: CURVE_ORDER.index(metric) if metric in CURVE_ORDER else len(CURVE_ORDER))
    note = f"n = {len({epoch for points in history.values() for epoch, _ in points}):,} epochs"
    if not metrics:
        return message_figure(title, note, "No epochs recorded yet.")
    finite = [point for point in history.get("val/auroc", ()) if math.isfinite(point[1])]
    best = max(sorted(finite), key=lambda point: point[1], default=None)
    if best:
        note += f", best val AUROC {best[1]:.3f} at epoch {best[0]}"
    columns = 1 if len(metrics) <= 3 else 2
    rows = math.ceil(len(metrics) / columns)
    figure = new_figure(title, note, (7.0, 1.4 + 1.9 * rows))
    for place, metric in enumerate(metrics):
        axes = figure.add_subplot(rows, columns, place + 1, sharex=figure.axes[0] if place else None)
        axes.set_xlabel("epoch" if place >= len(metrics) - columns else "")
        _draw_metric(axes, metric, history)
        if best:
            axes.axvline(best[0], color="black", linewidth=0.8, linestyle=":", label="best epoch")
    figure.align_ylabels()
    return with_legend(figure, columns=4)


def _draw_metric(axes: Axes, metric: str, history: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    for key, points in history.items():
        split, _, name = key.rpartition("/")
        if name == metric and points:
            epochs, values = np.array(sorted(points), dtype=float).T
            values[~np.isfinite(values)] = np.nan
            marker = "o" if len(values) <= 30 else ""
            colour = SPLIT_COLOURS.get(split, "black")
            axes.plot(epochs, values, color=colour, marker=marker, markersize=3, label=split or name)
    axes.set_ylabel(CURVE_NAMES.get(metric) or drawable(metric.replace("_", " ")))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.spines[["top", "right"]].set_visible(False)


def judged(label: Labels, p_fake: Scores) -> tuple[Labels, Scores, str]:
    """Check both arrays, leave out scores that are not finite, and say in words how many photos remain."""
    same_length(label, p_fake)
    finite = np.isfinite(p_fake)
    missing = len(label) - finite.sum()
    label, p_fake = label[finite], p_fake[finite].astype(np.float64)
    if not np.isin(label, (0, 1)).all():
        raise ValueError("Labels must be 0 for real or 1 for fake; leave other photos out.")
    if not ((p_fake >= 0) & (p_fake <= 1)).all():
        raise ValueError("p_fake must lie in [0, 1]; apply a sigmoid to logits first.")
    note = f"n = {label.size:,} ({(label == 0).sum():,} real, {(label == 1).sum():,} fake)"
    return label, p_fake, note + (f", {missing:,} without a score" if missing else "")


def _undefined(label: Labels) -> str:
    """Say why a curve over `label` has no meaning; empty where it has one."""
    return "" if np.unique(label).size == 2 else f"undefined: only one class (n={label.size:,})"


def _roc(label: Labels, p_fake: Scores) -> tuple[Scores, Scores, float]:
    from sklearn.metrics import roc_auc_score, roc_curve

    fpr, tpr, _ = roc_curve(label, p_fake)
    return thin(fpr), thin(tpr), float(roc_auc_score(label, p_fake))
