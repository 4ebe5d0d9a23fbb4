"""`report.html` of an audit: verdict first, then the findings with their pictures, then both classes side by side."""

from collections import Counter
from html import escape
from typing import Any

import cv2
import numpy as np

from dfdetect import __version__
from dfdetect.data.audit.examine import Examination, chains
from dfdetect.data.audit.finding import Finding
from dfdetect.data.audit.findings import verdict
from dfdetect.data.audit.leaks import Pairs, sort_pairs
from dfdetect.data.audit.shortcuts import LEAST_COUNT
from dfdetect.data.audit.statistics import MEANINGS
from dfdetect.data.audit.tells import FACT_WORDS, figure, layout_effect
from dfdetect.data.decode import decode
from dfdetect.data.samples import CLASS_NAMES
from dfdetect.errors import DecodeError
from dfdetect.evaluation.page import card, histograms, page, picture, table, tiles

SHOWN_PAIRS, SHOWN_PICTURES, SHOWN_FILES, SHOWN_VALUES, SHOWN_CHARTS, SHOWN_SHARES = 12, 6, 12, 5, 9, 20
_LEGEND = '<b class="real">real</b> and <b class="fake">fake</b>'


def render(found: Examination, findings: list[Finding], name: str, command: str) -> str:
    """The page, as HTML.

    Args:
        found: the examination.
        findings: what it means, the worst first.
        name: how the data set is called.
        command: the command line that made it.
    """
    worst = findings[0].severity if findings else "info"
    parts = [
        f"<h1>Audit of {escape(name)}</h1>",
        f'<p class="soft">{escape(found.listed.layout)}. Written by dfdetect {escape(__version__)}: '
        f"<code>{escape(command)}</code></p>",
        f'<p class="verdict {worst}">{escape(verdict(findings))}</p>',
        tiles(_counts(found)),
        _shares(found),
        "<h2>Findings</h2>",
        *(_card(found, finding) for finding in findings),
        "<h2>What the files say</h2>",
        f"<p>Shares of each class, {_LEGEND}. The AUROC is out of fold, of this fact alone, with its 95% interval by "
        "group bootstrap; 0.5 is chance.</p>",
        _facts(found),
        "<h2>What the pixels say</h2>",
        f"<p>Distribution of the most telling statistics in {_LEGEND}, each over the range of both.</p>",
        _charts(found),
        _layout(found),
        "<h2>How it was found</h2>",
        _method(),
    ]
    return page(f"Audit of {name}", "\n".join(parts))


def _counts(found: Examination) -> list[tuple[str, str]]:
    n_fake = int(found.labels.sum())
    counts = [
        (f"{len(found.labels) - n_fake:,}", "real"),
        (f"{n_fake:,}", "fake"),
        (f"{len(found.broken):,}", "unreadable"),
        (f"{len(found.twins):,}", "pairs of twins"),
        (f"{sum(len(group) - 1 for group in found.duplicates):,}", "exact duplicates"),
        (figure(found.by_facts).split(" (")[0], "AUROC of file facts"),
        (figure(found.by_pixels).split(" (")[0], "AUROC of pixel statistics"),
    ]
    if len(found.faces) and found.faces.max() >= 0:
        has_face = found.faces > 0
        counts.insert(2, ("100%" if has_face.all() else f"{float(has_face.mean()):.1%}", "with a face found"))
    return counts


def _shares(found: Examination) -> str:
    """Images of each given part and source, where there are any."""
    columns = {name: found.samples.column(name) for name in ("split", "source")}
    named = [name for name, values in columns.items() if any(values)]
    if not named:
        return ""
    places = list(zip(*(columns[name] for name in named), strict=True))
    counts = Counter(zip(places, found.labels.tolist(), strict=True))
    rows = [(*(text or "none" for text in place), counts[place, 0], counts[place, 1]) for place in sorted(set(places))]
    more = f"<p><small>{SHOWN_SHARES} of {len(rows):,} rows.</small></p>" if len(rows) > SHOWN_SHARES else ""
    header = [*("part" if name == "split" else name for name in named), "real", "fake"]
    return table(header, rows[:SHOWN_SHARES]) + more


def _card(found: Examination, finding: Finding) -> str:
    return card(finding.severity, finding.title, finding.meaning, finding.remedy, _shown(found, finding))


def _shown(found: Examination, finding: Finding) -> str:
    """Pictures or rows that prove a finding."""
    what, _, kind = finding.kind.partition("_")
    if finding.kind == "label_conflict":
        return _figures(found, [(group[0], _other_label(found, group)) for group in found.conflicts])
    if finding.kind.startswith("ungrouped_"):
        return _figures(found, _sorted(found, finding.kind.removeprefix("ungrouped_")).loose)
    if kind == "across_splits" and what in ("twins", "duplicates"):
        return _figures(found, _sorted(found, what).torn)
    if kind == "held":
        return _figures(found, _sorted(found, what).held)
    if finding.kind == "broken_files":
        return table(("file", "cause"), [(_short(path), cause) for path, cause in found.broken[:SHOWN_FILES]])
    if "files" in finding.evidence:
        return _pictures(found, finding.evidence["files"])
    if finding.kind == "odd_files":
        rows = [(what, ", ".join(map(_short, paths[:4]))) for what, paths in finding.evidence.items()]
        return table(("odd", "for example"), rows)
    return ""


def _sorted(found: Examination, what: str) -> Any:
    pairs = chains(found.duplicates)
    if what == "twins":
        strongest = sorted(found.twins, key=lambda twin: -twin.inliers)
        pairs = [(twin.first, twin.second) for twin in strongest]
    return sort_pairs(found.samples, pairs)


def _other_label(found: Examination, group: list[int]) -> int:
    return next(i for i in group if found.labels[i] != found.labels[group[0]])


def _figures(found: Examination, pairs: Pairs) -> str:
    """Pairs of pictures, those of a fake and a real first, spread over all there are."""
    mixed = [pair for pair in pairs if found.labels[pair[0]] != found.labels[pair[1]]]
    alike = [pair for pair in pairs if found.labels[pair[0]] == found.labels[pair[1]]]
    chosen = _spread(mixed, max(SHOWN_PAIRS * 2 // 3, SHOWN_PAIRS - len(alike)))
    chosen += _spread(alike, SHOWN_PAIRS - len(chosen))
    inner = "".join(_pair(found, first, second) for first, second in chosen)
    note = f"<p><small>{len(chosen)} of {len(pairs):,} pairs.</small></p>" if len(chosen) < len(pairs) else ""
    return f'<div class="pairs">{inner}</div>{note}'


def _spread(pairs: Pairs, count: int) -> Pairs:
    if len(pairs) <= count:
        return list(pairs)
    return [pairs[i] for i in np.linspace(0, len(pairs) - 1, count).round().astype(int).tolist()]


def _pair(found: Examination, first: int, second: int) -> str:
    images = "".join(_image(found, index) for index in (first, second))
    names = " and ".join(_named(found, index) for index in (first, second))
    return f'<figure><div class="pair">{images}</div><figcaption>{names}</figcaption></figure>'


def _pictures(found: Examination, paths: list[str]) -> str:
    place = {path: index for index, path in enumerate(found.samples.paths)}
    chosen = [place[path] for path in paths[:SHOWN_PICTURES] if path in place]
    figures = (f"<figure>{_image(found, i)}<figcaption>{_named(found, i)}</figcaption></figure>" for i in chosen)
    return f'<div class="pairs">{"".join(figures)}</div>'


def _image(found: Examination, index: int) -> str:
    path = found.samples.paths[index]
    try:
        return picture(decode(found.samples.file(index)), path, CLASS_NAMES[int(found.labels[index])])
    except DecodeError as error:  # changed since it was measured
        return f"<small>{escape(error.cause)}</small>"


def _named(found: Examination, index: int) -> str:
    label = CLASS_NAMES[int(found.labels[index])]
    part = found.samples.column("split")[index]
    where = f" ({escape(part)})" if part else ""
    return f'<b class="{label}">{label}</b> {escape(_short(found.samples.paths[index]))}{where}'


def _short(path: str, limit: int = 60) -> str:
    return path if len(path) <= limit else f"...{path[3 - limit :]}"


def _facts(found: Examination) -> str:
    if not len(found.labels):
        return "<p>No file could be read.</p>"
    clues = {clue.name: figure(clue) for clue in (*found.by_facts.clues, *found.by_size.clues)}
    rows = [
        (FACT_WORDS[name], *(_describe(found.facts[name][found.labels == label]) for label in (0, 1)), said)
        for name, said in clues.items()
    ]
    alike = [f"{FACT_WORDS[n]} {_describe(c)}" for n, c in found.facts.items() if n not in clues and _varies(c) < 2]
    unjudged = [FACT_WORDS[n] for n, c in found.facts.items() if n not in clues and _varies(c) > 1]
    notes = [f"The same in all files: {', '.join(text.removesuffix(' 100%') for text in alike)}."] if alike else []
    notes += (
        [f"Not judged, since no value is shared by {LEAST_COUNT} files: {', '.join(unjudged)}."] if unjudged else []
    )
    table_of_facts = table(("fact", "real", "fake", "AUROC"), rows) if rows else ""
    return table_of_facts + "".join(f"<p>{escape(note)}</p>" for note in notes)


def _varies(column: Any) -> int:
    return len(np.unique(column))


def _describe(column: Any) -> str:
    """The commonest values of a class with their shares, or the spread of a number with many values."""
    if not len(column):
        return "-"
    counts = Counter(column.tolist())
    if column.dtype.kind in "iuf" and len(counts) > SHOWN_VALUES:
        low, middle, high = np.quantile(column, [0.05, 0.5, 0.95])
        return f"{middle:,.0f} (90%: {low:,.0f} to {high:,.0f})"
    shown = [f"{_value(value)} {count / len(column):.0%}" for value, count in counts.most_common(SHOWN_VALUES)]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f", {rest} more" if rest else "")


def _value(value: Any) -> str:
    return "none" if value in ("", 0) else str(value)


def _charts(found: Examination) -> str:
    charts = []
    for clue in found.by_pixels.clues[:SHOWN_CHARTS]:
        column = found.statistics[clue.name]
        title = f"{clue.name.replace('_', ' ')}: AUROC {figure(clue)}"
        charts.append(histograms(title, MEANINGS[clue.name], *(column[found.labels == label] for label in (0, 1))))
    return f'<div class="charts">{"".join(charts)}</div>' if charts else "<p>Nothing to compare.</p>"


def _layout(found: Examination) -> str:
    """The map of places where the classes differ, as a small picture."""
    effect, error = layout_effect(found.layouts)
    if not np.isfinite(error):
        return ""
    strength = np.clip(np.abs(effect) / 1.5, 0, 1)
    shade = (255 * (1 - strength)).astype(np.uint8)
    large = cv2.resize(shade, (192, 192), interpolation=cv2.INTER_NEAREST)
    image = picture(np.repeat(large[..., None], 3, axis=2), "where the classes differ")
    return (
        f'<figure style="max-width:12rem;margin-top:1rem">{image}<figcaption><b>Where the classes differ</b><br>'
        f"Dark is a difference of 1.5 standard deviations or more; the largest here is {np.abs(effect).max():.2f}. "
        "A spot at the edge is a watermark or a border, a face in the centre another framing.</figcaption></figure>"
    )


def _method() -> str:
    return (
        "<p>Each file is decoded once. Exact duplicates have the same decoded pixels; twins share local features that "
        "one geometric movement explains. File facts and pixel statistics are judged by a forest of trees that is "
        "trained and scored on different groups, fold by fold, so that no twin tells on its twin. A finding is what "
        "was found: the absence of one proves nothing about what was not looked for.</p>"
    )
