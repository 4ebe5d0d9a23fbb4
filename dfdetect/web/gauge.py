"""The gauge: a score between real and fake, beside the model's own threshold and uncertain band."""

from collections.abc import Sequence

from dfdetect.deploy.careful import MILD
from dfdetect.deploy.metadata import ModelFacts, Verdict
from dfdetect.web.words import figure

_ROOM = 7.0
"""Percent of the width that a number needs on each side of its place."""


def gauge(p_fake: float, facts: ModelFacts, verdict: Verdict, small: bool = False) -> str:
    """A score on the line from 0, real, to 1, fake, with the zones in which the model says what.

    Args:
        p_fake: in [0, 1].
        facts: of the model.
        verdict: what the score came to; colours the pin.
        small: without numbers, for a table.
    """
    pin = f'<i class="df-pin df-{verdict}" style="left:{_percent(p_fake)}"></i>'
    mark = f'<i class="df-mark" style="left:{_percent(facts.threshold)}"></i>'
    said = f' role="img" aria-label="{described(p_fake, facts)}"'
    if small:
        return f'<div class="df-gauge df-small"{said}><div class="df-track">{_zones(facts)}{mark}{pin}</div></div>'
    number = f'<b class="df-number" style="left:{_percent(p_fake, _ROOM)}">{figure(p_fake)}</b>'
    return (
        f'<div class="df-gauge"{said}><div class="df-over">{number}</div>'
        f'<div class="df-track">{_zones(facts)}{mark}{pin}</div>'
        f'<div class="df-under"><span>0 real</span><span class="df-at" style="left:{_percent(facts.threshold, 16)}">'
        f"threshold {facts.threshold:.2f}</span><span>1 fake</span></div></div>"
    )


def described(p_fake: float, facts: ModelFacts) -> str:
    """What the gauge shows, for those who do not see it."""
    band = facts.uncertain
    unsure = f", uncertain from {band.low:.2f} to {band.high:.2f}" if band and band.low < band.high else ""
    return f"p_fake {figure(p_fake)} from 0, real, to 1, fake. The threshold is {facts.threshold:.2f}{unsure}."


def versions_strip(p_fake: float, versions: Sequence[float], facts: ModelFacts) -> str:
    """The same face under each mild re-encoding, as dots on the gauge's line, and in words.

    Args:
        p_fake: of the face as it came.
        versions: p_fake under each of `dfdetect.deploy.careful.MILD`, in its order; empty where none was asked for.
        facts: of the model.
    """
    if not versions:
        return ""
    across = [one for one in versions if (one >= facts.threshold) != (p_fake >= facts.threshold)]
    low, high = min(p_fake, *versions), max(p_fake, *versions)
    held = f"stays on its side of the threshold in all {len(versions)}"
    said = f"crosses the threshold in {len(across)} of {len(versions)}" if across else held
    dots = "".join(f'<i class="df-dot" style="left:{_percent(one)}"></i>' for one in versions)
    named = "".join(f"<li>{name} <b>{figure(one)}</b></li>" for name, one in zip(MILD, versions, strict=True))
    return (
        f'<div class="df-versions"><h4>The same face, re-encoded as sharing would</h4>'
        f'<div class="df-track df-thin" aria-hidden="true"><i class="df-mark" style="left:{_percent(facts.threshold)}">'
        f'</i><i class="df-span" style="left:{_percent(low)};width:{100 * (high - low):.1f}%"></i>{dots}'
        f'<i class="df-dot df-own" style="left:{_percent(p_fake)}"></i></div>'
        f'<p>p_fake goes from {figure(low)} to {figure(high)} and {said}.</p><ul class="df-list">{named}</ul></div>'
    )


def _zones(facts: ModelFacts) -> str:
    """Where the model says real, uncertain and fake."""
    band = facts.uncertain
    low, high = (band.low, band.high) if band and band.low < band.high else (facts.threshold, facts.threshold)
    parts = (("real", 0.0, low), ("uncertain", low, high), ("fake", high, 1.0))
    return "".join(
        f'<i class="df-range df-{name}" style="left:{_percent(start)};width:{100 * (end - start):.1f}%"></i>'
        for name, start, end in parts
        if end > start
    )


def _percent(share: float, room: float = 0.0) -> str:
    return f"{min(max(100 * share, room), 100 - room):.1f}%"
