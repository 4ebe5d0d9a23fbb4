"""A test's result in sentences for somebody who knows no metric, and what a single verdict is worth."""

from collections.abc import Mapping
from typing import Any

from dfdetect.evaluation.contents import bounds

_MARKS = (0.0, 0.5, 1.0)
"""Bounds and middle of p_fake; 1 is no temperature too."""


def headline(result: Mapping[str, Any]) -> list[str]:
    """How well it ranks, and how often it errs at its threshold, of a result of `evaluate`."""
    return [_ranks(result), *_errs(result)]


def beside_guessing(result: Mapping[str, Any]) -> str:
    """How it compares with guessing where its AUROC's interval does not lie above 0.5; empty where it does."""
    interval = bounds(result, "auroc")
    if interval is None or interval[0] > 0.5:
        return ""
    return "it cannot be told from guessing" if interval[1] >= 0.5 else "it is worse than guessing"


def false_alarms(result: Mapping[str, Any]) -> tuple[float, tuple[float, float] | None] | None:
    """Share of reals called fake, with its interval where it has one; None without reals.

    That is 1 - specificity, which results of earlier versions do not name, and those of folds are the mean of.
    """
    if result.get("specificity") is not None:
        return 1 - result["specificity"], _complement(bounds(result, "specificity"))
    if "confusion_matrix" not in result:
        return None
    (as_real, as_fake), _ = result["confusion_matrix"]
    if as_real + as_fake == 0:
        return None
    return as_fake / (as_real + as_fake), _complement(bounds(result, "specificity"))


def misses(result: Mapping[str, Any]) -> tuple[float, tuple[float, float] | None] | None:
    """Share of fakes called real, likewise."""
    if result.get("recall") is None:
        return None
    return 1 - result["recall"], _complement(bounds(result, "recall"))


def of_hundred(share: float, interval: tuple[float, float] | None) -> str:
    """`36 (28 to 44)`."""
    return f"{hundred(share)}" + (f" ({hundred(interval[0])} to {hundred(interval[1])})" if interval else "")


def hundred(share: float) -> str:
    """A share of 100; one decimal where whole numbers would claim certainty."""
    value = 100 * share
    return f"{value:.0f}" if value in (0, 100) or 1 <= value <= 99 else f"{value:.1f}"


def cut(value: float, digits: int = 3) -> str:
    """A threshold or temperature with so many digits, or as many as keep it from reading as 0, 0.5 or 1 when it is not.

    Those have a meaning of their own: beside figures at 0.5, a threshold of 0.4999 must not be called 0.5.
    """
    texts = (f"{value:.{many}g}" for many in range(digits, 18))  # 17 digits tell any two numbers apart
    return next(text for text in texts if value in _MARKS or float(text) not in _MARKS)


def apart(first: float, second: float) -> tuple[str, str]:
    """Two of them, with as many digits as it takes to tell them apart; equal texts only where they are equal."""
    for digits in range(3, 18):
        texts = cut(first, digits), cut(second, digits)
        if texts[0] != texts[1]:
            return texts
    return cut(first), cut(first)


def worth_of_a_verdict(result: Mapping[str, Any], shares: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """By Bayes' rule, what a verdict means where fakes are as rare as given.

    Args:
        result: of `evaluate`, with both classes.
        shares: of fakes among the photos that are looked at, in (0, 1).

    Returns:
        (share, probability that a photo called fake is fake, that one called real is real); NaN where nothing is
        called so. Empty where a class is missing.
    """
    alarms, missed = false_alarms(result), misses(result)
    if alarms is None or missed is None:
        return []
    rows = []
    for share in shares:
        caught, alarmed = share * (1 - missed[0]), (1 - share) * alarms[0]
        passed, slipped = (1 - share) * (1 - alarms[0]), share * missed[0]
        rows.append((share, _ratio(caught, caught + alarmed), _ratio(passed, passed + slipped)))
    return rows


def _ranks(result: Mapping[str, Any]) -> str:
    n, n_real, n_fake = result["n"], result["n_real"], result["n_fake"]
    images = f"On {n:,} test images ({n_real:,} real, {n_fake:,} fake)"
    auroc, interval = result.get("auroc"), bounds(result, "auroc")
    if auroc is None:
        return f"{images} it cannot be said how well it ranks fakes above real photos: one of the classes is missing."
    sure = f" (95%: {hundred(interval[0])} to {hundred(interval[1])})" if interval else ""
    sentence = f"{images} it ranks a fake above a real one in {hundred(auroc)}% of pairs{sure}; 50% is guessing."
    guessing = beside_guessing(result)
    return sentence + (f" So {guessing}." if guessing else "")


def _errs(result: Mapping[str, Any]) -> list[str]:
    alarms, missed = false_alarms(result), misses(result)
    said = []
    if alarms is not None:
        said.append(f"of 100 real photos it would call {of_hundred(*alarms)} fake")
    if missed is not None:
        said.append(f"of 100 fakes it would miss {of_hundred(*missed)}")
    return [f"At its threshold of {cut(result['threshold'])}, " + ", and ".join(said) + "."] if said else []


def _complement(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (1 - interval[1], 1 - interval[0])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
