"""Reliability and abstention are what scikit-learn and a plain loop say, and the figures say their figures."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from dfdetect.evaluation.confidence import abstention, abstention_figure, reliability, reliability_figure
from dfdetect.evaluation.metrics import ECE_BINS, ScoreTable


def scores(seed: int, n: int = 300, levels: int | None = None):
    rng = np.random.default_rng(seed)
    p_fake = rng.random(n)
    label = (rng.random(n) < p_fake).astype(np.int64)
    return label, np.round(p_fake * levels) / levels if levels else p_fake


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_scikit_learns(seed):
    label, p_fake = scores(seed)
    said, true, n = reliability(label, p_fake)
    expected_true, expected_said = calibration_curve(label, p_fake, n_bins=ECE_BINS)
    np.testing.assert_allclose(said, expected_said)
    np.testing.assert_allclose(true, expected_true)
    assert n.sum() == 300
    ece = ScoreTable(label, p_fake).measure()["ece"][0]
    assert float((np.abs(said - true) * n).sum() / 300) == pytest.approx(ece)


@pytest.mark.parametrize("levels", [None, 7])
def test_abstention_is_what_a_plain_loop_says(levels):
    label, p_fake = scores(1, levels=levels)
    confidence = np.abs(p_fake - 0.4)
    right = (p_fake >= 0.4) == (label == 1)
    answered, accuracy = abstention(label, p_fake, 0.4)
    levels_of_confidence = np.unique(confidence)[::-1]
    np.testing.assert_allclose(answered, [(confidence >= c).mean() for c in levels_of_confidence])
    np.testing.assert_allclose(accuracy, [right[confidence >= c].mean() for c in levels_of_confidence])
    assert answered[-1] == 1


@pytest.mark.parametrize("n", [1, 2, 300])
def test_figures_have_a_curve_and_say_what_it_comes_to(n):
    label, p_fake = scores(2, n)
    figure = reliability_figure(label, p_fake, "Test", uncalibrated=p_fake**2)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [name.split(":")[0] for name in names] == ["p_fake as it should be", "calibrated", "uncalibrated"]
    ece = ScoreTable(label, p_fake).measure()["ece"][0]
    assert names[1].endswith(f"ECE {ece:.3f}")
    figure = abstention_figure(label, p_fake, "Test", threshold=0.5)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[0].endswith(f"{ScoreTable(label, p_fake).measure()['aurc'][0]:.3f}")
    assert f"n = {n}" in figure.get_suptitle()
