"""Limits that robustness curves show."""

from collections.abc import Iterator
from typing import Any

from dfdetect.evaluation.contents import Results, bounds
from dfdetect.evaluation.limit import Limit

_FALL, _DEEP_FALL, _FLIPS = 0.05, 0.1, 0.1
"""Falls of AUROC and a share of flipped verdicts from which they get a word."""


def weakest_points(robustness: Results) -> list[dict[str, Any]]:
    """Of each corruption, the severity with the lowest AUROC and the one with the most flips, which may be the same.

    One alone would hide the other: scores that all move together keep their ranking and lose their verdicts.
    """
    curves = robustness.get("corruptions") or {}
    points = [curve["severities"] for curve in curves.values() if curve.get("severities")]
    return [point for own in points for point in own if point in (_lowest(own), _most_flips(own))]


def limits_of_curves(curves: Results, photos: str) -> Iterator[Limit]:
    """What corruptions did to one data set; `photos` says whose photos, at the beginning of a sentence."""
    points = [point for point in weakest_points(curves) if _fell(point) or point["flips"] >= _FLIPS]
    if not points:
        return
    points.sort(key=lambda point: (point["auroc_change"] if _fell(point) else 0.0, -point["flips"]))
    worst, *others = points
    also = f" The same of {'; '.join(map(_hurt, others))}." if others else ""
    yield Limit(
        "robustness_fall",
        "strong" if any(_fell(point) and point["auroc_change"] <= -_DEEP_FALL for point in points) else "weak",
        f"{photos} mislead it: {_hurt(worst)}",
        f"Verdicts that turn: {worst['flips_to_fake']:,} from real to fake, {worst['flips_to_real']:,} from fake to "
        f"real.{also}",
        "Train with such changes, as `data.augment`, or do not rely on verdicts of such photos.",
    )


def _lowest(points: list[dict[str, Any]]) -> dict[str, Any]:
    """The point with the lowest AUROC, of equal ones that with more flips."""
    return min(points, key=lambda point: (1.0 if point["auroc"] is None else point["auroc"], -point["flips"]))


def _most_flips(points: list[dict[str, Any]]) -> dict[str, Any]:
    """The point with the most flips, of equal ones that with the lower AUROC."""
    return min(points, key=lambda point: (-point["flips"], 1.0 if point["auroc"] is None else point["auroc"]))


def _fell(point: dict[str, Any]) -> bool:
    """Whether AUROC fell by an amount that matters and is no chance."""
    change, interval = point.get("auroc_change"), bounds(point, "auroc_change")
    return change is not None and change <= -_FALL and interval is not None and interval[1] < 0


def _hurt(point: dict[str, Any]) -> str:
    fell = f"AUROC {point['auroc']:.3f} ({point['auroc_change']:+.3f}), " if _fell(point) else ""
    return f"{point['corruption']} {point['severity']:g}: {fell}{point['flips']:.0%} of verdicts flip"
