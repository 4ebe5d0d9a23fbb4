"""Parts of a page that those of a run and of a cross-validation share."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dfdetect.evaluation.contents import Results, bounds
from dfdetect.evaluation.limit import SEVERITY_WORDS, Limit
from dfdetect.evaluation.page import card, plot, table, with_code
from dfdetect.evaluation.plain_words import worth_of_a_verdict

_SHARES = (0.01, 0.1, 0.5)


def verdict_box(sentences: Sequence[str], limits: Sequence[Limit]) -> str:
    """The sentences that come first, in the colour of the worst limit; a leak takes them back."""
    worst = limits[0].severity if limits else "info"
    grave = [limit.title.removesuffix(".") for limit in limits if limit.severity == "leak"]
    warning = [f"Do not trust these figures: {grave[0][:1].lower()}{grave[0][1:]}."] if grave else []
    first, *rest = map(with_code, [*sentences, *warning])
    return f'<div class="verdict {worst}"><p><b>{first}</b></p>{"".join(f"<p>{text}</p>" for text in rest)}</div>'


def limits_box(limits: Sequence[Limit]) -> str:
    """All limits: cards, and below them a list of what was not looked at."""
    found = [limit for limit in limits if limit.severity != "info"]
    open_ends = [limit for limit in limits if limit.severity == "info"]
    cards = "".join(
        card(limit.severity, limit.title, limit.meaning, limit.remedy, word=SEVERITY_WORDS[limit.severity])
        for limit in found
    )
    none = "<p>Nothing was found that limits these figures. That proves no absence of what was not looked for.</p>"
    items = "".join(f"<li>{_item(limit)}</li>" for limit in open_ends)
    listed = f"<h3>Also to know</h3><ul>{items}</ul>" if items else ""
    return (f'<div class="cards">{cards}</div>' if cards else none) + listed


def worth_table(result: Results) -> str:
    """What a verdict means where fakes are rare."""
    rows = [
        (f"{share:.0%} of the photos", _percent(fake), _percent(real))
        for share, fake, real in worth_of_a_verdict(result, _SHARES)
    ]
    if not rows:
        return "<p>It takes test images of both classes to say.</p>"
    return (
        "<p>The rarer fakes are among the photos that you look at, the more of its alarms are false. By its error "
        "rates in this test, a verdict is right with a chance of:</p>"
        + table(("where fakes are", "the verdict fake", "the verdict real"), rows)
    )


def metrics_table(result: Results, names: Mapping[str, tuple[str, str]], endings: Mapping[str, str]) -> str:
    """Metrics with their intervals, a column for each ending of their names; with the spread over folds if known.

    Args:
        result: of `evaluate`, or of a cross-validation.
        names: title and meaning by metric.
        endings: headings of the columns by ending.
    """
    folds = bool(result.get("spread"))
    rows = [
        (
            (title, meaning),
            *(figure(result, name + ending) for ending in endings),
            *([_spread(result["spread"].get(name))] if folds else []),
        )
        for name, (title, meaning) in names.items()
        if name in result
    ]
    return table(("metric", *endings.values(), *(["lowest to highest fold"] if folds else [])), rows)


def options(listed: Sequence[str]) -> str:
    """Options of a command line, each kept together where it fits."""
    return " ".join(f'<code class="option">{escape(option)}</code>' for option in listed)


def figure(result: Mapping[str, Any], name: str, sign: str = "") -> tuple[str, str]:
    """A figure and its interval, for a cell."""
    value = result.get(name)
    return ("-", "") if value is None else (f"{value:{sign}.3f}", between(bounds(result, name), sign))


def between(interval: Sequence[float] | None, sign: str = "") -> str:
    """`0.612 to 0.734`; empty without an interval."""
    return f"{interval[0]:{sign}.3f} to {interval[1]:{sign}.3f}" if interval else ""


def number(value: Any) -> str:
    """With three decimals; a dash for what is undefined."""
    return "-" if value is None else f"{value:.3f}"


def plots(figures: Mapping[str, bytes], captions: Mapping[str, str], css: str = "plots") -> str:
    """Those figures that are there, side by side: three of them in a row, with the class `plots large` two."""
    shown = [plot(figures[stem], caption) for stem, caption in captions.items() if stem in figures]
    return f'<div class="{css}">{"".join(shown)}</div>' if shown else "<p>No figures lie in the run's folder.</p>"


def mistakes_section(figures: Mapping[str, bytes], caption: str) -> str:
    """The picture of the worst mistakes, where there is one."""
    if "mistakes" not in figures:
        return ""
    return "<h2>Worst mistakes</h2>" + plot(figures["mistakes"], caption, css="", wide=True)


def _item(limit: Limit) -> str:
    parts = [f"<b>{with_code(limit.title.removesuffix('.'))}.</b>", with_code(limit.meaning), with_code(limit.remedy)]
    return " ".join(part for part in parts if part)


def _spread(spread: Mapping[str, float] | None) -> tuple[str, str]:
    return (f"{spread['min']:.3f} to {spread['max']:.3f}", f"sd {spread['sd']:.3f}") if spread else ("-", "")


def _percent(value: float) -> str:
    return "-" if value != value else f"{value:.1%}"
