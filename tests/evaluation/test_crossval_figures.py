"""Figures of a cross-validation show each fold, and count over all of them what may be counted."""

import numpy as np
import pytest

from dfdetect.evaluation.crossval import summarise
from dfdetect.evaluation.crossval_figures import FIGURES, crossval_figures, mistakes_of_folds_figure
from dfdetect.evaluation.out_of_fold import read_folds
from tests.evaluation.test_crossval import write_folds


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_figures_show_every_fold_and_their_mean(tmp_path, temperature):
    folds = read_folds(write_folds(tmp_path, repeats=2, temperature=temperature))
    result, _ = summarise(folds, 4, 0)
    figures = crossval_figures(folds, result, "mine")
    assert [*figures, "mistakes"] == list(FIGURES)
    assert len(figures["roc"].axes[0].lines) == 8 + 1
    assert f"AURC {result['aurc']:.3f}" in texts(figures["abstention"])
    lines = figures["abstention"].axes[0].lines
    assert len(lines) == 8 + 2
    assert np.asarray(lines[8].get_ydata())[-1] == pytest.approx(result["accuracy"])
    assert "n = 320" in texts(figures["reliability"])
    assert ("uncalibrated" in texts(figures["reliability"])) == (temperature != 1)
    assert str(result["verdicts"][0][0]) in texts(figures["confusion_matrix"])


def test_mistakes_are_called_by_their_truth_and_their_verdict():
    image = np.zeros((8, 8, 3), np.uint8)
    shown = [(image, {"label": 1, "p_fake": 0.04, "path": "fake/x.png"})]
    said = texts(mistakes_of_folds_figure(shown, 99, "title"))
    assert "fake called real" in said
    assert "1 shown, n = 99" in said
    assert "x.png" in said
