import re
from dataclasses import replace

import pytest

from dfdetect.deploy.careful import MILD
from dfdetect.web.gauge import described, gauge, versions_strip
from dfdetect.web.words import figure
from tests.deploy.standin import BAND, FACTS


def places(html, name):
    """(left, width) in percent of each element of a class."""
    found = re.findall(rf'class="{name}[^"]*" style="left:([\d.]+)%(?:;width:([\d.]+)%)?"', html)
    return [(float(left), float(width or 0)) for left, width in found]


def test_the_zones_cover_the_line_without_gap_and_hold_what_the_model_says():
    zones = places(gauge(0.7, BAND, "fake"), "df-range")
    assert zones == [(0, 40), (40, 20), (60, 40)]
    assert re.findall(r"df-range df-(\w+)", gauge(0.7, BAND, "fake")) == ["real", "uncertain", "fake"]


def test_without_a_band_the_zones_meet_at_the_threshold():
    facts = replace(FACTS, threshold=0.3)
    assert places(gauge(0.7, facts, "fake"), "df-range") == [(0, 30), (30, 70)]
    assert places(gauge(0.7, facts, "fake"), "df-mark") == [(30, 0)]


@pytest.mark.parametrize("p_fake", [0.0, 0.014, 0.5, 0.986, 1.0])
def test_pin_at_its_place_and_number_within_the_line(p_fake):
    html = gauge(p_fake, FACTS, "real")
    assert places(html, "df-pin") == [(pytest.approx(100 * p_fake, abs=0.06), 0)]
    ((number, _),) = places(html, "df-number")
    assert 7 <= number <= 93
    assert f">{figure(p_fake)}</b>" in html


def test_what_is_drawn_is_also_said():
    said = described(0.71, BAND)
    assert said == "p_fake 0.71 from 0, real, to 1, fake. The threshold is 0.50, uncertain from 0.40 to 0.60."
    assert f'role="img" aria-label="{said}"' in gauge(0.71, BAND, "fake")
    assert f'role="img" aria-label="{said}"' in gauge(0.71, BAND, "fake", small=True)
    assert "uncertain" not in described(0.71, FACTS)


def test_numbers_that_no_score_is_are_not_shown():
    assert [figure(p) for p in (0.0, 0.004, 0.2, 0.994, 0.996, 1.0)] == [
        "0.00",
        "below 0.01",
        "0.20",
        "0.99",
        "above 0.99",
        "1.00",
    ]


def test_versions_that_cross_the_threshold_are_counted():
    strip = versions_strip(0.6, (0.61, 0.49, 0.55, 0.2, 0.5), FACTS)
    assert "goes from 0.20 to 0.61 and crosses the threshold in 2 of 5" in strip
    assert len(places(strip, "df-dot")) == 6
    assert places(strip, "df-span") == [(20, 41)]
    assert all(name in strip for name in MILD)
    held = versions_strip(0.4, (0.41, 0.3, 0.35, 0.2, 0.45), FACTS)
    assert "stays on its side of the threshold in all 5" in held
    assert versions_strip(0.4, (), FACTS) == ""
