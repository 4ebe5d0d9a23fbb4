"""May p_fake be believed? Figures of how it holds as a probability, and of what abstaining from doubtful cases buys."""

import numpy as np
from matplotlib.figure import Figure

from dfdetect.evaluation.canvas import Scores, new_figure, thin, with_legend
from dfdetect.evaluation.figures import CHANCE, Labels, judged
from dfdetect.evaluation.metrics import ECE_BINS, Floats, ScoreTable

_COLOURS = {"calibrated": "#0072B2", "uncalibrated": "#E69F00"}


def reliability(label: Labels, p_fake: Scores) -> tuple[Floats, Floats, Labels]:
    """Mean p_fake, share of fakes, and number of images in each occupied bin of `ECE_BINS` equal ones, (K,) each."""
    bins = np.minimum((p_fake * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    counts = np.bincount(bins, minlength=ECE_BINS)
    occupied = counts > 0
    n = counts[occupied]
    said = np.bincount(bins, weights=p_fake, minlength=ECE_BINS)[occupied] / n
    true = np.bincount(bins, weights=label, minlength=ECE_BINS)[occupied] / n
    return said, true, n


def abstention(label: Labels, p_fake: Scores, threshold: float) -> tuple[Floats, Floats]:
    """Share answered and accuracy among the answered, (K,) each, surest images first; equally sure ones together.

    Args:
        label: (N,) 0 real, 1 fake; N >= 1.
        p_fake: (N,) in [0, 1].
        threshold: p_fake from which an image is called fake; the further from it, the surer.
    """
    table = ScoreTable(label.astype(np.int64), p_fake.astype(np.float64), threshold)
    ends = np.unique(table.answered_with)
    errors = np.cumsum(table.wrong)[ends]
    return (ends + 1) / len(label), 1 - errors / (ends + 1)


def reliability_figure(label: Labels, p_fake: Scores, title: str, *, uncalibrated: Scores | None = None) -> Figure:
    """Draw the share of fakes against p_fake, dots as large as their bins are full; below, how p_fake is spread.

    Args:
        label: (N,), 0 real and 1 fake.
        p_fake: (N,) in [0, 1].
        title: first line of the title; n follows on the second.
        uncalibrated: (N,) p_fake before the temperature, for comparison.
    """
    label, p_fake, note = judged(label, p_fake)
    figure = new_figure(title, note, (6.0, 7.2))
    axes, below = figure.subplots(2, 1, height_ratios=(5, 1))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="p_fake (mean of each bin)", ylabel="share of fakes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot([0, 1], [0, 1], label="p_fake as it should be", **CHANCE)
    scores = {"calibrated": p_fake} | ({} if uncalibrated is None else {"uncalibrated": uncalibrated})
    for name, values in scores.items():
        said, true, n = reliability(label, values)
        ece = float((np.abs(said - true) * n).sum() / n.sum())
        (line,) = axes.plot(said, true, color=_COLOURS[name], linewidth=1, label=f"{name}: ECE {ece:.3f}")
        axes.scatter(said, true, s=15 + 200 * n / n.sum(), color=line.get_color(), alpha=0.8, zorder=3)
        below.hist(values, bins=ECE_BINS, range=(0, 1), histtype="step", color=line.get_color(), linewidth=1.3)
    below.set(xlim=(-0.01, 1.01), xlabel="p_fake", ylabel="images")
    below.spines[["top", "right"]].set_visible(False)
    return with_legend(figure)


def abstention_figure(label: Labels, p_fake: Scores, title: str, *, threshold: float) -> Figure:
    """Draw accuracy against the share of images that are answered, the surest first; arguments as in `roc_figure`."""
    label, p_fake, note = judged(label, p_fake)
    figure = new_figure(title, note, (6.0, 4.6))
    axes = figure.add_subplot(xlabel="share of images answered, surest first", ylabel="accuracy among the answered")
    answered, accuracy = abstention(label, p_fake, threshold)
    area = float(ScoreTable(label.astype(np.int64), p_fake.astype(np.float64), threshold).measure()["aurc"][0])
    axes.plot(thin(answered), thin(accuracy), color="black", label=f"area under the error curve (AURC) {area:.3f}")
    axes.axhline(accuracy[-1], label=f"all answered: {accuracy[-1]:.3f}", **CHANCE)
    axes.set(xlim=(0, 1.01), ylim=(min(0.5, float(accuracy.min())) - 0.01, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
    return with_legend(figure)
