"""Pictures beside the evidence found in them, with p_fake, the truth and the one scale that all of them share."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from dfdetect.data.samples import CLASS_NAMES
from dfdetect.evaluation.canvas import grid_figure, same_length
from dfdetect.evaluation.plain_words import apart, cut
from dfdetect.explain.colours import EVIDENCE, Scale, table
from dfdetect.explain.grid import Grid
from dfdetect.explain.overlay import overlay

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.integer]
COLUMNS = 2
"""TensorBoard shows a figure 320 pixels wide, until it is clicked."""


def evidence_figure(
    pictures: Sequence[Pixels],
    evidence: Floats,
    label: Labels,
    p_fake: Floats,
    names: Sequence[str],
    title: str,
    *,
    threshold: float,
    scale: Scale = EVIDENCE,
    grid: Grid | None = None,
) -> Figure:
    """Draw N pictures, each with its evidence laid over it at its right, framed in the colour of the truth.

    Args:
        pictures: N of (S, S, 3) RGB uint8, as the network sees them.
        evidence: (N, h, w), signed, in the unit of `scale`.
        label: (N,), 0 real and 1 fake.
        p_fake: (N,), in [0, 1].
        names: N file names or paths; the last part is shown.
        title: first line of the title.
        threshold: p_fake from which a picture is called fake; a wrong call is said.
        scale: what the values mean; it is drawn below the pictures.
        grid: where the cells of the evidence lie; None for their middles.
    """
    same_length(pictures, evidence, label, p_fake, names)
    cells = []
    for i, picture in enumerate(pictures):
        truth, called = int(label[i]), int(p_fake[i] >= threshold)
        wrong = "" if truth == called else f", called {CLASS_NAMES[called]}"
        pair = _beside(picture, overlay(picture, np.asarray(evidence[i], np.float32), scale, grid=grid))
        caption = f"{CLASS_NAMES[truth]}{wrong}: p_fake {_said(float(p_fake[i]), threshold)}"
        cells.append((pair, truth, caption, re.split(r"[/\\]", names[i])[-1]))
    note = f"{len(cells)} shown; fake from p_fake {cut(threshold)}"
    figure = grid_figure(title, note, cells, COLUMNS, inches=(3.0, 1.95), empty="No photos to show.")
    if cells:
        _add_scale(figure, scale)
    return figure


def _said(p_fake: float, threshold: float) -> str:
    """A score; beside the threshold where the figure's note of that has too few digits to tell which is larger."""
    own, other = apart(p_fake, threshold)
    if other == cut(threshold):
        return own
    return f"{own}, {'above' if p_fake >= threshold else 'below'} {other}"


def _beside(picture: Pixels, drawn: Pixels) -> Pixels:
    gap = np.full((picture.shape[0], max(1, picture.shape[1] // 40), 3), 255, np.uint8)
    return np.concatenate([picture, gap, drawn], axis=1)


def _add_scale(figure: Figure, scale: Scale) -> None:
    figure.set_figheight(figure.get_figheight() + 0.75)
    colours = ScalarMappable(Normalize(-scale.full, scale.full), ListedColormap(table() / 255))
    bar = figure.colorbar(colours, ax=figure.axes, location="bottom", fraction=0.06, aspect=40, extend="both")
    full, half = scale.full, scale.full / 2
    words = [f"real {-full:g}", f"{-half:g}", "0: says nothing", f"{half:+g}", f"fake {full:+g}"]
    bar.set_ticks([-full, -half, 0, half, full], labels=words)
    bar.set_label(scale.unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
