"""A scan as a page: what needs a look first, with faces, heatmaps and timelines; self-contained, of bounded size."""

import base64
import heapq
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from dfdetect.deploy.sources import shown
from dfdetect.deploy.verdicts import FaceVerdict, Row, face_numbers
from dfdetect.evaluation.colours import UNCERTAIN_COLOUR
from dfdetect.evaluation.page import page, tiles
from dfdetect.explain.colours import EVIDENCE, FAKE_END, NEUTRAL, REAL_END
from dfdetect.explain.regions import BEHIND, turning_point
from dfdetect.files import replacing

MOST_SHOWN = 500
"""Files with a picture on a page, the most fake first; and as many unreadable ones, named."""
_RANK = {"fake": 2, "uncertain": 1, "real": 0}
_WIDTH, _HEIGHT = 320, 60
_STYLE = """<style>
.file { display: grid; grid-template-columns: minmax(0, 34rem) minmax(15rem, 1fr); gap: .4rem 1.2rem;
  border-top: 1px solid var(--line); padding: 1rem 0; break-inside: avoid; align-items: start; }
.file img { max-width: 100%; height: auto; display: block; border-radius: .3rem; }
.file h3 { overflow-wrap: anywhere; } .file p { margin: .2rem 0; }
.word { font-weight: 700; margin-right: .5rem; } .word.fake { color: var(--fake); } .word.real { color: var(--real); }
.word.uncertain { color: #8a6000; } .p { font-variant-numeric: tabular-nums; }
ul.faces { margin: .3rem 0 0; padding: 0; list-style: none; font-size: .92rem; } .faces b { padding-right: .4rem; }
.scale { max-width: 24rem; font-size: .85rem; margin: .5rem 0; } .scale div { height: .9rem; border-radius: .2rem; }
.scale p { display: flex; justify-content: space-between; margin: .1rem 0; }
table.regions { font-size: .88rem; margin: .4rem 0; max-width: 34rem; }
.regions :is(td, th) { padding: .1rem .7rem .1rem 0; } .regions td:first-child { white-space: nowrap; }
.file svg { max-width: 24rem; margin-top: .5rem; } ul.bad { padding-left: 1.2rem; }
@media (prefers-color-scheme: dark) { .word.uncertain { color: UNCERTAIN; } }
@media (max-width: 44rem) { .file { grid-template-columns: minmax(0, 1fr); } .file > .said { order: -1; } }
</style>""".replace("UNCERTAIN", UNCERTAIN_COLOUR)


class Page:
    """Takes rows one by one and keeps only what it will show, so that a scan of any length fits into memory.

    Args:
        introduction: the detector and what is to be known of its answers, in lines.
    """

    def __init__(self, introduction: Sequence[str]) -> None:
        self._introduction = list(introduction)
        self._shown: list[tuple[tuple[int, float], int, str]] = []
        self._bad: list[str] = []
        self._counts: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Take a row."""
        self._counts[row.verdict] += 1
        if row.failed:
            if len(self._bad) < MOST_SHOWN:
                self._bad.append(f"<li>{escape(shown(row.path))}: {escape(shown(row.reason))}</li>")
            return
        entry = ((_RANK[row.verdict], row.p_fake or 0.0), -self._counts.total(), _file(row))
        (heapq.heappush if len(self._shown) < MOST_SHOWN else heapq.heappushpop)(self._shown, entry)

    def write(self, path: Path, notes: Sequence[str] = ()) -> None:
        """Write the page; `notes`, of what is not on it, are said first of all."""
        n = self._counts
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
        head = [
            f"<h1>Scan of {n.total():,} {'file' if n.total() == 1 else 'files'}</h1>",
            *(f'<div class="card leak"><p>{escape(note)}</p></div>' for note in notes),
            *(f'<p class="soft">{escape(shown(line))}</p>' for line in self._introduction),
            f'<p class="soft">Judged until {now}</p>',
            tiles([(f"{n[name]:,}", word) for name, word in _TILES]),
            '<div class="verdict"><p>A verdict is a guess with an error rate, measured on data like the model\'s own. '
            "Do not accuse anybody by it.</p></div>",
            "<p>Each picture shows the faces that were found (vermilion: fake, blue: real, orange: uncertain). Beside "
            "it, where the model says, the most fake face with the places that spoke for fake or for real, and its "
            "regions. The scale is the same in every picture:</p>",
            _scale(),
        ]
        if (left_out := n.total() - n["error"] - len(self._shown)) > 0:
            head.append(f"<p>{left_out:,} less suspicious files are not shown.</p>")
        files = [html for _, _, html in sorted(self._shown, reverse=True)]
        with replacing(path) as temporary:
            temporary.write_text(
                page("dfdetect scan", _STYLE + "\n".join([*head, *files, self._unreadable()]), wide=True), "utf-8"
            )

    def _unreadable(self) -> str:
        if not self._bad:
            return ""
        more = self._counts["error"] - len(self._bad)
        rest = f"<p>and {more:,} more</p>" if more else ""
        return f'<h2>Not readable</h2><ul class="bad">{"".join(self._bad)}</ul>{rest}'


_TILES = (("fake", "fake"), ("uncertain", "uncertain"), ("real", "real"), ("error", "not readable"))


def _file(row: Row) -> str:
    data = base64.b64encode(row.picture).decode("ascii")
    name = escape(shown(row.path))
    image = f'<img alt="{name}" src="data:image/jpeg;base64,{data}">' if data else '<div class="none soft">-</div>'
    size = f"{row.size[0]} x {row.size[1]}" if row.size else ""
    said = [
        f"<h3>{name}</h3>",
        f'<p><span class="word {row.verdict}">{row.verdict}</span><span class="p">{_score(row.p_fake)}</span></p>',
        f"<p>{escape(shown(row.reason))}</p>" if row.reason else "",
        f'<p class="soft">{row.kind}, {size}, {_faces_word(row)}</p>',
        _faces(row.faces) if len(row.faces) > 1 else "",
        _timeline(row) if row.kind == "video" else "",
    ]
    return f'<section class="file"><div>{image}{_shares(row)}</div><div class="said">{"".join(said)}</div></section>'


def _faces_word(row: Row) -> str:
    kind = "track" if row.kind == "video" else "face"
    return f"{len(row.faces)} {kind}" + "s" * (len(row.faces) != 1)


def _score(p_fake: float | None) -> str:
    return "not judged" if p_fake is None else f"p_fake {p_fake:.3f}"


def _faces(faces: Sequence[FaceVerdict]) -> str:
    """The faces one by one, the ten most fake, by the numbers of their boxes."""
    items = []
    for face, number in [*zip(faces, face_numbers(faces), strict=True)][:10]:
        frames = f", {face.seen}" if face.seen else ""
        reason = f": {escape(face.reason)}" if face.reason else ""
        items.append(f"<li><b>{number}</b> {face.verdict}, {_score(face.p_fake)}{frames}{reason}</li>")
    more = f"<li>and {len(faces) - 10} more</li>" if len(faces) > 10 else ""
    return f'<ul class="faces">{"".join(items)}{more}</ul>'


def _scale() -> str:
    """The colours of evidence, from real to fake, with what they mean."""
    full = EVIDENCE.full
    stops = ", ".join("rgb({}, {}, {})".format(*colour) for colour in (REAL_END, NEUTRAL, FAKE_END))
    ticks = "".join(f"<span>{f'{value:+g}' if value else 0}</span>" for value in (-full, -full / 2, 0, full / 2, full))
    return (
        f'<div class="scale"><div style="background: linear-gradient(to right, {stops})"></div><p>{ticks}</p>'
        f"<p><span>speaks for real</span><span>nothing</span><span>speaks for fake</span></p></div>"
        f'<p class="soft">In {EVIDENCE.unit}. A solid line encloses {full / 2:+g} and more, a dashed one '
        f"{-full / 2:+g} and less. A map says where the network looked, not who is right.</p>"
    )


def _shares(row: Row) -> str:
    """What each region has of the area and of the evidence behind the verdict on the face in the picture."""
    if not row.shares:
        return ""
    shown_face = next((one for one in row.faces if one.p_fake is not None), None)
    verdict = shown_face.verdict if shown_face else row.verdict
    rows = [
        (name, _percent(one.area), _percent(one.behind(verdict)), f"{one.logits:+.2f}")
        for name, one in row.shares.items()
    ]
    cells = "".join(
        f"<tr><td>{name}</td>" + "".join(f'<td class="n">{cell}</td>' for cell in row) + "</tr>" for name, *row in rows
    )
    names = "".join(f'<th class="n">{name}</th>' for name in ("of the area", BEHIND[verdict], "adds"))
    head = f"<tr><th>region</th>{names}</tr>"
    whole = shown_face is not None and row.kind == "photo"  # of a video the map is of one frame, the score of many
    turn = f'<p class="soft">{turning_point(row.p_fake or 0.0, row.threshold)}</p>' if whole else ""
    return f'<table class="regions"><thead>{head}</thead><tbody>{cells}</tbody></table>{turn}'


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}%"


def _timeline(row: Row) -> str:
    """p_fake of the most fake face over time, with the threshold as a line."""
    if len(row.timeline) < 2:
        return ""
    start, end = row.timeline[0][0], row.timeline[-1][0]
    across = _WIDTH / max(end - start, 1e-9)
    points = " ".join(f"{(s - start) * across:.1f},{_HEIGHT * (1 - p):.1f}" for s, p in row.timeline)
    level = _HEIGHT * (1 - row.threshold)
    return (
        f'<svg viewBox="-2 -2 {_WIDTH + 4} {_HEIGHT + 20}" role="img" aria-label="p_fake over time">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" class="axis" stroke="var(--line)"/>'
        f'<line x1="0" x2="{_WIDTH}" y1="{level:.1f}" y2="{level:.1f}" class="axis" stroke-dasharray="4 3"/>'
        f'<polyline points="{points}" fill="none" stroke="var(--fake)" stroke-width="1.6"/>'
        f'<text x="0" y="{_HEIGHT + 14}">{start:.1f} s</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{end:.1f} s, p_fake from 0 to 1</text></svg>'
    )
