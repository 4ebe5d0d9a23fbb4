"""Self-contained HTML pages: one style, escaped text, pictures and charts inside the file, nothing fetched.

They follow the reader's light or dark setting, fit a phone and print.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from dfdetect.evaluation.canvas import CLASS_COLOURS

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --paper: #ffffff; --panel: #f4f6f8;
  --line: #d9dfe5; --real: REAL; --fake: FAKE; --leak: #b3261e; --strong: #b85c00; --weak: #7a6a00; --info: #38689a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9aa7b5; --paper: #12161b; --panel: #1b2128;
  --line: #323b46; --real: #56a8e8; --fake: #f0803c; --leak: #ff8a80; --strong: #ffb066; --weak: #e0cf5a;
  --info: #8fbcec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0 0 .4rem; } p { margin: .4rem 0; max-width: 48rem; }
code { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
small, .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.8rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
.tile { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; }
.tile { font-size: .88rem; line-height: 1.35; } .tile b { display: block; font-size: 1.4rem; }
.verdict { font-size: 1.1rem; border-left: .35rem solid var(--info); padding: .6rem .9rem; background: var(--panel);
  border-radius: 0 .5rem .5rem 0; margin: 1rem 0; max-width: none; }
.card { border: 1px solid var(--line); border-left: .35rem solid var(--info); border-radius: .5rem;
  padding: .9rem 1rem; margin: .8rem 0; }
.leak { border-left-color: var(--leak); } .strong { border-left-color: var(--strong); }
.weak { border-left-color: var(--weak); } .info { border-left-color: var(--info); }
.tag { font-size: .78rem; font-weight: 700; text-transform: uppercase; letter-spacing: .06em; }
.tag.leak { color: var(--leak); } .tag.strong { color: var(--strong); }
.tag.weak { color: var(--weak); } .tag.info { color: var(--info); }
.do { background: var(--panel); border-radius: .4rem; padding: .5rem .7rem; margin-top: .6rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .8rem; margin-top: .8rem; }
figure { margin: 0; break-inside: avoid; } figcaption { font-size: .78rem; color: var(--soft); line-height: 1.35; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .3rem; }
.pair img { width: 100%; height: auto; display: block; border: 3px solid; border-radius: .25rem; }
img.real { border-color: var(--real); } img.fake { border-color: var(--fake); }
b.real { color: var(--real); } b.fake { color: var(--fake); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font: 10px system-ui, sans-serif; }
svg .real { fill: var(--real); stroke: var(--real); } svg .fake { fill: var(--fake); stroke: var(--fake); }
svg .axis { stroke: var(--line); }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .tile, .do, tr { break-inside: avoid; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(5.2rem, 1fr)); }
  h2, h3 { break-after: avoid; } .scroll { overflow: visible; } * { print-color-adjust: exact; } }
""".replace("REAL", CLASS_COLOURS[0]).replace("FAKE", CLASS_COLOURS[1])

_BINS = 24


def page(title: str, body: str) -> str:
    """A whole HTML document; `title` is escaped, `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src '
        f"'unsafe-inline'\">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def tiles(items: Iterable[tuple[str, str]]) -> str:
    """Large figures with their names: (figure, name)."""
    inner = "".join(f'<div class="tile"><b>{escape(figure)}</b>{escape(name)}</div>' for figure, name in items)
    return f'<div class="tiles">{inner}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table that scrolls by itself on a narrow screen; numbers, as such or as text, stand to the right."""
    rows = [[cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in rows]
    numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(header))]
    cells = "".join(
        "<tr>" + "".join(f"<td{_side(numeric[i])}>{escape(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    head = "".join(f"<th{_side(numeric[i])}>{escape(name)}</th>" for i, name in enumerate(header))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table></div>'


def picture(image: npt.NDArray[np.uint8], alt: str, css: str = "", longest: int = 200) -> str:
    """An `img` that holds its picture, (H, W, 3) RGB uint8, as a JPEG of at most `longest` pixels a side."""
    scale = min(1.0, longest / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) if scale < 1 else image
    content = io.BytesIO()
    Image.fromarray(small).save(content, "JPEG", quality=80)
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f'<img class="{escape(css)}" alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'


def histograms(name: str, note: str, real: npt.NDArray[Any], fake: npt.NDArray[Any]) -> str:
    """A figure with one outline a class over a common range, each scaled to its own share of images."""
    both = np.concatenate([real, fake]).astype(np.float64)
    low, high = np.quantile(both, [0.005, 0.995]) if len(both) else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    shares = []
    for values in (real, fake):
        inside = np.clip(values.astype(np.float64), low, high)
        counts = np.histogram(inside, _BINS, (low, high))[0]
        shares.append(counts / max(len(values), 1))
    top = max(float(max(share.max() for share in shares)), 1e-9)
    outlines = "".join(_outline(share / top, css) for share, css in zip(shares, ("real", "fake"), strict=True))
    ends = f'<text x="0" y="92">{_short(low)}</text><text x="240" y="92" text-anchor="end">{_short(high)}</text>'
    axis = '<line class="axis" x1="0" y1="80" x2="240" y2="80"/>'
    return (
        f'<figure><svg viewBox="0 0 240 96" role="img" aria-label="{escape(name)}">{axis}{outlines}{ends}</svg>'
        f"<figcaption><b>{escape(name)}</b><br>{escape(note)}</figcaption></figure>"
    )


def _outline(heights: npt.NDArray[np.float64], css: str) -> str:
    step = 240 / len(heights)
    points = ["0,80"]
    for i, height in enumerate(heights.tolist()):
        points += [f"{i * step:.0f},{80 - 76 * height:.1f}", f"{(i + 1) * step:.0f},{80 - 76 * height:.1f}"]
    return f'<polygon class="{css}" fill-opacity=".22" stroke-width="1.2" points="{" ".join([*points, "240,80"])}"/>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return text in ("", "-")
    return True


def _side(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
