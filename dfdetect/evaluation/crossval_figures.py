"""Figures of a cross-validation: curves of each fold, and what may be counted over all of them."""

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.evaluation.canvas import Image, grid_figure, new_figure, thin, with_legend
from dfdetect.evaluation.confidence import abstention, reliability_figure
from dfdetect.evaluation.contents import Results
from dfdetect.evaluation.figures import CHANCE, confusion_matrix_figure, roc_overlay_figure
from dfdetect.evaluation.out_of_fold import Fold, together

FIGURES = ("confusion_matrix", "roc", "reliability", "abstention", "mistakes")
"""Stems of the files."""
_MOST_CURVES = 10


def crossval_figures(folds: Sequence[Fold], result: Results, name: str) -> dict[str, Figure]:
    """Figures by stem of their files.

    Args:
        folds: the finished ones.
        result: of `summarise`.
        name: first words of the titles.
    """
    every = together(folds)
    tempered = any(fold.temperature != 1 for fold in folds)
    before = np.concatenate([fold.uncalibrated() for fold in folds]) if tempered else None
    times = f", {result['repeats']} times" if result["repeats"] > 1 else ""
    curves = [(fold.name, fold.predictions.label, fold.predictions.p_fake) for fold in folds]
    return {
        "confusion_matrix": confusion_matrix_figure(
            np.asarray(result["verdicts"]), f"{name}: out-of-fold verdicts{times}"
        ),
        "roc": roc_overlay_figure(curves[:_MOST_CURVES], f"{name}: out-of-fold ROC"),
        "reliability": reliability_figure(every.label, every.p_fake, f"{name}: all folds{times}", uncalibrated=before),
        "abstention": abstention_of_folds_figure(folds, f"{name}: out of fold"),
    }


def abstention_of_folds_figure(folds: Sequence[Fold], title: str) -> Figure:
    """Draw accuracy against the share answered, surest first: a line for each fold, and their mean.

    How sure a verdict is means the distance from the threshold of its own fold, so folds are not mixed.
    """
    n = sum(len(fold.predictions.label) for fold in folds)
    figure = new_figure(title, f"n = {n:,} in {len(folds)} folds", (6.0, 4.6))
    axes = figure.add_subplot(xlabel="share of images answered, surest first", ylabel="accuracy among the answered")
    shares = np.linspace(0.01, 1, 100)
    means = []
    for fold in folds:
        answered, accuracy = abstention(fold.predictions.label, fold.predictions.p_fake, fold.threshold)
        axes.plot(thin(answered), thin(accuracy), color="#9a9a9a", linewidth=0.8, label="each fold")
        means.append(accuracy[np.minimum(np.searchsorted(answered, shares - 1e-9), len(accuracy) - 1)])
    mean = np.mean(means, axis=0)
    area = np.mean([float(fold.table().measure()["aurc"][0]) for fold in folds])
    axes.plot(shares, mean, color="black", linewidth=1.8, label=f"mean, with AURC {area:.3f}")
    axes.axhline(mean[-1], label=f"all answered: {mean[-1]:.3f}", **CHANCE)
    lowest = min(float(mean.min()), *(float(one[10:].min()) for one in means))
    axes.set(xlim=(0, 1.01), ylim=(min(0.5, lowest) - 0.01, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
    return with_legend(figure)


def mistakes_of_folds_figure(shown: Sequence[tuple[Image, Results]], n: int, title: str) -> Figure:
    """Show errors, the most confident first, framed in the colour of the truth.

    Args:
        shown: photos (H, W, 3) of any size with what `summarise` says of them as mistakes.
        n: images judged.
        title: first line.
    """
    cells = []
    for image, mistake in shown:
        label = int(mistake["label"])
        said = f"{CLASS_NAMES[label]} called {CLASS_NAMES[1 - label]}\np_fake {mistake['p_fake']:.2f}"
        cells.append((image, label, said, re.split(r"[/\\]", mistake["path"])[-1]))
    note = f"most confident mistakes: {len(cells)} shown, n = {n:,}"
    return grid_figure(title, note, cells, columns=4, inches=(1.8, 2.35), empty="No mistakes to show.")
