"""The page of an audit: everything found is on it, and file names stay text."""

import re

import pytest

from dfdetect.data.audit.examine import examine
from dfdetect.data.audit.findings import find_all, verdict
from dfdetect.data.audit.measure import Settings
from dfdetect.data.audit.report import render
from dfdetect.data.samples import load_samples
from dfdetect.data.synthetic import draw_face
from tests.data.helpers import draw_classes
from tests.evaluation.test_page import parse

from .examples import example


def page_of(root, command="dfdetect audit x"):
    found = examine(load_samples(root), Settings())
    findings = find_all(found, "audit/manifest.csv")
    return found, findings, render(found, findings, "my <set>", command)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Faces with a forged twin, an exact copy, a broken file and a hostile name."""
    from PIL import Image

    root = tmp_path_factory.mktemp("report")
    for name in ("real", "fake"):
        (root / name).mkdir()
    for i in range(8):
        Image.fromarray(draw_face(0, i, size=160).image).save(root / f"real/{i}.png")
        Image.fromarray(draw_face(0, i, "part_swap", size=160).image).save(root / f"fake/{i}.jpg", quality=90)
    (root / "fake/<img src=x onerror=alert(1)>.png").write_bytes((root / "real/0.png").read_bytes())
    (root / "real/broken.jpg").write_bytes(b"")
    return page_of(root)


def test_it_is_a_page_that_holds_its_pictures(rendered):
    html = rendered[2]
    seen = parse(html).seen
    assert "script" not in seen
    assert seen.count("img") >= 5
    assert not re.search(r'src="(?!data:image/jpeg;base64,)', html)
    assert "my &lt;set&gt;" in html


def test_names_stay_text(rendered):
    html = rendered[2]
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in html


def test_verdict_first_then_every_finding_with_its_remedy(rendered):
    from html import escape

    _, findings, html = rendered
    assert {"label_conflict", "broken_files", "file_facts"} <= {finding.kind for finding in findings}
    places = [html.index(escape(text)) for text in (verdict(findings), *(finding.title for finding in findings))]
    assert places == sorted(places)
    assert html.count('class="card') == len(findings)
    assert "<code>dfdetect fit --data.manifest audit/manifest.csv</code>" in html
    assert "empty file" in html
    assert "`" not in html


def test_both_classes_side_by_side(rendered):
    html = rendered[2]
    assert re.search(r"<td>file format</td><td>PNG 100%</td><td>JPEG 89%, PNG 11%</td>", html)
    assert html.count("<svg") >= 5


def test_more_pairs_than_fit_are_counted(tmp_path, monkeypatch):
    from dfdetect.data.audit import report

    monkeypatch.setattr(report, "_image", lambda found, index: "<i></i>")
    pairs = tuple((i, i + 1) for i in range(0, 80, 2))
    found = example([0, 1, 0, 0] * 20, twins=pairs)
    findings = find_all(found, "m.csv")
    html = render(found, findings, "x", "x")
    assert html.count('class="pair"') == report.SHOWN_PAIRS
    assert f"{report.SHOWN_PAIRS} of 40 pairs" in html


def test_parts_and_sources_are_counted():
    columns = {"split": ["train", "test", "train", "train"], "source": ["", "gan", "gan", "cam"]}
    html = render(example([0, 1, 1, 0], columns=columns), [], "x", "x")
    rows = re.findall(r"<tr>(<td>(?:train|test).*?)</tr>", html)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    assert cells == [
        ["test", "gan", "0", "1"],
        ["train", "none", "1", "0"],
        ["train", "cam", "1", "0"],
        ["train", "gan", "0", "1"],
    ]
    assert "<th>part</th>" not in render(example([0, 1]), [], "x", "x")


def test_a_file_that_went_away_meanwhile_costs_its_picture_only():
    found = example([0, 1], twins=((0, 1),))
    html = render(found, find_all(found, "m.csv"), "x", "x")
    assert html.count("no such file") == 2


@pytest.mark.parametrize("labels", [[], [0], [1, 1, 1]])
def test_next_to_nothing_is_a_page_too(labels):
    found = example(labels)
    parse(render(found, find_all(found, "m.csv"), "x", "x"))


def test_nothing_readable(tmp_path):
    root = draw_classes(tmp_path / "set", 4)
    for file in root.rglob("*.png"):
        file.write_bytes(b"")
    found, _, html = page_of(root)
    parse(html)
    assert len(found.samples) == 0
    assert "No file could be read" in html
