"""Temperature and threshold are the best ones by their own words, checked by SciPy and by trying all."""

import numpy as np
import pytest
from scipy import optimize, special
from sklearn import metrics as reference

from dfdetect.evaluation.calibration import TEMPERATURES, at_bound, choose_threshold, fit_temperature, sigmoid


def margins(seed: int, n: int = 400, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn with probability sigmoid(true margin), and margins that are `sharpness` times the true ones."""
    rng = np.random.default_rng(seed)
    true = 1.5 * rng.normal(size=n)
    label = (rng.random(n) < special.expit(true)).astype(np.int64)
    return sharpness * true, label


def test_sigmoid_is_scipys_and_never_overflows():
    margin = np.array([-800.0, -30.0, -1.0, 0.0, 1.0, 30.0, 800.0])
    np.testing.assert_allclose(sigmoid(margin), special.expit(margin), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(4))
def test_temperature_is_the_minimum_that_scipy_finds(seed, sharpness):
    margin, label = margins(seed, sharpness=sharpness)

    def loss(temperature: float) -> float:
        return float(reference.log_loss(label, special.expit(margin / temperature)))

    found = optimize.minimize_scalar(loss, bounds=TEMPERATURES, method="bounded", options={"xatol": 1e-8})
    assert fit_temperature(margin, label) == pytest.approx(found.x, rel=1e-4)


def test_temperature_finds_back_how_much_too_sure_a_network_is():
    margin, label = margins(0, n=50_000, sharpness=4.0)
    assert fit_temperature(margin, label) == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize("sign", [1, -1])
def test_temperature_stays_within_its_bounds(sign):
    margin, label = sign * np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    assert fit_temperature(margin, label) == pytest.approx(TEMPERATURES[0] if sign == 1 else TEMPERATURES[1])
    assert at_bound(fit_temperature(margin, label))
    assert not at_bound(fit_temperature(*margins(0)))


@pytest.mark.parametrize("levels", [None, 10, 2], ids=["continuous", "ties", "two scores"])
@pytest.mark.parametrize("seed", range(8))
def test_threshold_is_the_best_of_all(seed, levels):
    margin, label = margins(seed, n=60)
    p_fake = sigmoid(margin) if levels is None else np.round(sigmoid(margin) * levels) / levels
    chosen = choose_threshold(label, p_fake)
    assert 0 < chosen < 1
    tried = [reference.balanced_accuracy_score(label, p_fake >= t) for t in np.linspace(0.0005, 0.9995, 1000)]
    assert reference.balanced_accuracy_score(label, p_fake >= chosen) >= max(tried) - 1e-12


@pytest.mark.parametrize(
    ("p_fake", "threshold"),
    [([0.1, 0.2, 0.8, 0.9], 0.5), ([0.6, 0.7, 0.8, 0.9], 0.75), ([0.6] * 4, 0.5), ([0.0] * 4, 0.5), ([1.0] * 4, 0.5)],
    ids=["half-way", "shifted", "all alike", "all 0", "all 1"],
)
def test_threshold_lies_between_scores(p_fake, threshold):
    assert choose_threshold(np.array([0, 0, 1, 1]), np.array(p_fake)) == pytest.approx(threshold)
