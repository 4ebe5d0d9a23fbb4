"""The robustness table, CSV and figure say what the result holds."""

import csv
import io

import numpy as np
import pytest

from dfdetect.evaluation.canvas import save_figure
from dfdetect.evaluation.corruptions import DEFAULT_CORRUPTIONS, variants_of
from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.robustness import evaluate_robustness
from dfdetect.evaluation.robustness_report import (
    CSV_HEADER,
    extremes,
    robustness_figure,
    robustness_rows,
    robustness_table,
)
from tests.evaluation.test_robustness import VARIANTS, scored


@pytest.fixture(scope="module")
def result():
    clean, p_fake = scored()
    return evaluate_robustness(clean, VARIANTS, p_fake, 0.5, 50)


def test_the_table_has_a_row_a_point_with_intervals(result):
    text = robustness_table(result, "Robustness of tiny on faces")
    lines = text.splitlines()
    assert lines[0] == "Robustness of tiny on faces"
    assert max(map(len, lines[:6])) <= 120
    strongest = result["corruptions"]["jpeg"]["severities"][1]
    low, high = strongest["intervals"]["auroc_change"]
    row = next(line for line in lines if line.split()[:1] == ["30"])
    assert f"{strongest['auroc_change']:+.3f} ({low:+.3f} to {high:+.3f})" in row
    assert row.endswith(f"{strongest['flips_to_fake']}/{strongest['flips_to_real']}")
    assert "jpeg: JPEG quality" in lines
    assert f"n = 90 images, {result['n_groups']} groups, threshold 0.5" in text
    lowest, most = extremes(result)
    assert lines.index(most) == lines.index(lowest) + 1
    weakest = result["weakest"]
    assert f"{weakest['corruption']} {weakest['severity']:g}, {weakest['auroc']:.3f} instead of" in lowest
    assert f"{result['most_flips']['flips']:.1%} of verdicts" in most
    assert "Note: Only 90 images" in text


def test_rows_are_the_points_and_the_clean_images(result):
    rows = robustness_rows(result)
    stream = io.StringIO()
    csv.writer(stream).writerows([CSV_HEADER, *rows])
    read = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert [row["corruption"] for row in read] == ["clean", "jpeg", "jpeg", "noise"]
    assert {row["n"] for row in read} == {"90"}
    assert read[0]["flips"] == read[0]["severity"] == ""
    point = result["corruptions"]["noise"]["severities"][0]
    assert float(read[3]["auroc"]) == pytest.approx(point["auroc"], rel=1e-5)
    assert float(read[3]["flips_high"]) == pytest.approx(point["intervals"]["flips"][1], rel=1e-5)
    assert float(read[3]["auroc_change_low"]) == pytest.approx(point["intervals"]["auroc_change"][0], rel=1e-5)
    assert int(read[3]["flips_to_real"]) == point["flips_to_real"]


def test_the_figure_has_a_panel_a_corruption_and_begins_with_the_clean_images(tmp_path):
    clean, _ = scored()
    variants = variants_of(DEFAULT_CORRUPTIONS)
    p_fake = np.clip(clean.p_fake + np.linspace(0, 0.3, len(variants))[:, None], 0, 1)
    result = evaluate_robustness(clean, variants, p_fake, 0.5, 20)
    figure = robustness_figure(result, "Robustness: faces")
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert list(panels) == list(DEFAULT_CORRUPTIONS)
    ticks = {name: [tick.get_text() for tick in axes.get_xticklabels()] for name, axes in panels.items()}
    assert ticks["jpeg"] == ["clean", "95", "85", "70", "50", "30"]
    assert ticks["brightness"] == ["0.5", "0.75", "clean", "1.25", "1.5"]
    assert ticks["scale"] == ["clean", "0.75", "0.5", "0.35", "0.25"]
    auroc, flips, _ = panels["jpeg"].lines
    curve = result["corruptions"]["jpeg"]["severities"]
    assert np.asarray(auroc.get_ydata()).tolist() == [result["clean"]["auroc"], *(point["auroc"] for point in curve)]
    assert np.asarray(flips.get_ydata()).tolist() == [0.0, *(point["flips"] for point in curve)]
    save_figure(figure, tmp_path / "robustness.png")
    assert (tmp_path / "robustness.png").stat().st_size > 20_000


def test_one_class_is_drawn_and_told_without_auroc():
    clean, p_fake = scored()
    fakes = Predictions(clean.path, np.ones_like(clean.label), clean.p_fake, clean.group, clean.source)
    result = evaluate_robustness(fakes, VARIANTS, p_fake, 0.5, 20)
    (only,) = extremes(result)
    assert only.startswith("Most flips of 3 points")
    assert robustness_rows(result)[1][3:6] == ["", "", ""]
    robustness_figure(result, "fakes only").canvas.draw()
