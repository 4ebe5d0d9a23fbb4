"""The result of `evaluate_robustness` as a table for a terminal, rows of a CSV, and one figure."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdetect.evaluation.canvas import drawable, new_figure, with_legend
from dfdetect.evaluation.corruptions import CORRUPTIONS
from dfdetect.evaluation.figures import CHANCE
from dfdetect.evaluation.plain_words import cut

AUROC_COLOUR, FLIPS_COLOUR = "#000000", "#E69F00"
_WITH_BOUNDS = ("auroc", "auroc_change", "accuracy", "accuracy_change", "flips")
CSV_HEADER = [
    *("corruption", "severity", "n"),
    *(f"{metric}{bound}" for metric in _WITH_BOUNDS for bound in ("", "_low", "_high")),
    *("flips_to_fake", "flips_to_real"),
]
_COLUMNS = 3


def robustness_table(result: dict[str, Any], title: str) -> str:
    """The curves as text: AUROC, its change, accuracy and flips with 95% intervals, and the notes."""
    head = f"{'AUROC':<20}{'its change':<26}{'accuracy':<20}{'flipped verdicts':<20}to fake/real"
    clean = f"{'clean':<11}{'':>8}  {_cell(result['clean'], 'auroc'):<46}{_cell(result['clean'], 'accuracy')}"
    lines = [title, f"{'':<11}{'severity':>8}  {head}", clean]
    for name, curve in result["corruptions"].items():
        lines += [_row(name if place == 0 else "", point) for place, point in enumerate(curve["severities"])]
    lines += [f"{name}: {curve['measured_in']}" for name, curve in result["corruptions"].items()]
    counted = f"n = {result['n']} images, {result['n_groups']} groups, threshold {cut(result['threshold'], 4)}"
    lines.append(f"Every row: {counted}; 95% intervals by group bootstrap, changes paired with the clean images.")
    return "\n".join([*lines, *extremes(result), *(f"Note: {note}" for note in result["notes"])])


def extremes(result: dict[str, Any]) -> list[str]:
    """In words, the points of all curves with the lowest AUROC and with the most flipped verdicts."""
    count = sum(len(curve["severities"]) for curve in result["corruptions"].values())
    weakest, flips = result["weakest"], result["most_flips"]
    directions = f"{flips['flips_to_fake']} to fake, {flips['flips_to_real']} to real"
    sentences = [f"Most flips of {count} points: {_place(flips)}, {flips['flips']:.1%} of verdicts ({directions})."]
    if weakest is not None:
        change = f"{weakest['auroc']:.3f} instead of {result['clean']['auroc']:.3f}"
        sentences.insert(0, f"Lowest AUROC of {count} points: {_place(weakest)}, {change}.")
    return sentences


def _place(point: dict[str, Any]) -> str:
    return f"{point['corruption']} {point['severity']:g}"


def robustness_rows(result: dict[str, Any]) -> list[list[Any]]:
    """One row a point, the clean images first; what is undefined is empty."""
    clean = result["clean"] | {"corruption": "clean", "severity": None, "n": result["n"]}
    points = [clean, *(point for curve in result["corruptions"].values() for point in curve["severities"])]
    return [[_field(point, column) for column in CSV_HEADER] for point in points]


def robustness_figure(result: dict[str, Any], title: str) -> Figure:
    """One panel a corruption: AUROC and share of flipped verdicts from the clean images to the strongest severity."""
    curves = result["corruptions"]
    note = f"n = {result['n']:,} ({result['n_real']:,} real, {result['n_fake']:,} fake), bands: 95% intervals"
    rows = math.ceil(len(curves) / _COLUMNS)
    columns = min(_COLUMNS, len(curves))
    figure = new_figure(title, note, (max(5.0, 3.4 * columns), 1.3 + 2.7 * rows))
    for place, (name, curve) in enumerate(curves.items(), start=1):
        axes = figure.add_subplot(rows, columns, place, ylim=(-0.02, 1.02))
        _draw_curve(axes, name, result["clean"], curve["severities"])
        axes.set_title(drawable(name), fontsize=11, fontweight="bold")
        axes.set_xlabel(drawable(curve["measured_in"]), fontsize=8)
    return with_legend(figure, columns=3)


def _draw_curve(axes: Axes, name: str, clean: dict[str, Any], severities: list[dict[str, Any]]) -> None:
    identity = CORRUPTIONS[name].identity
    below = sum(point["severity"] < identity for point in severities)
    place = below if below < len(severities) else 0  # brightness goes both ways: the clean images lie in between
    start = clean | {"flips": 0.0, "intervals": clean["intervals"] | {"flips": [0.0, 0.0]}}
    points = [*severities[:place], start, *severities[place:]]
    for metric, colour, marker, label in (
        ("auroc", AUROC_COLOUR, "o", "AUROC"),
        ("flips", FLIPS_COLOUR, "s", "share of verdicts that flip"),
    ):
        _draw_metric(axes, points, metric, colour, marker, label)
    axes.axhline(0.5, label="chance AUROC", **CHANCE)
    ticks = [f"{point['severity']:g}" if "severity" in point else "clean" for point in points]
    axes.set_xticks(range(len(points)), ticks, fontsize=8)
    axes.set_xlim(-0.3, len(points) - 0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_metric(axes: Axes, points: list[dict[str, Any]], metric: str, colour: str, marker: str, label: str) -> None:
    nothing = [math.nan, math.nan]
    values = [math.nan if point[metric] is None else point[metric] for point in points]
    bounds = [point["intervals"][metric] or nothing for point in points]
    low, high = [list(side) for side in zip(*bounds, strict=True)]
    axes.fill_between(range(len(points)), low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(range(len(points)), values, marker, linestyle="-", color=colour, markersize=4, label=label)


def _row(name: str, point: dict[str, Any]) -> str:
    auroc, change = _cell(point, "auroc"), _cell(point, "auroc_change", "+")
    accuracy, flips = _cell(point, "accuracy"), _cell(point, "flips")
    directions = f"{point['flips_to_fake']}/{point['flips_to_real']}"
    return f"{name:<11}{point['severity']:>8g}  {auroc:<20}{change:<26}{accuracy:<20}{flips:<20}{directions}"


def _cell(point: dict[str, Any], metric: str, sign: str = "") -> str:
    value, interval = point[metric], point["intervals"].get(metric)
    if value is None:
        return "-"
    between = " to " if sign else "-"
    bounds = f" ({interval[0]:{sign}.3f}{between}{interval[1]:{sign}.3f})" if interval else ""
    return f"{value:{sign}.3f}{bounds}"


def _field(point: dict[str, Any], column: str) -> Any:
    """A CSV cell; `auroc_low` is the lower bound of `auroc`."""
    metric, _, bound = column.rpartition("_")
    if metric in _WITH_BOUNDS and bound in ("low", "high"):
        interval = point["intervals"].get(metric)
        return "" if interval is None else f"{interval[bound == 'high']:.6g}"
    value = point.get(column)
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value
