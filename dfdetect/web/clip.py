"""A clip's scores over time."""

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import Row
from dfdetect.web.words import figure

_WIDTH, _HEIGHT = 600.0, 120.0


def timeline(row: Row, facts: ModelFacts) -> str:
    """p_fake of the most fake face in each judged frame, over the threshold and the uncertain band; also in words."""
    if len(row.timeline) < 2:
        return ""
    start, end = row.timeline[0][0], row.timeline[-1][0]
    across = _WIDTH / max(end - start, 1e-9)
    points = " ".join(f"{(at - start) * across:.1f},{_y(p):.1f}" for at, p in row.timeline)
    scores = [p for _, p in row.timeline]
    above = sum(p >= facts.threshold for p in scores)
    said = (
        f"Over {end - start:.1f} seconds p_fake goes from {figure(min(scores))} to {figure(max(scores))}; in {above} of "
        f"{len(scores)} judged frames it is above the threshold."
    )
    band = facts.uncertain
    shade = ""
    if band and band.low < band.high:
        shade = f'<rect class="df-band" x="0" y="{_y(band.high):.1f}" width="{_WIDTH}" height="{_y(band.low) - _y(band.high):.1f}"/>'
    return (
        f'<figure class="df-timeline"><svg viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{said}">{shade}<line x1="0" x2="{_WIDTH}" y1="{_y(facts.threshold):.1f}" '
        f'y2="{_y(facts.threshold):.1f}"/><polyline points="{points}"/></svg>'
        f"<figcaption><span>{start:.1f} s</span><span>p_fake over time, dashed: threshold</span><span>{end:.1f} s</span>"
        f'</figcaption></figure><p class="df-soft">{said}</p>'
    )


def _y(p_fake: float) -> float:
    return _HEIGHT * (1 - p_fake)
