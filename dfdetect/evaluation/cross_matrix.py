"""The matrix of `dfdetect crosstest` as a figure and as Markdown: rows trained on, columns tested on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dfdetect.evaluation.canvas import drawable, new_figure, shorten
from dfdetect.evaluation.plain_words import apart, cut

Matrix = dict[str, Any]
"""What crosstest.json holds: `rows` (name, run), `columns` (name) and `cells` (row, column, own, error, figures)."""
COLOURS = "Blues"
"""From pale at chance to dark: one hue whose lightness only falls reads the same in greyscale and to the
colour-blind."""
_FRAME = "#E69F00"
_CELL_INCHES = (1.75, 1.05)
_LONGEST = 26
_ORDINARY = ("cross-dataset:", "The best threshold for these images")
"""Notes of a test that say again what the tables show."""


def shortest_names(paths: Sequence[Path], least: int = 1) -> list[str]:
    """The shortest endings of paths, of at least so many parts, that tell different paths apart."""
    return [Path(*_ending(path.parts, {other.parts for other in paths}, least)).as_posix() for path in paths]


def _ending(parts: tuple[str, ...], every: set[tuple[str, ...]], least: int) -> tuple[str, ...]:
    for length in range(least, len(parts)):
        if sum(other[-length:] == parts[-length:] for other in every) == 1:
            return parts[-length:]
    return parts


def cross_matrix_figure(matrix: Matrix, title: str = "Cross-dataset AUROC") -> Figure:
    """Draw AUROC with its 95% interval and n in each cell; a frame marks a run's own test part."""
    rows, columns = matrix["rows"], matrix["columns"]
    width, height = _CELL_INCHES
    figure = new_figure(
        title,
        "with 95% intervals and n images",
        (max(5.5, 3.4 + width * len(columns)), 2.0 + height * len(rows)),
    )
    axes = figure.add_subplot(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    colour = ScalarMappable(Normalize(0.5, 1.0), colormaps[COLOURS])
    for cell in sorted(matrix["cells"], key=lambda cell: bool(cell["own"])):  # frames last: nothing covers them
        _draw_cell(axes, cell, colour)
    axes.set_xticks(range(len(columns)), [drawable(shorten(column["name"], _LONGEST)) for column in columns])
    axes.set_yticks(range(len(rows)), [_row_label(row) for row in rows])
    axes.tick_params(length=0, labelsize=9, labeltop=True, labelbottom=False)
    axes.set_xlabel("tested on", fontweight="bold")
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("trained on", fontweight="bold")
    axes.spines[:].set_visible(False)
    figure.colorbar(colour, ax=axes, label="AUROC (0.5 is chance)", extend="min", shrink=0.9)
    return figure


def _row_label(row: dict[str, Any]) -> str:
    return "\n".join(drawable(shorten(row[part], _LONGEST)) for part in ("name", "run"))


def _draw_cell(axes: Axes, cell: dict[str, Any], colour: ScalarMappable) -> None:
    x, y = cell["column"], cell["row"]
    if cell["error"] is not None:
        style: dict[str, Any] = {"facecolor": "#eeeeee", "edgecolor": "#999999", "hatch": "///", "linewidth": 0}
        axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, **style))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        axes.text(x, y, "failed", ha="center", va="center", fontsize=10, bbox=box)
        return
    red, green, blue, _ = colour.to_rgba(cell["auroc"])
    ink = "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "white"
    frame: dict[str, Any] = (
        {"edgecolor": _FRAME, "linewidth": 4} if cell["own"] else {"edgecolor": "#cccccc", "linewidth": 0.5}
    )
    axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=(red, green, blue), **frame))
    bounds = cell["intervals"]["auroc"]
    interval = f"{bounds[0]:.3f} to {bounds[1]:.3f}\n" if bounds else ""
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
    axes.text(x, y - 0.08, f"{cell['auroc']:.3f}", fontsize=14, fontweight="bold", **middle)
    axes.text(x, y + 0.2, f"{interval}n = {cell['n']:,}", fontsize=8, **middle)
    if cell["own"]:
        axes.text(x, y - 0.34, "own test part", fontsize=8, fontstyle="italic", **middle)


def markdown_matrix(matrix: Matrix) -> str:
    """AUROC and accuracy as matrices, what became of the thresholds, and what to know about them."""
    tested, failed = _sorted(matrix["cells"], False), _sorted(matrix["cells"], True)
    counts = f"{_counted(matrix['rows'], 'detector')} on {_counted(matrix['columns'], 'data set')}"
    lines = [f"# Cross-dataset test: {counts}", "", "Rows: trained on. Columns: tested on. **Bold**: own test part."]
    lines += ["", "## AUROC", "", *_table(matrix, "auroc")]
    lines += ["", "## Accuracy at the stored threshold", "", *_table(matrix, "accuracy")]
    if tested:
        names = ["trained on", "tested on", "n (real + fake)", "stored threshold", "accuracy with it"]
        names += ["best threshold here", "moved by", "accuracy with that"]
        lines += ["", "## Thresholds", "", _line(names), _line(["---"] * len(names))]
        lines += [_line(_threshold_row(matrix, cell)) for cell in tested]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- {_place(matrix, cell)}: {cell['error'].splitlines()[0]}" for cell in failed]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(matrix, tested)), ""])


def _counted(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


def _sorted(cells: list[dict[str, Any]], failed: bool) -> list[dict[str, Any]]:
    chosen = [cell for cell in cells if (cell["error"] is not None) == failed]
    return sorted(chosen, key=lambda cell: (cell["row"], cell["column"]))


def _table(matrix: Matrix, metric: str) -> list[str]:
    places = {(cell["row"], cell["column"]): cell for cell in matrix["cells"]}
    columns = range(len(matrix["columns"]))
    rows = [
        [_row_name(row), *(_cell(places.get((number, column)), metric) for column in columns)]
        for number, row in enumerate(matrix["rows"])
    ]
    names = ["", *(column["name"] for column in matrix["columns"])]
    return [_line(names), _line(["---"] * len(names)), *map(_line, rows)]


def _cell(cell: dict[str, Any] | None, metric: str) -> str:
    if cell is None:
        return ""
    if cell["error"] is not None:
        return "failed"
    bounds = cell["intervals"][metric]
    interval = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
    value = f"{cell[metric]:.3f}"
    return (f"**{value}**" if cell["own"] else value) + f"{interval}, n {cell['n']}"


def _threshold_row(matrix: Matrix, cell: dict[str, Any]) -> list[str]:
    row, column = matrix["rows"][cell["row"]], matrix["columns"][cell["column"]]
    counts = f"{cell['n']} ({cell['n_real']} + {cell['n_fake']})"
    named, accuracy = [_row_name(row), column["name"], counts], f"{cell['accuracy']:.3f}"
    if cell["own"]:
        return [*named, cut(cell["threshold"]), accuracy, "", "", ""]
    best, stored = apart(cell["best_threshold"], cell["threshold"])
    moved = f"{cell['threshold_moved']:+.3g}" if best != stored else "+0"
    return [*named, stored, accuracy, best, moved, f"{cell['accuracy_at_best_threshold']:.3f}"]


def _notes(matrix: Matrix, tested: list[dict[str, Any]]) -> list[str]:
    """How to read it, then what the tests noted, each note once with its cells."""
    notes = ["In brackets: 95% intervals by group bootstrap. n: images."]
    if any(not cell["own"] for cell in tested):
        notes.append("The best threshold is known from these labels only, so nobody has it in advance; it is not used.")
    said: dict[str, list[str]] = {}
    for cell in tested:
        for note in cell["notes"]:
            if not note.startswith(_ORDINARY):
                said.setdefault(note, []).append(_place(matrix, cell))
    every = f"all {len(tested)} cells"
    return notes + [f"{every if len(of) == len(tested) > 1 else '; '.join(of)}: {note}" for note, of in said.items()]


def _place(matrix: Matrix, cell: dict[str, Any]) -> str:
    return f"{_row_name(matrix['rows'][cell['row']])} on {matrix['columns'][cell['column']]['name']}"


def _row_name(row: dict[str, Any]) -> str:
    return f"{row['name']} ({row['run']})"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
