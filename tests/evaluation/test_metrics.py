"""Metrics of any weighting agree with scikit-learn's, and with a sample repeated as often as it weighs."""

import math

import numpy as np
import pytest
from scipy import special
from sklearn import metrics as reference

from dfdetect.evaluation.metrics import ECE_BINS, ScoreTable, equal_error_rate, retempered

RANKING = ("auroc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")


def random_scores(seed: int, n: int, levels: int | None = None):
    """Labels of both classes, scores with or without ties, and whole weights of which some are 0."""
    rng = np.random.default_rng(seed)
    label = np.append([0, 1], rng.integers(0, 2, n - 2)).astype(np.int64)
    p_fake = rng.random(n)
    weights = np.append([1, 1], rng.integers(0, 4, n - 2)).astype(np.float64)
    return label, np.round(p_fake * levels) / levels if levels else p_fake, weights


def measured(label, p_fake, weights=None, threshold: float = 0.5) -> dict[str, float]:
    table = ScoreTable(np.asarray(label, np.int64), np.asarray(p_fake, np.float64), threshold)
    rows = None if weights is None else np.asarray(weights, np.float64)[table.order][None]
    return {name: float(values[0]) for name, values in table.measure(rows).items()}


def plain_aurc(label, p_fake, threshold: float) -> float:
    """By its words: for each sample, the error rate among all that are at least as sure."""
    confidence = np.abs(p_fake - threshold)
    wrong = (p_fake >= threshold) != (label == 1)
    return float(np.mean([wrong[confidence >= one].mean() for one in confidence]))


def plain_ece(label, p_fake) -> float:
    """By its words: the mean gap between p_fake and the share of fakes, over bins."""
    place = np.minimum((p_fake * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(p_fake[place == b].mean() - label[place == b].mean()) * (place == b).sum() for b in np.unique(place)]
    return float(np.sum(gaps) / len(label))


@pytest.mark.parametrize("levels", [None, 10, 3], ids=["continuous", "ties", "many ties"])
@pytest.mark.parametrize("n", [2, 3, 20, 500])
@pytest.mark.parametrize("seed", range(4))
def test_agree_with_scikit_learn_under_weights(seed, n, levels):
    label, p_fake, weights = random_scores(seed, n, levels)
    called, options = p_fake >= 0.4, {"sample_weight": weights}
    false_alarm, hit, _ = reference.roc_curve(label, p_fake, drop_intermediate=False, **options)
    expected = {
        "accuracy": reference.accuracy_score(label, called, **options),
        "precision": reference.precision_score(label, called, zero_division=np.nan, **options),
        "recall": reference.recall_score(label, called, **options),
        "specificity": reference.recall_score(label, called, pos_label=0, **options),
        "f1": reference.f1_score(label, called, **options),
        "auroc": reference.roc_auc_score(label, p_fake, **options),
        "average_precision": reference.average_precision_score(label, p_fake, **options),
        "tpr_at_fpr_1": hit[false_alarm <= 0.01].max(),
        "tpr_at_fpr_5": hit[false_alarm <= 0.05].max(),
        "log_loss": reference.log_loss(label, p_fake, **options),
        "brier": reference.brier_score_loss(label, p_fake, **options),
    }
    values = measured(label, p_fake, weights, threshold=0.4)
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("levels", [None, 10, 3], ids=["continuous", "ties", "many ties"])
@pytest.mark.parametrize("seed", range(10))
def test_a_weight_is_a_repetition(seed, levels):
    label, p_fake, weights = random_scores(seed, 40, levels)
    repeat = weights.astype(int)
    again = measured(np.repeat(label, repeat), np.repeat(p_fake, repeat), threshold=0.3)
    assert measured(label, p_fake, weights, threshold=0.3) == pytest.approx(again, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("levels", [None, 10, 3], ids=["continuous", "ties", "many ties"])
@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_and_risk_are_what_they_say(seed, levels):
    label, p_fake, _ = random_scores(seed, 60, levels)
    values = measured(label, p_fake, threshold=0.4)
    assert values["ece"] == pytest.approx(plain_ece(label, p_fake))
    assert values["aurc"] == pytest.approx(plain_aurc(label, p_fake, 0.4))


@pytest.mark.parametrize(
    ("label", "p_fake", "eer"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 0.0),
        ([0, 0, 1, 1], [0.8, 0.9, 0.1, 0.2], 1.0),
        ([0, 0, 1, 1], [0.1, 0.7, 0.3, 0.9], 0.5),
        ([0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9], 0.25),
    ],
    ids=["perfect", "reversed", "one of two wrong", "all tied", "one of four wrong"],
)
def test_equal_error_rate(label, p_fake, eer):
    assert equal_error_rate(np.array(label), np.array(p_fake)) == pytest.approx(eer)


@pytest.mark.parametrize("label", [[0], [1], [0, 0, 0], [1, 1]])
def test_ranking_is_undefined_on_one_class(label):
    values = measured(label, np.linspace(0, 1, len(label)))
    assert all(math.isnan(values[name]) for name in RANKING)
    assert all(math.isfinite(values[name]) for name in ("accuracy", "log_loss", "brier", "ece", "aurc"))


def test_equal_error_rate_of_nothing_or_of_broken_scores_is_undefined():
    assert math.isnan(equal_error_rate(np.array([], np.int64), np.array([])))
    assert math.isnan(equal_error_rate(np.array([0, 1]), np.array([0.5, np.nan])))


@pytest.mark.parametrize("p_fake", [[], [np.nan, 0.5], [0.5, 1.1], [-0.1, 0.5]])
def test_scores_that_are_no_probabilities_are_refused(p_fake):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        ScoreTable(np.zeros(len(p_fake), np.int64), np.array(p_fake))


def test_certainty_that_is_wrong_costs_much_but_not_infinitely():
    assert 30 < measured([1, 0], [0.0, 1.0])["log_loss"] < 40


@pytest.mark.parametrize("had", [0.05, 0.7, 1.0, 3.0, 20.0])
def test_a_temperature_is_taken_back(had):
    margin = np.array([-30.0, -2.0, 0.0, 0.5, 30.0])
    np.testing.assert_allclose(retempered(special.expit(margin / had), had, 1.0), special.expit(margin), rtol=1e-9)
    assert retempered(np.array([0.0, 1.0]), had, 1.0).tolist() == [0.0, 1.0]


def test_float32_weights_give_the_same_figures():
    label, p_fake, weights = random_scores(0, 5000)
    table = ScoreTable(label, p_fake)
    row = weights[table.order][None]
    exact, single = table.measure(row), table.measure(row.astype(np.float32))
    for name, value in exact.items():
        np.testing.assert_allclose(single[name], value, rtol=2e-5, err_msg=name)


@pytest.mark.parametrize(
    "only",
    [
        ("auroc",),
        ("accuracy", "f1"),
        ("accuracy_at_half", "eer"),
        ("brier_uncalibrated",),
        ("aurc", "ece", "tpr_at_fpr_1"),
        (),
    ],
)
def test_metrics_asked_for_alone_are_those_of_all(only):
    label, p_fake, weights = random_scores(3, 200, 20)
    every = ScoreTable(label, p_fake, 0.4, 1.5)
    rows = weights[every.order][None].astype(np.float32)
    for given in (None, rows):
        whole = every.measure(given)
        some = ScoreTable(label, p_fake, 0.4, 1.5, only).measure(given)
        assert {name: value.tolist() for name, value in some.items()} == {name: whole[name].tolist() for name in only}
