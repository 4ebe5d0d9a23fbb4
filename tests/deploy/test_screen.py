"""What a scan looks like on a terminal."""

import io
from collections import Counter
from dataclasses import replace

import pytest

from dfdetect.deploy import screen
from dfdetect.deploy.verdicts import Row, unreadable

ROW = Row("a.jpg", "photo", "fake", 0.9712, 0.5, "flips", (), (9, 9))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_only_where_they_are_wanted(environment, wanted):
    assert screen.wants_colour(Terminal(), environment) == wanted
    assert not screen.wants_colour(io.StringIO(), environment)


def test_a_line_without_and_with_colour():
    assert screen.line(ROW, colour=False) == "fake         0.971      0  a.jpg  flips"
    coloured = screen.line(ROW, colour=True)
    assert coloured.startswith("\x1b[1;38;5;208mfake       \x1b[0m")
    assert coloured.endswith("\x1b[2mflips\x1b[0m")
    bad = unreadable("b\n\x1b[2J.jpg", "empty file", 0.5)
    assert screen.line(bad, colour=False) == r"unreadable       -      -  b\n\x1b[2J.jpg  empty file"
    assert len(screen.HEADER.split("file")[0]) == screen.line(ROW, colour=False).index("a.jpg")


def test_a_videos_timeline():
    video = replace(ROW, kind="video", timeline=tuple((i / 5, p) for i, p in enumerate((0.0, 0.2, 0.5, 0.99, 1.0))))
    assert screen.timeline(video) == "▁▂▅██"
    assert "▁▂▅██" in screen.line(video, colour=False)
    assert "▁" not in screen.line(video, colour=False, unicode=False)
    long = replace(video, timeline=tuple((float(i), 1.0 if i == 500 else 0.0) for i in range(1000)))
    drawn = screen.timeline(long)
    assert len(drawn) == 24
    assert drawn.count("█") == 1  # one high frame of a thousand is not averaged away
    gap = replace(video, timeline=((0.0, 0.1), (0.2, 0.1), (10.0, 0.9)))
    assert screen.timeline(gap) == "▁·█"
    assert screen.timeline(replace(video, timeline=())) == ""
    assert screen.timeline(replace(video, timeline=((3.0, 0.4),))) == "▄"


def test_the_summary_counts_and_names_what_was_passed_over():
    text = screen.summary(Counter(fake=2, real=1, error=1), 2.0, Counter({".txt": 3, "": 1}), hidden=7, earlier=0)
    assert text.splitlines() == [
        "4 files: 2 fake, 0 uncertain, 1 real, 1 unreadable (2.0 s, 2.0 files/s)",
        "passed over, being neither image nor video by their names: 4 (.txt 3, no ending 1)",
        "left out, being hidden by their names: 7",
    ]
    assert "; 3 of them judged before (1.0 s, 1.0 files/s)" in screen.summary(Counter(real=4), 1.0, Counter(), 0, 3)
    assert screen.summary(Counter(real=1), 0.0, Counter(), 0, 0).startswith("1 file: ")


def test_the_ticker_counts_for_a_person_only(monkeypatch):
    monkeypatch.setattr(screen, "_EVERY_S", 0.0)
    watched, unwatched = Terminal(), io.StringIO()
    for stream in (watched, unwatched):
        ticker = screen.Ticker(stream)
        for _ in range(3):
            ticker.tick()
        ticker.close()
    assert "\r3 files, " in watched.getvalue()
    assert watched.getvalue().endswith("\r")
    assert unwatched.getvalue() == ""
