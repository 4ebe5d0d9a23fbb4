"""The figure of pictures beside their evidence."""

import io

import numpy as np
import pytest

from dfdetect.evaluation.colours import CLASS_COLOURS
from dfdetect.explain.colours import EVIDENCE, coloured
from dfdetect.explain.evidence_figure import evidence_figure
from dfdetect.explain.grid import grid_of
from dfdetect.explain.overlay import overlay
from tests.explain.helpers import floats


def drawn(n, maps=None, **options):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (40, 40, 3)).astype(np.uint8) for _ in range(n)]
    maps = floats(rng.normal(0, 4, (n, 3, 3))) if maps is None else maps
    label, p_fake = np.arange(n) % 2, np.linspace(0.1, 0.9, n)
    names = [f"folder/{i}.jpg" for i in range(n)]
    return pictures, maps, evidence_figure(pictures, maps, label, p_fake, names, "Title", threshold=0.5, **options)


def test_each_picture_stands_beside_its_overlay_framed_in_its_true_colour():
    pictures, maps, figure = drawn(4)
    assert len(figure.axes) == 5  # and the scale
    for i, axes in enumerate(figure.axes[:4]):
        shown = np.asarray(axes.images[0].get_array())
        assert np.array_equal(shown[:, :40], pictures[i])
        assert np.array_equal(shown[:, -40:], overlay(pictures[i], maps[i]))
        assert axes.title.get_color() == CLASS_COLOURS[i % 2]
        assert axes.get_xlabel() == f"{i}.jpg"
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles[0] == "real: p_fake 0.1"
    assert titles[1] == "fake, called real: p_fake 0.367"
    assert titles[2] == "real, called fake: p_fake 0.633"


def test_the_cells_lie_where_they_look():
    grid = grid_of(True, 40, 2)
    pictures, maps, figure = drawn(1, floats([[[0.0, 8.0], [0.0, 0.0]]]), grid=grid)
    shown = np.asarray(figure.axes[0].images[0].get_array())[:, -40:]
    assert np.array_equal(shown, overlay(pictures[0], maps[0], grid=grid))
    assert not np.array_equal(shown, overlay(pictures[0], maps[0]))


def test_the_scale_is_that_of_the_overlays_and_labelled():
    _, _, figure = drawn(2)
    bar = figure.axes[-1]
    assert bar.get_xlabel() == EVIDENCE.unit
    figure.canvas.draw()
    words = [tick.get_text() for tick in bar.get_xticklabels()]
    assert words[0].split() == ["real", "-8"]
    assert words[2] == "0: says nothing"
    assert words[4].split() == ["fake", "+8"]
    scale = next(one for one in bar.collections if one.get_array() is not None)
    colours = np.round(scale.cmap(scale.norm([-EVIDENCE.full, 0.0, EVIDENCE.full]))[:, :3] * 255)
    assert np.array_equal(colours, coloured(floats([-EVIDENCE.full, 0, EVIDENCE.full])))


def test_colours_of_one_picture_do_not_depend_on_the_others():
    maps = floats(np.full((2, 2, 2), 3.0))
    _, _, alone = drawn(2, maps)
    _, _, beside = drawn(2, np.concatenate([maps[:1], maps[1:] * 100]))
    first, second = (np.asarray(figure.axes[0].images[0].get_array()) for figure in (alone, beside))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("n", [0, 1, 9])
def test_any_number_can_be_drawn(n):
    _, _, figure = drawn(n)
    content = io.BytesIO()
    figure.savefig(content)
    assert content.getvalue().startswith(b"\x89PNG")


def test_scores_that_are_not_finite_are_no_reason_to_stop():
    pictures = [np.zeros((40, 40, 3), np.uint8)]
    maps = floats(np.full((1, 2, 2), np.nan))
    figure = evidence_figure(pictures, maps, np.array([1]), np.array([np.nan]), ["a"], "T", threshold=0.5)
    assert "p_fake nan" in figure.axes[0].get_title()


def test_a_score_next_to_the_threshold_is_told_apart_from_it():
    pictures, maps = [np.zeros((40, 40, 3), np.uint8)] * 3, floats(np.zeros((3, 2, 2)))
    label, p_fake = np.ones(3, np.int64), np.array([0.51213, 0.5123, 0.51219])
    figure = evidence_figure(pictures, maps, label, p_fake, ["a"] * 3, "T", threshold=0.51219)
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "fake, called real: p_fake 0.5121, below 0.5122",
        "fake: p_fake 0.5123, above 0.5122",
        "fake: p_fake 0.512",
    ]


def test_columns_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="one entry per photo"):
        evidence_figure([], floats([[[1.0]]]), np.array([1]), np.array([0.5]), ["a"], "T", threshold=0.5)
