"""The result of `dfdetect compare` as Markdown for a terminal or a README, and as a page that stands alone."""

import html
from collections.abc import Sequence
from string import Template
from typing import Any

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

Table = tuple[str, list[str], list[list[str]]]
"""A heading, column names and rows."""


def markdown_leaderboard(board: dict[str, Any]) -> str:
    """Three tables and what to know about them."""
    lines = [f"# Leaderboard of {len(board['runs'])} runs", "", _tested(board)]
    for heading, names, rows in _tables(board):
        lines += ["", f"## {heading}", "", _markdown_row(names), _markdown_row(["---"] * len(names))]
        lines += [_markdown_row(row) for row in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in _notes(board)), ""])


def html_leaderboard(board: dict[str, Any]) -> str:
    """The same as one HTML file without anything from elsewhere; light, dark and on paper."""
    parts = []
    for heading, names, rows in _tables(board):
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join("<tr>" + "".join(map(_html_cell, row)) + "</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        parts.append(f'<h2>{html.escape(heading)}</h2><div class="wide">{table}</div>')
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in _notes(board))
    title = f"Leaderboard of {len(board['runs'])} runs"
    return _PAGE.substitute(
        title=title, tested=html.escape(_tested(board)), bars=_bars(board), tables="".join(parts), notes=notes
    )


def _tested(board: dict[str, Any]) -> str:
    first = board["runs"][0]
    return (
        f"Tested on the same {first['n']} images ({first['n_real']} real, {first['n_fake']} fake, {first['n_groups']} "
        f"groups; fingerprint {board['images_fingerprint'][:12]}), best AUROC first, compared with {first['name']}."
    )


def _tables(board: dict[str, Any]) -> list[Table]:
    ranked = _ranked(board)
    tables = [("Metrics", ["run", *_SHOWN.values(), "threshold"], [_metrics_row(run) for run in ranked])]
    others = [run for run in ranked if "against_first" in run]
    if others:
        names = ["run", *(f"difference of {name}" for name in _DIFFERENCES.values()), "DeLong p of AUROC", "p, Holm"]
        tables.append((f"Against {board['runs'][0]['name']}", names, [_difference_row(run) for run in others]))
    names = ["run", "backbone", "pixels", "parameters", "checkpoint MB", "CPU ms an image", "trained on"]
    return [*tables, ("Cost", names, [_cost_row(run) for run in ranked])]


def _ranked(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Best AUROC first; where it is undefined, as they were named."""
    return sorted(board["runs"], key=lambda run: -1.0 if run["auroc"] is None else -run["auroc"])


def _metrics_row(run: dict[str, Any]) -> list[str]:
    cells = [_with_interval(run[name], run["intervals"].get(name)) for name in _SHOWN]
    return [run["name"], *cells, f"{run['threshold']:.3g}"]


def _difference_row(run: dict[str, Any]) -> list[str]:
    against = run["against_first"]
    cells = [_with_interval(against[name]["difference"], against[name]["interval"], "+") for name in _DIFFERENCES]
    return [run["name"], *cells, _p(against["delong_p"]), _p(against["delong_p_holm"])]


def _cost_row(run: dict[str, Any]) -> list[str]:
    if "parameters" not in run:
        return [run["name"], "checkpoint is gone", "", "", "", "", ""]
    speed = "-" if run["cpu_ms"] is None else f"{run['cpu_ms']:.1f}"
    size, data = f"{run['megabytes']:.1f}", (run["data_fingerprint"] or "unknown")[:12]
    return [run["name"], run["backbone"], str(run["image_size"]), f"{run['parameters']:,}", size, speed, data]


def _with_interval(value: float | None, interval: Sequence[float] | None, sign: str = "") -> str:
    if value is None:
        return "-"
    return f"{value:{sign}.3f}" + (f" ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})" if interval else "")


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def _notes(board: dict[str, Any]) -> list[str]:
    first = board["runs"][0]
    notes = [
        "In brackets: 95% intervals by group bootstrap. Differences are a run's own figure minus that of "
        f"{first['name']}, resampled in pairs; one whose interval holds 0 may be chance.",
        "Higher is better, but for EER, Brier and ECE. Accuracy and F1 are at each run's own threshold.",
    ]
    if len(board["runs"]) > 1:
        notes.append("DeLong's p asks whether both AUROC are equal; Holm's takes into account how many runs are asked.")
    if first["n_groups"] < first["n"] and len(board["runs"]) > 1:
        notes.append("Images here share groups, which DeLong's test takes for independent: trust the interval more.")
    if any(run.get("cpu_ms") is not None for run in board["runs"]):
        notes.append(
            "CPU ms: measured just now on this machine, one image, one thread, fp32, PyTorch eager; fastest of 20."
        )
    notes += _split_notes(board)
    if first["n"] < 1000:
        notes.append(f"Only {first['n']} images: small differences cannot be told from chance.")
    return notes


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


def _html_cell(cell: str) -> str:
    """A cell with its interval, where it has one, on a line of its own."""
    value, bracket, interval = html.escape(cell).partition(" (")
    return f"<td>{value}{f' <small>({interval}</small>' * bool(bracket)}</td>"


def _bars(board: dict[str, Any]) -> str:
    """AUROC with its interval, one line a run, on a scale from 0 to 1 with a mark at chance."""
    rows = []
    for run in _ranked(board):
        low, high = run["intervals"].get("auroc") or (run["auroc"], run["auroc"])
        if run["auroc"] is None:
            continue
        band = f'<span class="band" style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></span>'
        dot = f'<span class="dot" style="left:{100 * run["auroc"]:.1f}%"></span>'
        name, value = html.escape(run["name"]), f"{run['auroc']:.3f}"
        rows.append(f'<div class="name">{name}</div><div class="bar">{band}{dot}</div><div>{value}</div>')
    return "".join(rows)


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5c636b; --paper: #fff; --line: #d9dde2; --mark: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a3abb5; --paper: #16181b; --line: #363b42; --mark: #56b4e9; }
}
body { margin: 0 auto; max-width: 80rem; padding: 2rem 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.15rem; }
p, li { color: var(--soft); } li { margin: .25rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
td small { display: block; color: var(--soft); white-space: nowrap; }
td:first-child { font-weight: 600; white-space: nowrap; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .4rem 1rem; margin: 1.5rem 0 .2rem;
  align-items: center; font-variant-numeric: tabular-nums; }
.bar { position: relative; height: 1.1rem; border-bottom: 1px solid var(--line);
  background: linear-gradient(var(--line), var(--line)) 50% / 1px 100% no-repeat; }
.band { position: absolute; top: .3rem; height: .5rem; background: var(--mark); opacity: .35; border-radius: .25rem; }
.dot { position: absolute; top: .2rem; width: .7rem; height: .7rem; margin-left: -.35rem; border-radius: 50%;
  background: var(--mark); }
@media (max-width: 40rem) { .bars { grid-template-columns: 1fr max-content; } .name { grid-column: 1 / -1; }
  td:first-child { min-width: 8rem; white-space: normal; overflow-wrap: anywhere; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding: .2rem .3rem; } td:first-child { white-space: normal; } }
</style></head><body>
<h1>$title</h1><p>$tested</p>
<div class="bars">$bars</div><p>AUROC from 0 to 1 with its 95% interval; the line in the middle is chance.</p>
$tables
<h2>How to read it</h2><ul>$notes</ul>
</body></html>
""")
