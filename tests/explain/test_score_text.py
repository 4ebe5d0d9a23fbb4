"""What is said of figures, and that nothing is said of what was not measured."""

import copy
from functools import cache

import pytest

from dfdetect.explain.comparing import maps_of
from dfdetect.explain.score_curves import score_curves
from dfdetect.explain.score_figure import score_figure
from dfdetect.explain.score_pointing import score_pointing
from dfdetect.explain.score_text import score_text

from .examples import cases
from .test_score_curves import red

SIMILAR = {
    name: {"value": 0.1, "interval": [0.0, 0.2]} for name in ("rank_correlation", "magnitude", "structural_similarity")
}
SANITY = {"n": 9, "n_groups": 9, "draws": 3, "stages": {"head": SIMILAR, "all": SIMILAR, "other picture": SIMILAR}}


@cache
def measured():
    made = cases(36)
    maps = maps_of(made, 0.5)
    facts = {"model": "m.onnx", "method": "cam", "data": "drawn data", "n": 36, "n_real": 18, "n_fake": 18}
    return facts | {
        "n_groups": 12,
        "curves": score_curves(made, maps, red, 0.5, "mean", 4),
        "pointing": score_pointing(made, maps, 0.5),
        "sanity": SANITY,
        "notes": ["something to know"],
    }


def result(**changes):
    return copy.deepcopy(measured()) | changes


def test_all_is_said_with_its_interval():
    text = score_text(result())
    assert text.startswith("cam of m.onnx on drawn data: 36 images (18 real, 18 fake), 12 groups\n")
    assert "all: 18 fakes" in text
    assert "energy inside: better than centre and random" in text
    assert "none, other picture 0.100 (0.000 to 0.200)" in text
    assert text.endswith("Note: something to know\n")
    assert max(map(len, text.splitlines())) < 140


def beside(difference, interval):
    return {"value": 0.5, "interval": [0.4, 0.6], "difference": difference, "difference_interval": interval, "p": 0.1}


def test_a_difference_counts_where_its_interval_leaves_out_0():
    found = result()
    first = {"value": 0.5, "interval": None}
    found["curves"] |= {
        "deletion": {"map": first, "centre": beside(-0.1, [-0.2, -0.1]), "random": beside(0.1, [0.05, 0.2])},
        "insertion": {"map": first, "centre": beside(-0.1, [-0.2, 0.1]), "random": beside(0.1, None)},
    }
    text = score_text(found)
    assert "deletion: better than centre, worse than random" in text  # lower is better there
    assert "insertion: not told from centre and random" in text


def test_what_was_not_measured_is_not_said():
    text = score_text(result(curves=None, sanity=None, pointing={}))
    assert "Deletion" not in text
    assert "Randomised" not in text
    assert "of no fake is it known" in text


@pytest.mark.parametrize("missing", [{}, {"curves": None}, {"pointing": {}}, {"sanity": None}])
def test_the_figure_has_four_panels_whatever_is_missing(missing):
    figure = score_figure(result(**missing))
    figure.canvas.draw()
    assert len(figure.axes) == 4
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert bool(said) == bool(missing)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert not any(label.startswith("_") for label in labels)
    assert len(labels) == len(set(labels))
