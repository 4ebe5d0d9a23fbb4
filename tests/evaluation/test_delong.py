"""DeLong's test against its definition, the jackknife, Hanley and McNeil's closed form, and its own promise."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from dfdetect.evaluation.delong import delong, holm, paired_p


def scores(seed: int, n: int, detectors: int = 3, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.append([0, 0, 1, 1], rng.integers(0, 2, n - 4)).astype(np.int64)
    shared = rng.normal(size=n)
    values = np.stack([shared + rng.normal(size=n) + label * (0.5 + 0.3 * k) for k in range(detectors)])
    return label, np.round(values) if ties else values


def by_definition(label: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong, DeLong and Clarke-Pearson's structural components, pair by pair: O(mn)."""
    fakes, reals = np.flatnonzero(label == 1), np.flatnonzero(label == 0)
    kernel = np.zeros((len(values), len(fakes), len(reals)))
    for k, row in enumerate(values):
        for i, fake in enumerate(fakes):
            for j, real in enumerate(reals):
                kernel[k, i, j] = 1.0 if row[fake] > row[real] else 0.5 if row[fake] == row[real] else 0.0
    area = kernel.mean(axis=(1, 2))
    covariance = np.zeros((len(values), len(values)))
    for a in range(len(values)):
        for b in range(len(values)):
            of_fakes = (kernel[a].mean(axis=1) - area[a]) @ (kernel[b].mean(axis=1) - area[b]) / (len(fakes) - 1)
            of_reals = (kernel[a].mean(axis=0) - area[a]) @ (kernel[b].mean(axis=0) - area[b]) / (len(reals) - 1)
            covariance[a, b] = of_fakes / len(fakes) + of_reals / len(reals)
    return area, covariance


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("seed", "n"), [(0, 5), (1, 40), (2, 150)])
def test_areas_and_covariance_are_those_of_the_definition(seed, n, ties):
    label, values = scores(seed, n, ties=ties)
    areas, covariance = delong(label, values)
    expected_areas, expected = by_definition(label, values)
    assert areas == pytest.approx(expected_areas, abs=1e-12)
    assert covariance == pytest.approx(expected, abs=1e-12)
    assert areas == pytest.approx([roc_auc_score(label, row) for row in values], abs=1e-12)


def test_the_variance_is_that_of_the_two_sample_jackknife():
    """Arvesen (1969): leave out one image after the other, and measure again."""
    label, values = scores(3, 60, detectors=1)
    variance = 0.0
    for of_class in (0, 1):
        members = np.flatnonzero(label == of_class)
        left_out = [roc_auc_score(np.delete(label, i), np.delete(values[0], i)) for i in members]
        variance += (len(members) - 1) / len(members) * np.sum((left_out - np.mean(left_out)) ** 2)
    assert delong(label, values)[1][0, 0] == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("rate", [1.0, 2.0, 5.0])
def test_the_variance_is_hanley_and_mcneils_for_exponential_scores(rate):
    """Radiology 143 (1982): exact for exponential distributions, area A, Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A)."""
    rng = np.random.default_rng(4)
    m = n = 4000
    values = np.concatenate([rng.exponential(1.0, n), rng.exponential(rate, m)])[None]
    areas, covariance = delong(np.repeat([0, 1], [n, m]), values)
    area = rate / (1 + rate)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    closed = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)
    assert areas[0] == pytest.approx(area, abs=4 * math.sqrt(closed))
    assert covariance[0, 0] == pytest.approx(closed, rel=0.08)


def test_equal_detectors_are_called_different_as_often_as_promised():
    p = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        label = rng.permutation(np.repeat([0, 1], 40))
        shared = rng.normal(size=80) + label
        values = np.stack([shared + rng.normal(size=80) for _ in range(2)])
        p.append(paired_p(*delong(label, values), 0, 1))
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.09
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_p_is_that_of_a_normal_z_and_the_same_both_ways():
    label, values = scores(5, 80)
    areas, covariance = delong(label, values)
    contrast = np.array([1.0, 0.0, -1.0])
    z = contrast @ areas / np.sqrt(contrast @ covariance @ contrast)
    assert paired_p(areas, covariance, 0, 2) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    assert paired_p(areas, covariance, 2, 0) == paired_p(areas, covariance, 0, 2)


def test_the_same_detector_twice_differs_by_nothing():
    label, values = scores(6, 50, detectors=1)
    assert paired_p(*delong(label, np.concatenate([values, values * 3 + 1])), 0, 1) == 1.0


def test_where_nothing_varies_there_is_no_p():
    label = np.array([0, 0, 1, 1])
    assert math.isnan(paired_p(*delong(label, np.array([[0.1, 0.2, 0.8, 0.9], [0.5, 0.5, 0.5, 0.5]])), 0, 1))


@pytest.mark.parametrize(("label", "row"), [([0, 1, 1], [0.1, 0.2, 0.3]), ([0, 0, 1, 1], [0.1, math.nan, 0.3, 0.4])])
def test_too_few_images_and_broken_scores_are_refused(label, row):
    with pytest.raises(ValueError, match="two images of each class"):
        delong(np.array(label), np.array([row]))


def test_holm_on_the_textbook_and_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5]) == [0.5]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_passes_over_what_is_undefined():
    first, undefined, last = holm([0.01, math.nan, 0.02])
    assert (first, last) == pytest.approx((0.02, 0.02))
    assert math.isnan(undefined)


def test_a_hundred_thousand_images_are_no_matter():
    """Midranks, not pairs: 2.5 billion pairs would take minutes."""
    label, values = scores(7, 100_000, detectors=2)
    areas, covariance = delong(label, values)
    assert areas[0] == pytest.approx(roc_auc_score(label, values[0]), abs=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > 0
