"""How bad a shortcut is, what names it, and which flag mends it."""

import numpy as np
import pytest

from dfdetect.data.audit.facts import FACT_NAMES
from dfdetect.data.audit.finding import Finding
from dfdetect.data.audit.measure import LayoutSums, Settings
from dfdetect.data.audit.shortcuts import Clue
from dfdetect.data.audit.statistics import LAYOUT_SIDE
from dfdetect.data.audit.tells import FACT_WORDS, advised_quality, find_tells, layout_effect, place_name

from .examples import example, shortcut

LABELS = [0] * 40 + [1] * 40


def tells(**parts) -> dict[str, Finding]:
    return {finding.kind: finding for finding in find_tells(example(LABELS, **parts))}


def clue(name: str, low: float = 0.6) -> Clue:
    return Clue(name, low + 0.05, (low, low + 0.1), 0.1)


def test_every_fact_has_words():
    assert set(FACT_WORDS) == set(FACT_NAMES)


def test_nothing_to_tell_is_said():
    found = tells()
    assert {finding.severity for finding in found.values()} == {"info"}
    assert "nothing reliable: AUROC 0.50 (0.40 to 0.60)" in found["file_facts"].title


@pytest.mark.parametrize(
    ("low", "facts", "pixels"),
    [
        (0.49, "info", "info"),
        (0.51, "weak", "info"),
        (0.56, "strong", "weak"),
        (0.71, "strong", "strong"),
    ],
)
def test_severity_goes_by_the_lower_end_of_the_interval(low, facts, pixels):
    found = tells(by_facts=shortcut(low + 0.05, low, 0.9), by_pixels=shortcut(low + 0.05, low, 0.9))
    assert found["file_facts"].severity == facts
    assert found["pixel_statistics"].severity == pixels


def test_what_cannot_be_judged_is_said_and_not_passed_over():
    none = shortcut(None, None, note="too few images")
    found = tells(by_facts=none, by_size=none, by_pixels=none)
    assert set(found) == {"not_judged"}
    assert found["not_judged"].severity == "strong"
    assert found["not_judged"].title == "Shortcuts were not judged: too few images"


def test_texts_of_one_class_are_named_even_where_there_are_too_few_groups_to_judge():
    none = shortcut(None, None, note="too few groups")
    facts = {"format": ["JPEG"] * 40 + ["PNG"] * 40}
    found = tells(facts=facts, by_facts=none, by_size=none, by_pixels=none)
    assert set(found) == {"not_judged", "file_facts"}
    assert (found["file_facts"].severity, "not judged" in found["file_facts"].title) == ("weak", True)


def test_a_jpeg_table_is_named_and_the_flag_that_mends_it():
    """Reals all of one table, a quarter of the fakes of another: as the originals of CIPLAB."""
    facts = {"luma_table": ["q92"] * 60 + ["own-abc"] * 20, "quality": [92] * 60 + [84] * 20}
    found = tells(facts=facts, by_facts=shortcut(0.62, 0.57, 0.68, clues=[clue("luma_table"), clue("width", 0.45)]))
    finding = found["file_facts"]
    assert finding.severity == "strong"
    assert "by JPEG luma table" in finding.title
    assert "width" not in finding.title
    assert "JPEG luma table own-abc: 0 of 40 reals, 20 of 40 fakes" in finding.meaning
    assert "`--data.normalise_encoding 84`" in finding.remedy
    assert finding.evidence["clues"][0]["name"] == "luma_table"


def test_one_value_of_one_class_is_told_although_the_forest_is_near_chance():
    facts = {"software": [""] * 68 + ["Painter"] * 12}
    finding = tells(facts=facts)["file_facts"]
    assert finding.severity == "weak"
    assert "some are one class's: software tag" in finding.title
    assert "Software tag Painter: 0 of 40 reals, 12 of 40 fakes" in finding.meaning
    assert "Tags do not reach the network" in finding.remedy
    assert "normalise_encoding" not in finding.remedy


def test_sizes_are_not_mended_by_an_encoder():
    finding = tells(by_facts=shortcut(0.9, 0.8, 0.95, clues=[clue("width")]))["file_facts"]
    assert "one size" in finding.remedy
    assert "normalise_encoding" not in finding.remedy


def test_file_size_is_weak_at_most():
    assert tells(by_size=shortcut(0.95, 0.9, 0.99))["file_size"].severity == "weak"


def test_pixel_statistics_name_what_tells_and_how_they_were_taken():
    parts = {"by_pixels": shortcut(0.8, 0.75, 0.85, clues=[clue("noise")]), "settings": Settings("", 70)}
    finding = tells(**parts)["pixel_statistics"]
    assert finding.severity == "strong"
    assert "noise (noise standard deviation" in finding.meaning
    assert "after re-encoding with quality 70" in finding.title


@pytest.mark.parametrize(
    ("qualities", "advised"),
    [([0] * 80, 90), ([92] * 80, 92), ([100] * 80, 95), ([30] * 80, 50), ([60] * 8 + [90] * 72, 60)],
)
def test_advised_quality_is_one_that_nearly_all_files_had(qualities, advised):
    assert advised_quality(example(LABELS, facts={"quality": qualities})) == advised


def layouts(effect: float, count: int, row: int = 30, column: int = 30) -> tuple[LayoutSums, LayoutSums]:
    rng = np.random.default_rng(0)
    both = (LayoutSums(), LayoutSums())
    for label, sums in enumerate(both):
        for _ in range(count):
            layout = rng.normal(0, 20, (LAYOUT_SIDE, LAYOUT_SIDE))
            layout[row, column] += 20 * effect * label
            sums.add(layout.astype(np.int8))
    return both


def test_effect_is_cohens_d():
    effect, error = layout_effect(layouts(1.5, 400))
    assert effect[30, 30] == pytest.approx(1.5, abs=0.25)
    assert np.delete(effect.ravel(), 30 * LAYOUT_SIDE + 30).std() == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize(("effect", "count", "severity"), [(0, 100, None), (1.0, 300, "weak"), (2.0, 100, "strong")])
def test_a_mark_is_found_where_it_stands(effect, count, severity):
    found = tells(layouts=layouts(effect, count)).get("mark")
    if severity is None:
        assert found is None
    else:
        assert found is not None
        assert found.severity == severity
        assert "bottom right" in found.title


def test_a_few_pictures_show_no_mark_by_accident():
    for count in (0, 1, 2, 10, 20, 40):
        assert "mark" not in tells(layouts=layouts(0, count))


@pytest.mark.parametrize(
    ("place", "name"), [((0, 0), "top left"), ((16, 16), "centre"), ((31, 16), "bottom"), ((16, 31), "right")]
)
def test_places_have_names(place, name):
    assert place_name(*place) == name


def test_no_readable_image_no_tells():
    assert list(find_tells(example([]))) == []
