"""The matrix of crosstest as text and as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps

from dfdetect.evaluation.cross_matrix import COLOURS, cross_matrix_figure, markdown_matrix, shortest_names


def cell(row: int, column: int, auroc: float, own: bool = False) -> dict[str, Any]:
    moved: dict[str, Any] = {"best_threshold": 0.7, "threshold_moved": 0.2, "accuracy_at_best_threshold": 0.81}
    return {
        "row": row,
        "column": column,
        "own": own,
        "error": None,
        "n": 1200,
        "n_real": 500,
        "n_fake": 700,
        "auroc": auroc,
        "accuracy": 0.75,
        "threshold": 0.5,
        "intervals": {"auroc": [auroc - 0.02, auroc + 0.02], "accuracy": None},
        "notes": ["cross-dataset: trained on x, tested on y", "Mind the gap."],
        **({} if own else moved),
    }


@pytest.fixture
def matrix() -> dict[str, Any]:
    failed = {"row": 1, "column": 1, "own": False, "error": "b: no such folder.\nAccepted layouts", "results": ""}
    return {
        "rows": [{"name": "a", "run": "x/version_0"}, {"name": "$b|", "run": "x/version_1"}],
        "columns": [{"name": "a"}, {"name": "b"}],
        "cells": [cell(0, 0, 0.95, own=True), cell(0, 1, 0.55), cell(1, 0, 0.4), failed],
    }


@pytest.mark.parametrize(
    ("paths", "least", "names"),
    [
        (["/x/a", "/x/b"], 1, ["a", "b"]),
        (["/x/a", "/y/a", "/y/b"], 1, ["x/a", "y/a", "b"]),
        (["/x/a", "/x/a"], 1, ["a", "a"]),
        (["/a", "/x/a"], 1, ["/a", "x/a"]),
        (["/r/m/v0", "/r/m/v1"], 2, ["m/v0", "m/v1"]),
    ],
)
def test_names_are_as_short_as_they_can_be(paths, least, names):
    found = shortest_names([Path(path) for path in paths], least)
    assert found == names
    assert len(set(found)) == len(set(paths))


def test_markdown_holds_figures_thresholds_failures_and_notes(matrix):
    text = markdown_matrix(matrix)
    assert text.startswith("# Cross-dataset test: 2 detectors on 2 data sets")
    assert "| a (x/version_0) | **0.950** (0.930 to 0.970), n 1200 | 0.550 (0.530 to 0.570), n 1200 |" in text
    assert "| $b\\| (x/version_1) | 0.750, n 1200 | failed |" in text
    assert "| a (x/version_0) | a | 1200 (500 + 700) | 0.5 | 0.750 |  |  |  |" in text
    assert "| a (x/version_0) | b | 1200 (500 + 700) | 0.5 | 0.750 | 0.7 | +0.2 | 0.810 |" in text
    assert "- $b| (x/version_1) on b: b: no such folder." in text
    assert "Accepted layouts" not in text
    assert "- all 3 cells: Mind the gap." in text
    assert "cross-dataset:" not in text


def test_thresholds_that_differ_are_written_so_that_they_differ(matrix):
    near = {"threshold": 0.49991, "best_threshold": 0.49992, "threshold_moved": 0.00001}
    matrix["cells"][1] |= near
    matrix["cells"][2] |= {"best_threshold": 0.5, "threshold_moved": 0.0}
    text = markdown_matrix(matrix)
    assert "| 0.49991 | 0.750 | 0.49992 | +1e-05 | 0.810 |" in text
    assert "| 0.5 | 0.750 | 0.5 | +0 | 0.810 |" in text


def test_every_cell_is_drawn_and_ink_is_readable(matrix):
    figure = cross_matrix_figure(matrix)
    axes = figure.axes[0]
    written = {text.get_text(): text for text in axes.texts}
    assert {"0.950", "own test part", "0.550", "0.400", "failed"} <= set(written)
    assert "0.930 to 0.970\nn = 1,200" in written
    assert written["0.950"].get_color() == "white"
    assert written["0.400"].get_color() == "black"
    assert [patch.get_linewidth() for patch in axes.patches].count(4) == 1
    assert axes.get_yticklabels()[0].get_text() == "a\nx/version_0"
    figure.draw_without_rendering()


def test_nothing_but_failures_is_a_figure_too(matrix):
    matrix["cells"] = [matrix["cells"][-1]]
    cross_matrix_figure(matrix).draw_without_rendering()
    assert "## Thresholds" not in markdown_matrix(matrix)


def test_the_colours_grow_only_darker():
    red, green, blue, _ = np.moveaxis(colormaps[COLOURS](np.linspace(0, 1, 50)), -1, 0)
    assert (np.diff(0.2126 * red + 0.7152 * green + 0.0722 * blue) < 0).all()
