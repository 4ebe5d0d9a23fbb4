"""The result of a cross-validation as text: tables for a terminal, sentences for somebody who knows no metric."""

from collections.abc import Mapping
from typing import Any

from dfdetect.evaluation.contents import bounds
from dfdetect.evaluation.metric_words import LOWER_IS_BETTER, PROBABILITIES, RANKING, VERDICTS
from dfdetect.evaluation.metrics import HALF, UNCALIBRATED
from dfdetect.evaluation.plain_words import beside_guessing, false_alarms, hundred, misses, of_hundred
from dfdetect.evaluation.tables import column_width, in_column
from dfdetect.words import counted

SHOWN = (
    *VERDICTS,
    *(name + HALF for name in VERDICTS),
    *RANKING,
    *PROBABILITIES,
    *(name + UNCALIBRATED for name in PROBABILITIES),
)
"""All metrics, in the order in which they are printed."""


def crossval_table(result: Mapping[str, Any]) -> str:
    """Means over the folds with their intervals and spread, each source, then the notes."""
    width = column_width([f"accuracy of {source}" for source in result["per_source"]], 26)
    lines = [
        f"{name_of_design(result)}: {result['n']} images in {counted(result['n_groups'], 'group')}",
        f"{'mean over the folds':<{width}}{'':>10}{'95% from':>10}{'to':>10}{'lowest':>10}{'highest':>10}",
    ]
    for name in SHOWN:
        spread = result["spread"].get(name) or {"min": None, "max": None}
        cells = (result[name], *(bounds(result, name) or (None, None)), spread["min"], spread["max"])
        lines.append(f"{name:<{width}}" + "".join(f"{_cell(cell):>10}" for cell in cells))
    for source, measured in result["per_source"].items():
        low, high = bounds(measured, "accuracy") or (None, None)
        own = "".join(f"{_cell(cell):>10}" for cell in (measured["accuracy"], low, high))
        lines.append(f"{in_column(f'accuracy of {source}', width)}{own}{'n':>10}{measured['n']:>10}")
    return "\n".join(lines + [f"Note: {note}" for note in result["notes"]])


def difference_table(against: Mapping[str, Any]) -> str:
    """Differences with their intervals."""
    lines = [f"minus {against['folder']}", f"{'mean over the folds':<26}{'difference':>12}{'95% from':>12}{'to':>12}"]
    for name in SHOWN:
        cells = (against[name]["difference"], *(against[name]["interval"] or (None, None)))
        lines.append(f"{name:<26}" + "".join(f"{_cell(cell, '+.4f'):>12}" for cell in cells))
    return "\n".join(lines)


def name_of_design(result: Mapping[str, Any]) -> str:
    """`5-fold cross-validation, 3 times`."""
    times = f", {result['repeats']} times" if result["repeats"] > 1 else ""
    return f"{result['folds']}-fold cross-validation{times}"


def crossval_headline(result: Mapping[str, Any]) -> list[str]:
    """How well the detectors rank, and how often they err, each at its own threshold."""
    images = f"On {result['n']:,} images ({result['n_real']:,} real, {result['n_fake']:,} fake), each judged by"
    judged = f"{images} a detector that has not seen it,"
    area, interval = result.get("auroc"), bounds(result, "auroc")
    if area is None:
        ranks = f"{judged} it cannot be said how well fakes are ranked above real photos: no fold holds both classes."
    else:
        sure = f" (95%: {hundred(interval[0])} to {hundred(interval[1])})" if interval else ""
        guessing = beside_guessing(result)
        ranks = f"{judged} a fake ranks above a real one in {hundred(area)}% of pairs{sure}; 50% is guessing." + (
            f" So {guessing}." if guessing else ""
        )
    alarms, missed = false_alarms(result), misses(result)
    errs = []
    if alarms is not None:
        errs.append(f"of 100 real photos they would call {of_hundred(*alarms)} fake")
    if missed is not None:
        errs.append(f"of 100 fakes they would miss {of_hundred(*missed)}")
    said = [f"At the thresholds of their own validation, {', and '.join(errs)}."] if errs else []
    return [ranks, *said, *_from_fold_to_fold(result)]


def difference_words(against: Mapping[str, Any], name: str = "auroc") -> str:
    """What a difference between two cross-validations means, in sentences."""
    found = against.get(name) or {}
    value, interval = found.get("difference"), found.get("interval")
    title = (RANKING | VERDICTS | PROBABILITIES)[name][0]
    if value is None:
        return f"{title} is undefined in one of both."
    if interval is None:
        return f"{title} is {_higher(value)} here; of one group there is no interval, so this may be chance."
    between = f"95%: {interval[0]:+.3f} to {interval[1]:+.3f}"
    if interval[0] <= 0 <= interval[1]:
        return (
            f"These images cannot tell both apart: {title} is {_higher(value)} here, and the interval of the "
            f"difference ({between}) holds 0."
        )
    leaks = [where for where in ("here", "there") if against.get(f"leak_{where}")]
    if len(leaks) == 1:
        return (
            f"{title} is {_higher(value)} here ({between}): which images were tested does not explain it. But "
            f"{'in this one' if leaks == ['here'] else 'in the other one'} training has seen images of the groups that "
            "were tested: the difference measures that leak as well, and says of neither that it detects better."
        )
    better = "better" if (value > 0) != (name in LOWER_IS_BETTER) else "worse"
    return f"{title} is {_higher(value)} here, so {better} ({between}): which images were tested does not explain it."


def _higher(value: float) -> str:
    if value == 0:
        return "the same"
    return f"{abs(value):.3f} {'higher' if value > 0 else 'lower'}"


def _from_fold_to_fold(result: Mapping[str, Any]) -> list[str]:
    spread = (result.get("spread") or {}).get("auroc")
    if not spread or result["finished"] < 2:
        return []
    return [
        f"From fold to fold AUROC goes from {spread['min']:.3f} to {spread['max']:.3f}: a single split would have "
        "given any of these."
    ]


def _cell(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else format(value, form)
