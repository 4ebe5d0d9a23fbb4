"""Pages hold everything they show, and no text becomes markup."""

import base64
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dfdetect.evaluation.page import card, histograms, interval_bars, page, picture, plot, table, tiles, with_code

HOSTILE = "<script>alert(1)</script>\"&'"
VOID = {"meta", "img", "br"}


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not open; keeps what was seen."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def test_a_page_fetches_nothing_and_runs_nothing():
    html = page(HOSTILE, "<h1>x</h1>")
    assert "script" not in parse(html).seen
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=\"?https?:|@import|url\(", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


def test_text_is_escaped_everywhere():
    noise = np.zeros((8, 8, 3), np.uint8)
    pieces = [
        tiles([(HOSTILE, HOSTILE)]),
        table([HOSTILE], [[HOSTILE]]),
        table(["x"], [[(HOSTILE, HOSTILE)]]),
        card(HOSTILE, HOSTILE, HOSTILE, HOSTILE, word=HOSTILE),
        interval_bars([(HOSTILE, 0.5, None)]),
        plot(b"", HOSTILE, HOSTILE),
        picture(noise, HOSTILE),
        histograms(HOSTILE, HOSTILE, np.arange(3.0), np.arange(3.0)),
    ]
    for piece in pieces:
        assert "script" not in parse(piece).seen
        assert "&lt;script&gt;" in piece


@pytest.mark.parametrize(("shape", "expected"), [((400, 200), (100, 200)), ((50, 60), (60, 50)), ((1, 4000), (200, 1))])
def test_a_picture_is_a_small_jpeg_inside_the_page(shape, expected):
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = 220
    data = re.search(r'base64,([^"]+)"', picture(image, "x"))
    assert data is not None
    with Image.open(io.BytesIO(base64.b64decode(data[1]))) as stored:
        assert (stored.format, stored.size) == ("JPEG", expected)
        assert np.asarray(stored)[0, 0, 0] > 200


def test_numbers_stand_to_the_right():
    html = table(["name", "count", "share"], [["a", 1200, "5%"], ["b", 3, "-"]])
    parse(html)
    assert html.count('class="n"') == 6
    assert "1,200" in html


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (np.arange(50.0), np.arange(20.0)),
        (np.zeros(5), np.zeros(5)),
        (np.array([]), np.arange(3.0)),
        (np.array([]),) * 2,
    ],
)
def test_histograms_stay_inside_their_frame(real, fake):
    html = histograms("x", "y", real, fake)
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    polygons = svg.findall("polygon")
    assert [polygon.get("class") for polygon in polygons] == ["real", "fake"]
    for polygon in polygons:
        points = np.array([point.split(",") for point in str(polygon.get("points")).split()], float)
        assert points.min() >= 0
        assert points[:, 0].max() <= 240
        assert points[:, 1].max() <= 80
    if len(real) and len(fake):
        tops = [min(float(p.split(",")[1]) for p in str(polygon.get("points")).split()) for polygon in polygons]
        assert min(tops) == pytest.approx(4, abs=0.1)


def test_a_figure_has_its_small_print_below_and_still_counts_as_a_number():
    html = table(["name", "value"], [["a", ("0.5", "0.4 to 0.6")], ["b", ("-", "")]])
    parse(html)
    assert '<td class="n">0.5 <small>0.4 to 0.6</small></td>' in html
    assert html.count("<small>") == 1


def test_bars_lie_where_their_figures_are_and_undefined_ones_are_left_out():
    html = interval_bars([("a", 0.7, (0.6, 0.85)), ("b", None, None), ("c", 1.0, None)])
    parse(html)
    assert 'class="band" style="left:60.0%;width:25.0%"' in html
    assert 'class="dot" style="left:70.0%"' in html
    assert html.count('class="dot"') == 2
    assert ">b<" not in html


def test_commands_are_set_as_code():
    assert with_code("type `dfdetect test <x>`, then") == "type <code>dfdetect test &lt;x&gt;</code>, then"


def test_a_stored_drawing_is_in_the_page_as_it_is():
    html = plot(b"\x89PNG", "caption", wide=True)
    parse(html)
    data = re.search(r"base64,([^\"]+)", html)
    assert data is not None
    assert base64.b64decode(data[1]) == b"\x89PNG"
    assert 'class="plot chart"' in html
    assert '<div class="scroll">' in html


def test_a_table_of_many_columns_keeps_its_width_on_a_phone():
    assert 'class="scroll many"><table style="--columns:6"' in table("abcdef", [["x", 1, 2, 3, 4, "y"]])
    assert "many" not in table("abc", [["x", 1, 2]])


def pages_of(html: str, folder: Path) -> int:
    """How many sheets of paper a page takes."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    (folder / "page.html").write_text(html)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={folder}/profile", f"--print-to-pdf={folder}/page.pdf"]
    subprocess.run([*command, (folder / "page.html").as_uri()], capture_output=True, timeout=120, check=True)
    return len(re.findall(rb"/Type\s*/Page\b", (folder / "page.pdf").read_bytes()))


@pytest.mark.slow
def test_limits_follow_the_verdict_on_paper_instead_of_leaving_its_sheet_blank(tmp_path):
    bare, full = card("strong", "No better than guessing", ""), card("weak", "Few images", "", "Judge on more images")
    cards = full + bare * 2 + full * 9
    verdict = '<div style="height: 9cm">verdict</div>'
    assert pages_of(page("x", f'{verdict}<h2>Limits</h2><div class="cards">{cards}</div>'), tmp_path) == 2
