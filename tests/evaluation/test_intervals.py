"""Intervals cover what they promise, widen with groups, and agree with SciPy's bootstrap."""

import numpy as np
import pytest
from scipy import stats

from dfdetect.evaluation.delong import delong, paired_p
from dfdetect.evaluation.intervals import (
    difference_interval,
    group_bootstrap,
    percentile_interval,
    resample,
    two_sided_p,
)
from dfdetect.evaluation.metrics import ScoreTable


def scores(seed: int, n: int, distance: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(np.int64)
    return label, 1 / (1 + np.exp(-(rng.normal(size=n) + distance * (label - 0.5))))


def test_accuracy_has_the_interval_of_scipys_bootstrap_and_of_the_normal_approximation():
    label, p_fake = scores(0, 400)
    right = (p_fake >= 0.5) == (label == 1)
    table = ScoreTable(label, p_fake)
    low, high = group_bootstrap(table, np.arange(400), resamples=4000)["accuracy"] or (0, 0)
    theirs = stats.bootstrap((right,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.006)
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert (low, high) == pytest.approx((right.mean() - half, right.mean() + half), abs=0.008)


def test_auroc_has_the_width_of_hanley_and_mcneils_formula():
    label, p_fake = scores(1, 600)
    table = ScoreTable(label, p_fake)
    area, n1 = float(table.measure()["auroc"][0]), int(label.sum())
    n0, q1, q2 = 600 - n1, area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt((area * (1 - area) + (n1 - 1) * (q1 - area**2) + (n0 - 1) * (q2 - area**2)) / (n0 * n1))
    low, high = group_bootstrap(table, np.arange(600))["auroc"] or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.12)


def test_intervals_cover_the_truth_as_often_as_they_say():
    truth = stats.norm.cdf(1.0 / np.sqrt(2))
    inside = 0
    for seed in range(200):
        label, p_fake = scores(seed + 10, 150)
        low, high = group_bootstrap(ScoreTable(label, p_fake), np.arange(150), resamples=300)["auroc"] or (0, 0)
        inside += low <= truth <= high
    assert 0.90 <= inside / 200 <= 0.99


def calibrated(seed: int, n: int) -> ScoreTable:
    rng = np.random.default_rng(seed)
    p_fake = rng.beta(2, 2, n)
    return ScoreTable((rng.random(n) < p_fake).astype(np.int64), p_fake)


def test_the_interval_of_ece_holds_what_a_sample_of_this_size_has_on_average():
    expected = np.mean([calibrated(seed, 200).measure()["ece"][0] for seed in range(2000)])
    inside = 0
    for seed in range(100):
        table = calibrated(seed, 200)
        low, high = group_bootstrap(table, np.arange(200), resamples=300)["ece"] or (0, 0)
        assert low <= table.measure()["ece"][0] <= high
        inside += low <= expected <= high
    assert inside >= 88


def test_copies_of_one_photo_are_no_further_evidence():
    """Each image four times: groups keep the interval of the images, the plain bootstrap halves it."""
    label, p_fake = scores(2, 200)
    once = group_bootstrap(ScoreTable(label, p_fake), np.arange(200))["auroc"] or (0, 0)
    copies = ScoreTable(np.tile(label, 4), np.tile(p_fake, 4))
    grouped = group_bootstrap(copies, np.tile(np.arange(200), 4))["auroc"] or (0, 0)
    plain = group_bootstrap(copies, np.arange(800))["auroc"] or (0, 0)
    assert grouped == pytest.approx(once, abs=1e-6)
    assert plain[1] - plain[0] == pytest.approx((once[1] - once[0]) / 2, rel=0.15)


def test_the_same_seed_gives_the_same_interval_however_the_work_is_cut(monkeypatch):
    label, p_fake = scores(3, 100)
    table = ScoreTable(label, p_fake)
    whole = group_bootstrap(table, np.arange(100), resamples=50)
    monkeypatch.setattr("dfdetect.evaluation.intervals._CHUNK", 700)
    cut = group_bootstrap(table, np.arange(100), resamples=50)
    for name, interval in whole.items():
        assert cut[name] == pytest.approx(interval, rel=1e-5), name
    assert group_bootstrap(table, np.arange(100), resamples=50, seed=1) != whole


@pytest.mark.parametrize(("label", "group"), [([1], [0]), ([0, 1, 1], [4, 4, 4])])
def test_one_group_says_nothing_about_chance(label, group):
    table = ScoreTable(np.array(label), np.linspace(0.1, 0.9, len(label)))
    assert set(group_bootstrap(table, np.array(group)).values()) == {None}


def test_ranking_of_one_class_has_no_interval_but_accuracy_has():
    intervals = group_bootstrap(ScoreTable(np.ones(20, np.int64), np.linspace(0, 1, 20)), np.arange(20))
    assert intervals["auroc"] is None
    assert intervals["accuracy"] is not None


def test_two_images_never_crash():
    intervals = group_bootstrap(ScoreTable(np.array([0, 1]), np.array([0.5, 0.5])), np.arange(2))
    assert intervals["auroc"] == (0.5, 0.5)


def test_the_interval_of_a_difference_is_newcombes_published_one():
    """Newcombe, Statistics in Medicine 17 (1998), table II, method 10: 56/70 - 48/80 is 0.0524 to 0.3339."""
    bounds = [stats.binomtest(k, n).proportion_ci(0.95, method="wilson") for k, n in ((56, 70), (48, 80))]
    first, second = ((bound.low, bound.high) for bound in bounds)
    assert difference_interval(56 / 70, first, 48 / 80, second) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def no_difference(seed: int, groups: int, copies: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, groups and scores (2, N) of two detectors that are equally good; the images of a group score alike."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(groups), copies)
    label = (np.arange(groups) % 2)[member].astype(np.int64)
    margin = (rng.normal(size=groups) + rng.normal(size=(2, groups)))[:, member] + 1.2 * (label - 0.5)
    return label, member, 1 / (1 + np.exp(-margin - 0.3 * rng.normal(size=margin.shape)))


def test_where_nothing_differs_p_is_below_a_level_as_often_as_it_says_and_delongs_is_not_where_groups_are_shared():
    seeds, below = 300, {"auroc": np.zeros(2), "accuracy": np.zeros(2), "delong": np.zeros(2)}
    levels = np.array([0.05, 0.2])
    for seed in range(seeds):
        label, member, scores = no_difference(seed, groups=40, copies=3)
        first, second = resample([ScoreTable(label, own) for own in scores], member, resamples=200, seed=seed)
        for name in ("auroc", "accuracy"):
            below[name] += (two_sided_p(second[name] - first[name], 40) or 0) <= levels
        below["delong"] += paired_p(*delong(label, scores), 1, 0) <= levels
    for name in ("auroc", "accuracy"):
        low, high = stats.binom.ppf([0.001, 0.999], seeds, levels[:, None]).T / seeds
        assert (below[name] / seeds >= low / 2).all(), name  # few groups: nearly
        assert (below[name] / seeds <= high).all(), name
    assert below["delong"][0] / seeds > 0.15  # it counts each group three times


def test_p_is_the_level_at_which_the_percentile_interval_begins_to_hold_zero():
    differences = np.random.default_rng(5).normal(1.5, 1, 999)
    p = two_sided_p(differences, 100)
    assert p is not None
    for level, holds in ((1 - p + 0.01, True), (1 - p - 0.01, False)):
        low, high = percentile_interval(differences, 100, level) or (0, 0)
        assert (low <= 0 <= high) == holds
    assert p == two_sided_p(-differences, 100)
    assert p == pytest.approx(2 * stats.norm.sf(1.5), rel=0.25)  # of a normal difference 1.5 errors from 0


@pytest.mark.parametrize(
    ("differences", "groups", "p"),
    [
        ([1.0] * 99, 10, 2 / 100),
        ([-1.0] * 99, 10, 2 / 100),
        ([0.0] * 99, 10, 1.0),
        ([1.0] * 90 + [-1.0] * 9, 10, 2 * 10 / 100),
        ([1.0] * 80 + [0.0] * 10 + [-1.0] * 9, 10, 2 * 20 / 100),
        ([1.0] * 50 + [np.nan] * 49, 10, 2 / 51),
        ([1.0] * 49 + [np.nan] * 50, 10, None),
        ([1.0] * 99, 1, None),
    ],
)
def test_p_counts_the_observed_difference_and_no_undefined_one(differences, groups, p):
    assert two_sided_p(np.array(differences), groups) == (None if p is None else pytest.approx(p))
