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

from dfdetect.evaluation.page_style import STYLE

_BINS = 24
_MANY_COLUMNS = 5
"""From so many columns on, a table keeps its width on a phone and scrolls, its first column staying in sight."""


def page(title: str, body: str, wide: bool = False) -> str:
    """A whole HTML document; `title` is escaped, `body` is HTML, `wide` leaves room for tables of many columns."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src '
        f"'unsafe-inline'\">\n<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n"
        f"<body{' class=wide' * wide}>\n{body}\n</body></html>\n"
    )


def tiles(items: Iterable[tuple[str, str]]) -> str:
    """Large figures with their names: (figure, name)."""
    inner = "".join(f'<div class="tile"><b>{escape(figure)}</b>{escape(name)}</div>' for figure, name in items)
    return f'<div class="tiles">{inner}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table that scrolls by itself on a narrow screen; numbers, as such or as text, stand to the right.

    A cell is a text, a number, or a pair of a figure and the small print below it.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    numeric = [all(_is_number(row[i][0]) for row in cells) for i in range(len(header))]
    body = "".join(
        "<tr>" + "".join(f"<td{_side(numeric[i])}>{_html(*cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in cells
    )
    head = "".join(f"<th{_side(numeric[i])}>{escape(name)}</th>" for i, name in enumerate(header))
    many = f' style="--columns:{len(header)}"' if len(header) >= _MANY_COLUMNS else ""
    css = "scroll many" if many else "scroll"
    return f'<div class="{css}"><table{many}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def card(severity: str, title: str, meaning: str, remedy: str = "", shown: str = "", word: str = "") -> str:
    """A finding: how bad, what, what it means, what mends it (commands in backticks), and HTML that proves it.

    `severity` is leak, strong, weak or info; `word` stands for it where another is understood better.
    """
    do = f'<div class="do"><b>What to do.</b> {with_code(remedy)}</div>' if remedy else ""
    says = f"<p>{with_code(meaning)}</p>" if meaning else ""
    tag = f'<span class="tag {escape(severity)}">{escape(word or severity)}</span>'
    return f'<section class="card {escape(severity)}">{tag}<h3>{escape(title)}</h3>{says}{do}{shown}</section>'


def with_code(text: str) -> str:
    """Escaped, with what stands in backticks set as code."""
    parts = [escape(part) for part in text.split("`")]
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def interval_bars(rows: Iterable[tuple[str, float | None, Sequence[float] | None]]) -> str:
    """Figures from 0 to 1 as dots with their intervals as bands, one line each, with a mark at 0.5.

    Rows are (name, value, interval); those without a value are left out.
    """
    lines = []
    for name, value, interval in rows:
        if value is None:
            continue
        low, high = interval or (value, value)
        band = f'<span class="band" style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></span>'
        dot = f'<span class="dot" style="left:{100 * value:.1f}%"></span>'
        lines.append(f'<div class="name">{escape(name)}</div><div class="bar">{band}{dot}</div><div>{value:.3f}</div>')
    return f'<div class="bars">{"".join(lines)}</div>'


def plot(png: bytes, caption: str, css: str = "chart", wide: bool = False) -> str:
    """A figure that holds a PNG as it is.

    Args:
        png: the file's content.
        caption: text below it.
        css: class of the image; `chart` darkens a drawing with a white ground on a dark page.
        wide: keep it legible on a narrow screen, where it scrolls by itself.
    """
    data = base64.b64encode(png).decode("ascii")
    image = f'<img class="plot {escape(css)}" alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    image = f'<div class="scroll">{image}</div>' if wide else image
    return f"<figure{' class=wide' * wide}>{image}<figcaption>{escape(caption)}</figcaption></figure>"


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


def _cell(cell: Any) -> tuple[str, str]:
    """A cell's figure and its small print."""
    if isinstance(cell, tuple):
        return str(cell[0]), str(cell[1])
    return (cell if isinstance(cell, str) else f"{cell:,}"), ""


def _html(figure: str, small: str) -> str:
    return escape(figure) + (f" <small>{escape(small)}</small>" if small else "")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return text in ("", "-")
    return True


def _side(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
