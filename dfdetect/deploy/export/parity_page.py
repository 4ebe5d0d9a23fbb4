"""The proof of an export as a page that stands alone, and as lines for a terminal."""

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from dfdetect.evaluation.canvas import new_figure, thin, unit_axes, with_legend
from dfdetect.evaluation.colours import CLASS_COLOURS
from dfdetect.evaluation.figures import CHANCE
from dfdetect.evaluation.metrics import Floats, Labels
from dfdetect.evaluation.page import page, plot, table, tiles

_UNLABELLED = "#555555"


def parity_lines(results: Sequence[dict[str, Any]]) -> str:
    """One line a file, and what it comes to."""
    width = max(len(Path(result["file"]).name) for result in results)
    figures = f"{'MB':>6}  {'max |dp|':>9}  {'mean |dp|':>9}  {'flipped':>10}  {'ms':>12}  {'AUROC':>15}"
    lines = [f"{'file':<{width}}  {figures}  its difference", *(_line(result, width) for result in results)]
    return "\n".join([*lines, "Pairs: the checkpoint, then the file. ms: one picture on one thread, in turn."])


def _line(result: dict[str, Any], width: int) -> str:
    auroc, flipped = result["auroc"], f"{result['n_flipped']}/{result['n']}"
    both = f"{auroc['checkpoint']:.4f} {auroc['exported']:.4f}" if auroc else "-"
    cells = f"{result['megabytes']:>6.2f}  {result['max_difference']:>9.2g}  {result['mean_difference']:>9.2g}"
    verdict, _ = _verdict(result)
    times = f"{result['latency_ms']['checkpoint']:.1f} {result['latency_ms']['exported']:.1f}"
    return (
        f"{Path(result['file']).name:<{width}}  {cells}  {flipped:>10}  {times:>12}  {both:>15}  {_difference(auroc)}\n"
        f"{'':<{width}}  {verdict}: {result['reason']}"
    )


def _difference(auroc: dict[str, Any] | None) -> str:
    if auroc is None:
        return "-"
    interval = auroc["interval"]
    between = f" (95% {interval[0]:+.4f} to {interval[1]:+.4f})" if interval else ""
    return f"{auroc['difference']:+.4f}{between}"


def parity_page(
    result: dict[str, Any], reference: Floats, exported: Floats, labels: Labels | None, places: Sequence[int]
) -> str:
    """HTML of what `export_file` found, with every score of both in a picture.

    Args:
        result: as in the JSON.
        reference: (M,) p_fake of the checkpoint.
        exported: (M,) p_fake of the file.
        labels: of all pictures, or None.
        places: (M,) which of them these are.
    """
    name = Path(result["file"]).name
    own = None if labels is None else labels[list(places)]
    word, verdict = _verdict(result)
    title = f"{name}: {word}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<div class="verdict">{escape(verdict)}: {escape(result["reason"])}.</div>',
        tiles(_tiles(result)),
        f"<p>{escape(_said(result))}</p>",
        '<div class="plots">',
        plot(_png(_figure(reference, exported, own, result)), "Each dot is a picture; on the line both agree."),
        table(["compared", "found"], _rows(result)) + "</div>",
    ]
    if result["flipped"]:
        shown = [[one["path"], f"{one['p_fake']:.4f}", f"{one['exported']:.4f}"] for one in result["flipped"]]
        heading = f"Crossed the threshold, {len(shown)} of {result['n_flipped']}"
        body += [f"<h2>{heading}</h2>", table(["picture", "checkpoint", "exported"], shown)]
    facts = [[key.removeprefix("dfdetect."), value] for key, value in sorted(result["facts"].items())]
    body += ["<h2>What the file says of itself</h2>", table(["fact", "value"], facts)]
    return page(title, "\n".join(body))


def _verdict(result: dict[str, Any]) -> tuple[str, str]:
    """In a word, and in a few."""
    if not result["passed"]:
        return "failed", "Does not decide as its checkpoint does"
    if result["tolerance"] is None:
        return "compared", "Compared with its checkpoint, but held to no tolerance"
    return "proven", "Decides as its checkpoint does"


def _tiles(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{result['max_difference']:.2g}", "largest change of p_fake"),
        (f"{result['n_flipped']} of {result['n']}", "crossed the threshold"),
        (f"{result['megabytes']:.2f} MB", f"{result['format']}, {result['precision']}"),
    ]


def _said(result: dict[str, Any]) -> str:
    parts = [f"Reloaded in {result['engine']} and run on {result['images']} ({result['n']} pictures)."]
    if result["n_unreadable"]:
        parts.append(f"{result['n_unreadable']} could not be read.")
    if result["calibration"]:
        parts.append(f"Calibrated with {result['calibration']}.")
    if result["float_layers"]:
        parts.append(f"Kept in floating point: {', '.join(result['float_layers'])}.")
    return " ".join([*parts, f"{result['face_margin']}."])


def _rows(result: dict[str, Any]) -> list[list[Any]]:
    auroc, times = result["auroc"], result["latency_ms"]
    rows: list[list[Any]] = []
    if auroc:
        figure, _, small = _difference(auroc).partition(" ")
        rows += [["AUROC of the checkpoint", f"{auroc['checkpoint']:.4f}"]]
        rows += [["AUROC of the file", f"{auroc['exported']:.4f}"], ["its difference", (figure, small.strip("()"))]]
    ratio = f"{times['checkpoint'] / times['exported']:.1f} times as fast"
    return [
        *rows,
        ["mean change of p_fake", f"{result['mean_difference']:.2g}"],
        ["ms a picture, checkpoint, one thread", f"{times['checkpoint']:.1f}"],
        ["ms a picture, file, one thread", (f"{times['exported']:.1f}", ratio)],
    ]


def _figure(reference: Floats, exported: Floats, labels: Labels | None, result: dict[str, Any]) -> Figure:
    figure = new_figure(Path(result["file"]).name, f"n = {len(reference)} pictures", (5.6, 6.0))
    axes = unit_axes(figure, "p_fake of the checkpoint", "p_fake of the exported file")
    axes.plot([0, 1], [0, 1], label="equal", **CHANCE)
    kinds = [("pictures", _UNLABELLED, reference >= 0)]
    if labels is not None:
        kinds = [(name, CLASS_COLOURS[label], labels == label) for label, name in enumerate(("real", "fake"))]
    for name, colour, own in kinds:
        x, y = thin(reference[own]), thin(exported[own])
        axes.plot(x, y, "o", markersize=3.5, alpha=0.6, markeredgewidth=0, color=colour, label=name)
    for draw in (axes.axvline, axes.axhline):
        draw(result["threshold"], color="#999999", linewidth=0.8, linestyle=":", label="threshold")
    return with_legend(figure, 4)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    return content.getvalue()
