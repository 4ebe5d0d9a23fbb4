"""A face's regions: how their bars are drawn."""

import re

from dfdetect.explain.regions import Share
from dfdetect.web.face_card import region_table


def pieces(share):
    return re.findall(r'<i class="df-(fake|real)" style="width:([\d.]+)%">', region_table({"skin": share}))


def test_a_bar_has_a_piece_for_each_side_however_little_is_left_in_sum():
    html = region_table({"skin": Share(0.4, 0.9, 0.6, 0.75, 0.5, -0.42)})
    assert re.findall(r"width:([\d.]+)%", html) == ["50.0", "25.0"]
    assert "<td>75%</td><td>40%</td>" in html
    assert "real -0.42" in html


def test_a_side_without_evidence_has_no_piece():
    assert pieces(Share(0.4, None, 1.0, 1.0, 0.0, -0.4)) == [("real", "100.0")]
    assert pieces(Share(0.4, 0.2, None, 0.2, 0.2, 0.4)) == [("fake", "20.0")]
    assert pieces(Share(0.4, 0.0, 0.0, 0.0, 0.0, 0.0)) == []


def test_where_nothing_speaks_there_is_no_bar():
    assert "<table" not in region_table({"skin": Share(1.0, None, None, None, None, 0.0)})
