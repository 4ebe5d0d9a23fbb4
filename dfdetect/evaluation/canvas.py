"""What all figures are drawn with: titles that fit, grids of photos, one legend, atomic files.

Built without pyplot: no global state keeps a figure alive, and any thread may make one.
"""

import math
import os
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dfdetect.evaluation.colours import CLASS_COLOURS
from dfdetect.files import replacing

MAX_POINTS = 2000

Scores = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]
Cell = tuple[Image, int, str, str]
"""Photo, truth, text above, text below."""


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a PNG at 150 dots per inch; a reader of `path` sees the old file or all of the new one."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def new_figure(title: str, note: str, inches: tuple[float, float]) -> Figure:
    """Make a figure of a size in inches, its title wrapped, with `note` (where n belongs) as the last line."""
    figure = Figure(figsize=inches, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    lines = textwrap.wrap(title, int(10 * inches[0]), max_lines=3, placeholder=" ...")
    figure.suptitle("\n".join([*map(drawable, lines), note]), fontsize=11)
    return figure


def message_figure(title: str, note: str, sentence: str) -> Figure:
    """Make a figure that says in a sentence why there is nothing to draw."""
    figure = new_figure(title, note, (5.0, 2.2))
    write(figure.add_subplot(frameon=False, xticks=[], yticks=[]), sentence)
    return figure


def grid_figure(
    title: str, note: str, cells: Sequence[Cell], columns: int, inches: tuple[float, float], empty: str
) -> Figure:
    """Lay out photos in rows, framed in the colour of their true class; `empty` is said where there are none."""
    if not cells:
        return message_figure(title, note, empty)
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    figure = new_figure(title, note, (max(5.0, columns * inches[0]), 0.6 + rows * inches[1]))
    for place, (image, truth, above, below) in enumerate(cells, start=1):
        axes = figure.add_subplot(rows, columns, place, xticks=[], yticks=[])
        axes.imshow(image)
        axes.set_title(above, color=CLASS_COLOURS[truth], fontsize=9, fontweight="bold", pad=4)
        axes.set_xlabel(drawable(shorten(below, 30)), fontsize=7)
        axes.spines[:].set(color=CLASS_COLOURS[truth], linewidth=2.5)
    return figure


def unit_axes(figure: Figure, x: str, y: str) -> Axes:
    """Add square axes from 0 to 1 both ways."""
    axes = figure.add_subplot(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def with_legend(figure: Figure, columns: int = 1) -> Figure:
    """Put one legend under all axes, where it can hide no curve."""
    every = [line for axes in figure.axes for line in axes.lines]
    lines = list({(line.get_label(), line.get_color(), line.get_linestyle()): line for line in every}.values())
    figure.legend(handles=lines, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def write(axes: Axes, sentence: str) -> None:
    """Write a sentence into the middle of the axes."""
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", fontsize=12)


def thin(values: Scores) -> Scores:
    """Keep at most `MAX_POINTS` evenly spaced entries, both ends included."""
    kept = np.linspace(0, len(values) - 1, min(len(values), MAX_POINTS)).round().astype(int)
    thinned: Scores = values[kept]
    return thinned


def same_length(*columns: Sequence[Any] | npt.NDArray[Any]) -> None:
    """Refuse columns that do not belong together; raises `ValueError`."""
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"Expected one entry per photo, got lengths {[len(column) for column in columns]}.")


def shorten(text: str, limit: int) -> str:
    """Keep both ends, and more of the last, where file names are numbered."""
    head = limit // 4
    return text if len(text) <= limit else f"{text[:head]}...{text[head + 3 - limit :]}"


def drawable(text: str) -> str:
    """Replace characters that the default font may lack, and keep a dollar sign from starting mathematics."""
    return re.sub(r"[^ -~\u00a1-\u024f]", "?", text).replace("$", r"\$")
