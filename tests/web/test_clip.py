import re
from dataclasses import replace

from dfdetect.deploy.verdicts import FaceVerdict, photo_row
from dfdetect.web.clip import moment, timeline
from tests.deploy.standin import BAND, FACTS


def row(*moments):
    faces = [FaceVerdict((0, 0, 90, 90), 0.7, "fake", frames=len(moments))]
    return replace(photo_row("a.mp4", FACTS, faces, (640, 360)), kind="video", timeline=moments)


def test_moments_are_drawn_in_time_and_counted():
    html = timeline(row((1.0, 0.2), (2.0, 0.5), (5.0, 1.0)), BAND)
    (points,) = re.findall(r'points="([^"]+)"', html)
    assert points == "0.0,96.0 150.0,60.0 600.0,0.0"
    assert "In 3 judged frames p_fake goes from 0.20 to 1.00; 2 of them are at or above the threshold." in html
    assert "1.0 s" in html
    assert "5.0 s" in html
    assert 'class="df-band" x="0" y="48.0" width="600.0" height="24.0"' in html
    assert "df-band" not in timeline(row((1.0, 0.2), (2.0, 0.5)), FACTS)


def test_the_most_fake_moment_is_named_and_marked():
    watched = row((1.0, 0.2), (2.0, 0.9), (4.0, 0.9), (5.0, 0.1))
    assert "The most fake moment, at 4.0 s." in moment(watched)  # the later of two: its frame is kept
    assert 'class="df-then" x1="450.0" x2="450.0"' in timeline(watched, FACTS)
    assert moment(row()) == ""


def test_a_single_moment_is_no_line():
    assert timeline(row((1.0, 0.2)), FACTS) == ""
    assert timeline(row(), FACTS) == ""
