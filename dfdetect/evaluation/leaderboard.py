"""The result of `dfdetect compare` as Markdown for a terminal or a README, and as a page that stands alone."""

import html
from collections.abc import Sequence
from typing import Any

from dfdetect.evaluation.network_name import network_name
from dfdetect.evaluation.page import interval_bars, page, table
from dfdetect.evaluation.plain_words import cut

_SHOWN = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "f1": "F1",
    "eer": "EER",
    "tpr_at_fpr_5": "TPR at 5% FPR",
    "brier": "Brier",
    "ece": "ECE",
}
_DIFFERENCES = {"auroc": "AUROC", "average_precision": "average precision", "accuracy": "accuracy", "eer": "EER"}

_MANY_GROUPS = 30
"""Of fewer, a bootstrap's intervals can be too narrow and its p too small."""
_FEW = "; of so few, it can be too sure of itself as well"

Table = tuple[str, list[str], list[list[str]]]
"""A heading, column names and rows."""

_SAID_OF_ALL = ("Only ", "One-sided: ", "All ", "These are generated")
"""Beginnings of a test's notes on its images, which are the same for all runs."""


def markdown_leaderboard(board: dict[str, Any]) -> str:
    """The tables and what to know about them."""
    lines = [f"# {_title(board)}", "", _tested(board)]
    for heading, names, rows in _tables(board):
        lines += ["", f"## {heading}", "", _markdown_row(names), _markdown_row(["---"] * len(names))]
        lines += [_markdown_row(row) for row in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(board)), ""])


def html_leaderboard(board: dict[str, Any]) -> str:
    """The same as one HTML file without anything from elsewhere; light, dark and on paper."""
    title = _title(board)
    bars = interval_bars((run["name"], run["auroc"], run["intervals"].get("auroc")) for run in _ranked(board))
    parts = [f"<h1>{title}</h1><p>{html.escape(_tested(board))}</p>", bars]
    parts.append("<p>AUROC from 0 to 1 with its 95% interval; the line in the middle is chance.</p>")
    for heading, names, rows in _tables(board):
        parts.append(
            f"<h2>{html.escape(heading)}</h2>" + table(names, [[_split(cell) for cell in row] for row in rows])
        )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in _notes(board))
    return page(title, "\n".join([*parts, f"<h2>How to read it</h2><ul>{notes}</ul>"]), wide=True)


def _title(board: dict[str, Any]) -> str:
    n = len(board["runs"])
    return "Leaderboard of 1 run" if n == 1 else f"Leaderboard of {n} runs"


def _tested(board: dict[str, Any]) -> str:
    first = board["runs"][0]
    images = (
        f"{first['n']} images ({first['n_real']} real, {first['n_fake']} fake, {first['n_groups']} groups; fingerprint "
        f"{board['images_fingerprint'][:12]})"
    )
    if len(board["runs"]) == 1:
        return f"Tested on {images}."
    return f"Tested on the same {images}, best AUROC first, compared with {first['name']}."


def _tables(board: dict[str, Any]) -> list[Table]:
    ranked = _ranked(board)
    tables = [("Metrics", ["run", *_SHOWN.values(), "threshold"], [_metrics_row(run) for run in ranked])]
    others = [run for run in ranked if "against_first" in run]
    if others:
        first = board["runs"][0]["name"]
        names = ["run", *(f"difference of {name}" for name in _DIFFERENCES.values())]
        tables.append((f"Against {first}", names, [_difference_row(run) for run in others]))
        names = ["run", *(f"{name}, bootstrap" for name in _DIFFERENCES.values()), "AUROC, DeLong"]
        tables.append((f"p of no difference from {first}", names, [_p_row(run) for run in others]))
    names = ["run", "backbone", "pixels", "parameters", "checkpoint MB", "CPU ms an image", "trained on"]
    return [*tables, ("Cost", names, [_cost_row(run) for run in ranked])]


def _ranked(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Best AUROC first; where it is undefined, as they were named."""
    return sorted(board["runs"], key=lambda run: -1.0 if run["auroc"] is None else -run["auroc"])


def _metrics_row(run: dict[str, Any]) -> list[str]:
    cells = [_with_interval(run[name], run["intervals"].get(name)) for name in _SHOWN]
    return [run["name"], *cells, cut(run["threshold"])]


def _difference_row(run: dict[str, Any]) -> list[str]:
    against = run["against_first"]
    cells = [_with_interval(against[name]["difference"], against[name]["interval"], "+") for name in _DIFFERENCES]
    return [run["name"], *cells]


def _p_row(run: dict[str, Any]) -> list[str]:
    against = run["against_first"]
    cells = [_p_with_holm(against[name]["p"], against[name]["p_holm"]) for name in _DIFFERENCES]
    return [run["name"], *cells, _p_with_holm(against["delong_p"], against["delong_p_holm"])]


def _cost_row(run: dict[str, Any]) -> list[str]:
    if "parameters" not in run:
        return [run["name"], "checkpoint is gone", "", "", "", "", ""]
    speed = "-" if run["cpu_ms"] is None else f"{run['cpu_ms']:.1f}"
    size, data = f"{run['megabytes']:.1f}", (run["data_fingerprint"] or "unknown")[:12]
    network = network_name(run["backbone"], run.get("frontend", "rgb"))
    return [run["name"], network, str(run["image_size"]), f"{run['parameters']:,}", size, speed, data]


def _with_interval(value: float | None, interval: Sequence[float] | None, sign: str = "") -> str:
    if value is None:
        return "-"
    return f"{value:{sign}.3f}" + (f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})" if interval else "")


def _p_with_holm(p: float | None, adjusted: float | None) -> str:
    return "-" if p is None or adjusted is None else f"{_p(p)} (Holm {_p(adjusted)})"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def _notes(board: dict[str, Any]) -> list[str]:
    first = board["runs"][0]
    differ = (
        f" Differences are a run's own figure minus that of {first['name']}, resampled in pairs; one whose interval "
        "holds 0 may be chance."
    )
    several = len(board["runs"]) > 1
    notes = [
        "In brackets: 95% intervals by group bootstrap." + (differ if several else ""),
        "Higher is better, but for EER, Brier and ECE. Accuracy and F1 are at each run's own threshold.",
    ]
    if several:
        notes.append(
            "p: how often chance alone would show a difference as large as this one, if there were none. Holm's takes "
            "into account how many runs are asked; those of several metrics are not adjusted for each other."
        )
        notes.append(_judge(first))
    if any(run.get("cpu_ms") is not None for run in board["runs"]):
        notes.append(
            "CPU ms: measured just now on this machine, one image, one thread, fp32, PyTorch eager; fastest of 20."
        )
    notes += _split_notes(board)
    notes += [
        f"{run['name']}: {note}"
        for run in board["runs"]
        for note in run.get("notes", ())
        if not note.startswith(_SAID_OF_ALL)
    ]
    if first["n"] < 1000:
        notes.append(f"Only {first['n']} images: small differences cannot be told from chance.")
    notes += [note for note in first.get("notes", ()) if note.startswith("These are generated")]
    return notes


def _judge(first: dict[str, Any]) -> str:
    """Which p to believe on these images."""
    n, groups = first["n"], first["n_groups"]
    if groups < n:
        said = f"The {n} images share {groups} groups, which DeLong's test takes for independent: its p tends to be too"
        return f"{said} small. Believe the bootstrap's, which draws groups{_FEW if groups < _MANY_GROUPS else ''}."
    return (
        f"No images share groups here: DeLong's test and the bootstrap ask the same{_FEW if n < _MANY_GROUPS else ''}."
    )


def _split_notes(board: dict[str, Any]) -> list[str]:
    """Runs whose training left out other images than the first's did."""
    first = board["runs"][0]
    return [
        f"{run['name']} and {first['name']} were trained on different splits of one data set: make sure that neither "
        "was trained on images that are tested here."
        for run in board["runs"][1:]
        if run.get("data_fingerprint") and run["data_fingerprint"] == first.get("data_fingerprint")
        if run["test_fingerprint"] != first["test_fingerprint"]
    ]


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _split(cell: str) -> str | tuple[str, str]:
    """A figure, and its interval or adjusted p where it has one."""
    value, bracket, interval = cell.partition(" (")
    return (value, f"({interval}") if bracket and (" to " in interval or interval.startswith("Holm ")) else cell
