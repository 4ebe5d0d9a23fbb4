"""A clip: its scores over time, and the moment of it that is shown."""

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import Row
from dfdetect.web.words import figure

_WIDTH, _HEIGHT = 600.0, 120.0


def moment(row: Row) -> str:
    """What a clip's picture is; empty for a photo, whose picture is all of it."""
    if not row.timeline:
        return ""
    return (
        f'<p class="df-soft">The most fake moment, at {_most_fake(row):.1f} s. A box has the verdict on the whole '
        "clip; the evidence is that of this moment.</p>"
    )


def timeline(row: Row, facts: ModelFacts) -> str:
    """p_fake of the most fake face in each judged frame, over the threshold and the uncertain band; also in words."""
    if len(row.timeline) < 2:
        return ""
    start, end = row.timeline[0][0], row.timeline[-1][0]
    across = _WIDTH / max(end - start, 1e-9)
    points = " ".join(f"{(at - start) * across:.1f},{_y(p):.1f}" for at, p in row.timeline)
    level, then = _y(facts.threshold), (_most_fake(row) - start) * across
    said = _said(row, facts)
    return (
        f'<figure class="df-timeline"><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="{said}">{_shade(facts)}<line x1="0" x2="{_WIDTH}" y1="{level:.1f}" y2="{level:.1f}"/>'
        f'<line class="df-then" x1="{then:.1f}" x2="{then:.1f}" y1="0" y2="{_HEIGHT}"/>'
        f'<polyline points="{points}"/></svg><figcaption><span>{start:.1f} s</span>'
        f"<span>p_fake over time, from 0 to 1; dashed: threshold</span><span>{end:.1f} s</span></figcaption></figure>"
        f'<p class="df-soft">{said}</p>'
    )


def _most_fake(row: Row) -> float:
    """Seconds of the frame that is shown: of several as fake, the last."""
    return max(reversed(row.timeline), key=lambda at: at[1])[0]


def _said(row: Row, facts: ModelFacts) -> str:
    scores = [p for _, p in row.timeline]
    above = sum(p >= facts.threshold for p in scores)
    return (
        f"In {len(scores)} judged frames p_fake goes from {figure(min(scores))} to {figure(max(scores))}; "
        f"{above} of them are at or above the threshold."
    )


def _shade(facts: ModelFacts) -> str:
    """The uncertain band, where there is one."""
    band = facts.uncertain
    if band is None or band.low >= band.high:
        return ""
    top, height = _y(band.high), _y(band.low) - _y(band.high)
    return f'<rect class="df-band" x="0" y="{top:.1f}" width="{_WIDTH}" height="{height:.1f}"/>'


def _y(p_fake: float) -> float:
    return _HEIGHT * (1 - p_fake)
