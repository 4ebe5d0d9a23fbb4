"""The page of a scan: what it shows, in which order, and that it stays bounded."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dfdetect.deploy import scan_page
from dfdetect.deploy.scan_page import Page
from dfdetect.deploy.verdicts import FaceVerdict, Row, unreadable
from dfdetect.explain.regions import Share

JPEG = b"\xff\xd8 a picture"


def row(path, verdict="real", p_fake=0.25, **more):
    return Row(path, "photo", verdict, p_fake, 0.5, "", (), (640, 480), picture=JPEG, **more)


def written(page, *notes):
    page.write(Path("page.html"), notes)
    return Path("page.html").read_text(encoding="utf-8")


def test_the_most_fake_come_first_then_the_uncertain():
    page = Page(["a model"])
    page.add(row("a.jpg", "real", 0.3))
    page.add(row("b.jpg", "uncertain", 0.5))
    page.add(row("c.jpg", "fake", 0.7))
    page.add(row("d.jpg", "fake", 0.9))
    page.add(Row("e.jpg", "photo", "uncertain", None, 0.5, "no face found", (), (9, 9)))
    html = written(page)
    assert '<p class="soft">a model</p>' in html
    assert re.search(r"Judged until \d{4}-\d\d-\d\d \d\d:\d\d", html)
    assert re.findall(r"<h3>(\w).jpg</h3>", html) == ["d", "c", "b", "e", "a"]
    assert "<h1>Scan of 5 files</h1>" in html
    assert "no face found" in html
    assert "not judged" in html
    assert html.count("data:image/jpeg;base64,") == 4


def test_nothing_is_fetched_and_names_are_text():
    page = Page(["a <b>model</b>"])
    page.add(row("<script>alert(1)</script>\n.jpg", "fake", 0.9))
    page.add(unreadable("<img src=http://x>.jpg", "bad <i>", 0.5))
    html = written(page, "stopped <early>")
    assert "<script" not in html
    assert "<img src=http" not in html
    assert r"&lt;script&gt;alert(1)&lt;/script&gt;\n.jpg" in html
    assert "bad &lt;i&gt;" in html
    assert "stopped &lt;early&gt;" in html
    assert "Content-Security-Policy" in html
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_faces_and_timeline():
    faces = tuple(FaceVerdict((0, 0, 9, 9), p, "real", "", frames=7, span=(0.0, 1.2)) for p in [0.1] * 12)
    video = Row("v.mp4", "video", "real", 0.1, 0.5, "", faces, (9, 9), ((0.0, 0.2), (2.5, 0.9)))
    page = Page(["m"])
    page.add(video)
    html = written(page)
    assert "12 tracks" in html
    assert html.count("real, p_fake 0.100, 7 frames, 0.0 to 1.2 s") == 10
    assert "and 2 more" in html
    assert 'points="0.0,48.0 320.0,6.0"' in html
    assert "2.5 s" in html


def test_regions_and_the_scale_they_are_measured_on():
    page = Page(["m"])
    shares = {"eyes": Share(0.06, 0.041, 0.3, 0.05, 0.04, 0.18), "skin": Share(0.94, None, 0.7, 0.95, 0.0, -1.25)}
    page.add(row("a.jpg", "fake", 0.9, shares=shares))
    page.add(row("b.jpg", "real", 0.1))
    html = written(page)
    assert '<td>eyes</td><td class="n">6%</td><td class="n">4%</td><td class="n">+0.18</td>' in html
    assert '<td>skin</td><td class="n">94%</td><td class="n">-</td><td class="n">-1.25</td>' in html
    assert html.count('class="regions"') == 1
    assert "<span>-8</span><span>-4</span><span>0</span><span>+4</span><span>+8</span>" in html


@pytest.mark.parametrize(
    ("verdict", "heading", "cell"),
    [("fake", "of what says fake", "4%"), ("real", "of what says real", "30%"), ("uncertain", "of all evidence", "5%")],
)
def test_the_share_is_of_what_speaks_for_the_verdict_on_the_face_that_is_shown(verdict, heading, cell):
    page = Page(["m"])
    unjudged = FaceVerdict((0, 0, 9, 9), None, "uncertain", "too blurred")
    shown = FaceVerdict((0, 0, 9, 9), 0.4, verdict, "")
    shares = {"eyes": Share(0.06, 0.04, 0.3, 0.05, 0.04, 0.18)}
    page.add(replace(row("a.jpg", "uncertain", 0.4, shares=shares), faces=(unjudged, shown)))
    html = written(page)
    assert re.findall(r'<th class="n">(of [a-z ]+)</th>', html) == ["of the area", heading]
    assert f'<td>eyes</td><td class="n">6%</td><td class="n">{cell}</td>' in html


@pytest.mark.parametrize("count", [10, 300])
def test_a_page_is_bounded_however_many_come(count, monkeypatch):
    monkeypatch.setattr(scan_page, "MOST_SHOWN", 10)
    page = Page(["m"])
    for number in range(count):
        page.add(row(f"{number}.jpg", "real", number / count * 0.5))
        page.add(unreadable(f"bad{number}.jpg", "empty file", 0.5))
    assert (len(page._shown), len(page._bad)) == (10, 10)
    html = written(page)
    assert f"{count - 1}.jpg" in html
    assert ("less suspicious files are not shown" in html) == (count > 10)
    assert ("and 290 more" in html) == (count > 10)


def test_a_scan_of_nothing():
    assert "Scan of 0 files" in written(Page(["m"]))


def test_faces_have_the_numbers_of_their_boxes_and_the_threshold_stands_as_a_logit():
    right, left = FaceVerdict((90, 0, 9, 9), 0.45, "fake", ""), FaceVerdict((0, 0, 9, 9), 0.1, "real", "")
    shares = {"eyes": Share(0.1, None, 1.0, 1.0, 0.0, -0.2)}
    two = Row("a.jpg", "photo", "fake", 0.45, 0.25, "", (right, left), (99, 9), picture=JPEG, shares=shares)
    page = Page(["m"])
    page.add(two)
    html = written(page)
    assert html.index("<b>2</b> fake, p_fake 0.450") < html.index("<b>1</b> real, p_fake 0.100")
    assert "As a logit, p_fake is -0.20; from -1.10 on it is called fake." in html
    page = Page(["m"])
    page.add(replace(two, kind="video"))  # whose map is of one frame
    assert "As a logit" not in written(page)
