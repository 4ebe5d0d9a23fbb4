"""One face of an answer: its verdict on the gauge, the same re-encoded, and where the evidence lies."""

from collections.abc import Mapping

from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict
from dfdetect.explain.regions import Share, turning_point
from dfdetect.web.gauge import gauge, versions_strip
from dfdetect.web.pictures import Pair
from dfdetect.web.words import HEADLINES, escaped, figure, headline

_NOTHING = 0.005
"""Logits below which a region speaks for neither side: it would read 0.00."""
_THIN = 0.0005
"""Share of a bar below which a piece is not drawn: it would be 0.0% wide."""


def face_card(
    name: str,
    face: FaceVerdict,
    facts: ModelFacts,
    pair: Pair | None = None,
    parts: Mapping[str, Share] | None = None,
    whole: bool = True,
) -> str:
    """One face.

    Args:
        name: `Face 2`.
        face: what was said of it.
        facts: of the model.
        pair: its own pixels; None for one that is not shown by itself.
        parts: what each region has of the evidence; empty where there is none.
        whole: show at once what else there is to say of it.
    """
    picture = _thumbnail(name, pair) if pair else ""
    frames = f'<p class="df-soft">Judged in {face.seen}.</p>' if face.seen else ""
    reason = f'<p class="df-reason">{escaped(face.reason[:1].upper() + face.reason[1:])}.</p>' if face.reason else ""
    score = gauge(face.p_fake, facts, face.verdict) if face.p_fake is not None else ""
    more = ""
    if face.p_fake is not None:
        more = versions_strip(face.p_fake, face.versions, facts) + region_table(parts or {})
        more += (
            f'<p class="df-soft">{turning_point(face.p_fake, facts.threshold)}</p>'
            if parts and face.span is None
            else ""
        )
    if more and not whole:
        more = f'<details class="df-more"><summary>Re-encoded, and where its evidence lies</summary>{more}</details>'
    return (
        f'<article class="df-face df-{face.verdict}">{picture}<div class="df-said">'
        f'<h3><span class="df-name">{escaped(name)}</span><span class="df-word">{headline(face.verdict)}</span></h3>'
        f"{reason}{frames}{score}{more}</div></article>"
    )


def face_line(name: str, face: FaceVerdict) -> str:
    """A face in a line, for those that are too many to be shown."""
    score = f", p_fake {figure(face.p_fake)}" if face.p_fake is not None else ""
    reason = f": {escaped(face.reason)}" if face.reason else ""
    return f"<li><b>{escaped(name)}</b> {HEADLINES[face.verdict].lower()}{score}{reason}</li>"


def region_table(parts: Mapping[str, Share]) -> str:
    """Regions with their share of the evidence beside their share of the area, and the side that they speak for."""
    if not parts:
        return ""
    if all(share.absolute is None for share in parts.values()):
        return '<p class="df-soft">No place speaks for either side.</p>'
    rows = "".join(_region_row(name, share) for name, share in parts.items())
    return (
        '<table class="df-regions"><caption>Where the evidence lies</caption><thead><tr><th scope="col">region</th>'
        '<td class="df-wide"></td><th scope="col">evidence</th><th scope="col">area</th>'
        '<th scope="col">speaks for</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _region_row(name: str, share: Share) -> str:
    part, fake = share.absolute or 0.0, share.absolute_fake or 0.0
    side = "fake" if share.logits > 0 else "real"
    spoken = f'<span class="df-{side}">{side} {share.logits:+.2f}</span>' if abs(share.logits) >= _NOTHING else "-"
    return (
        f'<tr><th scope="row">{escaped(name)}</th><td class="df-wide"><div class="df-bar">'
        f'{_piece("fake", fake)}{_piece("real", part - fake)}<u style="left:{100 * share.area:.1f}%"></u></div></td>'
        f"<td>{part:.0%}</td><td>{share.area:.0%}</td><td>{spoken}</td></tr>"
    )


def _piece(side: str, part: float) -> str:
    return f'<i class="df-{side}" style="width:{100 * part:.1f}%"></i>' if part >= _THIN else ""


def _thumbnail(name: str, pair: Pair) -> str:
    heat = f'<img class="df-heat" alt="" src="{pair.heat}">' if pair.heat else ""
    return f'<div class="df-crop"><img alt="{escaped(name)}, as the network saw it" src="{pair.plain}">{heat}</div>'
