"""Shortcuts: what gives the class away without a face, as findings."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.examine import Examination
from dfdetect.data.audit.finding import Finding, Severity
from dfdetect.data.audit.measure import LayoutSums
from dfdetect.data.audit.shortcuts import Clue, Shortcut, telling_values
from dfdetect.data.audit.statistics import LAYOUT_SIDE, MEANINGS

FACT_WORDS = {
    "file_bytes": "file size",
    "width": "width in pixels",
    "height": "height in pixels",
    "format": "file format",
    "mode": "pixel mode",
    "luma_table": "JPEG luma table",
    "chroma_table": "JPEG chroma table",
    "quality": "JPEG quality",
    "subsampling": "JPEG colour subsampling",
    "scan": "JPEG scan type",
    "segments": "segments beside the picture",
    "density": "dots per inch",
    "orientation": "EXIF orientation",
    "exif": "EXIF tags",
    "camera": "camera tag",
    "software": "software tag",
    "icc": "colour profile",
    "animated": "animation",
    "ending": "ending and format",
}
CODEC = frozenset({"format", "luma_table", "chroma_table", "quality", "subsampling", "scan"})
SIZES = frozenset({"width", "height"})
FILE_LIMITS, PIXEL_LIMITS = (0.55, 0.50), (0.70, 0.55)
"""A shortcut is strong, or weak, where its whole interval lies above these AUROCs. No file fact is evidence about a
face, so little is much; pixel statistics may be honest traces."""
MARK_EFFECT, MARK_Z = (1.2, 0.8), 6.0
"""Difference of the class means in standard deviations that is strong, or weak, at one of 1,024 places; and how many
standard errors it must be, so that the largest of so many is no accident."""
MARK_IMAGES = 20
"""Of each class, from which standard deviations are known well enough for that."""
NOT_JUDGED = "not_judged"
"""Kind of the finding that no shortcut could be looked for."""
_QUALITY = (50, 95, 90)


def find_tells(found: Examination) -> Iterator[Finding]:
    """All shortcuts of an examination, and the reassuring absence of some."""
    if len(found.samples) == 0:
        return
    quality = advised_quality(found)
    judged = found.by_facts.auroc is not None  # all kinds of evidence are judged by the same images, or none is
    if not judged:
        yield _not_judged(found.by_facts)
    if judged or value_sentences(found):
        yield _by_facts(found, quality)
    if judged:
        yield _by_size(found.by_size)
        yield _by_pixels(found, quality)
    yield from _marks(found)


def severity(shortcut: Shortcut, limits: tuple[float, float]) -> Severity:
    """How bad a shortcut is, by the lower end of its interval."""
    low = shortcut.interval[0] if shortcut.interval else 0.0
    return "strong" if low > limits[0] else "weak" if low > limits[1] else "info"


def advised_quality(found: Examination) -> int:
    """A JPEG quality that nearly all files of the set were at least saved with: the 5th percentile of theirs."""
    least, most, without = _QUALITY
    qualities = found.facts["quality"]
    saved = qualities[qualities > 0]
    return int(np.clip(np.percentile(saved, 5), least, most)) if len(saved) else without


def figure(shortcut: Shortcut | Clue) -> str:
    """An AUROC with its interval, in text."""
    if shortcut.auroc is None:
        return "not judged"
    between = f" ({shortcut.interval[0]:.2f} to {shortcut.interval[1]:.2f})" if shortcut.interval else ""
    return f"{shortcut.auroc:.2f}{between}"


def as_evidence(shortcut: Shortcut) -> dict[str, Any]:
    """A shortcut's figures as JSON."""
    clues = [
        {"name": c.name, "auroc": c.auroc, "interval": c.interval and list(c.interval), "importance": c.importance}
        for c in shortcut.clues
    ]
    interval = shortcut.interval and list(shortcut.interval)
    figures = {"n": shortcut.n, "n_groups": shortcut.n_groups, "auroc": shortcut.auroc, "interval": interval}
    return figures | {"clues": clues, "constant": shortcut.constant, "note": shortcut.note}


def _not_judged(shortcut: Shortcut) -> Finding:
    return Finding(
        NOT_JUDGED,
        "strong",
        f"Shortcuts were not judged: {shortcut.note}",
        shortcut.n,
        "File facts, file size and pixel statistics are judged by images and groups that were held out, and here there "
        "is nothing to hold out: whether they tell the class is not known.",
        "Audit more images of both classes.",
        as_evidence(shortcut),
    )


def _by_facts(found: Examination, quality: int) -> Finding:
    shortcut, values = found.by_facts, value_sentences(found)
    level = severity(shortcut, FILE_LIMITS)
    telling = [clue.name for clue in shortcut.clues if clue.interval and clue.interval[0] > 0.5][:4]
    evidence = as_evidence(shortcut) | {"values": values}
    named = ", ".join(FACT_WORDS[name] for name in telling or values) or "several together"
    if level == "info" and not values:
        meaning = shortcut.note or "a forest of trees on file facts, judged on held-out groups, is near chance"
        title = f"File facts tell nothing reliable: AUROC {figure(shortcut)}"
        return Finding("file_facts", "info", title, shortcut.n, f"{meaning[0].upper()}{meaning[1:]}.", "", evidence)
    if level == "info":
        level, title = (
            "weak",
            f"File facts tell little overall, AUROC {figure(shortcut)}, but some are one class's: {named}",
        )
    else:
        title = f"The class can be told from file facts alone: AUROC {figure(shortcut)}, by {named}"
    return Finding(
        "file_facts",
        level,
        title,
        shortcut.n,
        "No pixel was looked at. What wrote the files differs between the classes, and its traces in the pixels "
        "(the codec's blocks, its colour resolution, a resizing) are easier to learn than faces. "
        + " ".join(list(values.values())[:4]),
        " ".join(_mend(set(telling) | set(values), quality)),
        evidence,
    )


def value_sentences(found: Examination) -> dict[str, str]:
    """By fact, the text that one class has most conspicuously often, in a sentence; the clearest fact first."""
    n_fake = int(found.labels.sum())
    n_real = len(found.labels) - n_fake
    said = []
    for name, column in found.facts.items():
        rows = telling_values(column, found.labels) if column.dtype.kind == "U" else []
        if rows:
            text, reals, fakes, p = rows[0]
            word = FACT_WORDS[name][0].upper() + FACT_WORDS[name][1:]
            counts = f"{reals:,} of {n_real:,} reals, {fakes:,} of {n_fake:,} fakes (p = {max(p, 1e-99):.0e})."
            said.append((p, name, f"{word} {text or 'missing'}: {counts}"))
    return {name: sentence for _, name, sentence in sorted(said)}


def _mend(telling: set[str], quality: int) -> list[str]:
    steps = []
    if telling & CODEC or not telling:
        steps.append(
            f"Re-encode both classes alike in the loading path: `--data.normalise_encoding {quality}` "
            "(reduces the traces of earlier encoders, does not remove them)."
        )
    if telling & SIZES:
        steps.append(
            "Loading resizes all pictures alike, but not the traces of how far each was resized: bring both classes "
            "to one size from originals, or leave out the sizes that only one class has."
        )
    if telling - CODEC - SIZES:
        steps.append("Tags do not reach the network, but they say that the classes were made by different hands.")
    return steps


def _by_size(shortcut: Shortcut) -> Finding:
    level: Severity = "weak" if severity(shortcut, FILE_LIMITS) != "info" else "info"
    says = "tells the class" if level == "weak" else "tells nothing reliable"
    return Finding(
        "file_size",
        level,
        f"File size alone {says}: AUROC {figure(shortcut)}",
        shortcut.n,
        "Where all files come from one encoder, their size says how much detail is in the pixels, so this is counted "
        "apart from the file facts.",
        "Compare the pixel statistics: if they differ, so does what a network sees." if level == "weak" else "",
        as_evidence(shortcut),
    )


def _by_pixels(found: Examination, quality: int) -> Finding:
    shortcut = found.by_pixels
    level = severity(shortcut, PIXEL_LIMITS)
    telling = [clue.name for clue in shortcut.clues if clue.interval and clue.interval[0] > 0.5][:4]
    applied = found.settings.normalise_encoding
    when = f" after re-encoding with quality {applied}" if applied else ""
    if level == "info":
        title = f"Global pixel statistics tell little{when}: AUROC {figure(shortcut)}"
        meaning = shortcut.note or "Colour, contrast, sharpness, noise and borders are nearly alike in both classes."
        return Finding("pixel_statistics", "info", title, shortcut.n, meaning, evidence=as_evidence(shortcut))
    named = ", ".join(f"{name.replace('_', ' ')} ({MEANINGS[name]})" for name in telling)
    return Finding(
        "pixel_statistics",
        level,
        f"Global pixel statistics tell the class{when}: AUROC {figure(shortcut)}",
        shortcut.n,
        f"Most telling: {named}. They may be honest traces of forging, or of how the files were made: only another "
        "data set can tell. A detector that does no better than this figure has learned no more than this.",
        f"Try `--data.normalise_encoding {quality}`, and see what it leaves: `dfdetect audit ROOT --normalise-encoding "
        f"{quality}`. Augment what should not matter (`ColorJitter`, `ImageCompression` of Albumentations), "
        "and test on another data set.",
        as_evidence(shortcut),
    )


def layout_effect(layouts: tuple[LayoutSums, LayoutSums]) -> tuple[npt.NDArray[np.float64], float]:
    """Difference of the class means at each place in pooled standard deviations, and its standard error.

    The error is NaN with fewer than `MARK_IMAGES` of a class.
    """
    if min(sums.count for sums in layouts) < MARK_IMAGES:
        return np.zeros((LAYOUT_SIDE, LAYOUT_SIDE)), float("nan")
    means = [sums.total / sums.count for sums in layouts]
    spreads = [np.maximum(s.squares / s.count - m**2, 0) for s, m in zip(layouts, means, strict=True)]
    pooled = np.sqrt((spreads[0] + spreads[1]) / 2 + 0.25)  # half a step of rounding, so that flat places stay finite
    return (means[1] - means[0]) / pooled, float(np.sqrt(sum(1 / sums.count for sums in layouts)))


def place_name(row: int, column: int) -> str:
    """`top left`, ..., `centre` for a place of the layout."""
    vertical = ("top", "", "bottom")[row * 3 // LAYOUT_SIDE]
    horizontal = ("left", "", "right")[column * 3 // LAYOUT_SIDE]
    return f"{vertical} {horizontal}".strip() or "centre"


def _marks(found: Examination) -> Iterator[Finding]:
    effect, error = layout_effect(found.layouts)
    row, column = np.unravel_index(np.abs(effect).argmax(), effect.shape)
    largest = abs(float(effect[row, column]))
    if not (largest > MARK_EFFECT[1] and largest > MARK_Z * error):
        return
    where = place_name(int(row), int(column))
    yield Finding(
        "mark",
        "strong" if largest > MARK_EFFECT[0] else "weak",
        f"The classes differ at one place of the picture: {where}, by {largest:.1f} standard deviations",
        len(found.labels),
        "A watermark, a border or another way of framing stands there in many pictures of one class. In the centre it "
        "is mostly framing: one class is aligned or cropped otherwise.",
        "Look at that place. Crop marks and borders off both classes alike, and align both with one face detector.",
        {"place": where, "row": int(row), "column": int(column), "effect": float(effect[row, column])},
    )
