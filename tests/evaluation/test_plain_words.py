"""Sentences hold the figures of the result, and the worth of a verdict is what counting gives."""

import math

import numpy as np
import pytest

from dfdetect.evaluation.evaluate import evaluate
from dfdetect.evaluation.plain_words import (
    apart,
    beside_guessing,
    cut,
    false_alarms,
    headline,
    misses,
    of_hundred,
    worth_of_a_verdict,
)
from tests.evaluation.test_evaluate import predictions, random_scores


def test_the_headline_holds_the_figures_and_their_intervals():
    result = evaluate(predictions(*random_scores(0, 300)), threshold=0.4)
    ranks, errs = headline(result)
    low, high = result["intervals"]["auroc"]
    assert f"On 300 test images ({result['n_real']} real, {result['n_fake']} fake)" in ranks
    assert f"in {100 * result['auroc']:.0f}% of pairs (95%: {100 * low:.0f} to {100 * high:.0f})" in ranks
    (_, alarms), (missed, _) = result["confusion_matrix"]
    assert f"call {100 * alarms / result['n_real']:.0f} (" in errs
    assert f"miss {100 * missed / result['n_fake']:.0f} (" in errs
    assert "At its threshold of 0.4," in errs


def test_both_error_rates_have_the_intervals_of_what_they_complete():
    result = evaluate(predictions(*random_scores(1, 200)), threshold=0.6)
    for rate, metric in ((false_alarms(result), "specificity"), (misses(result), "recall")):
        assert rate is not None
        share, interval = rate
        assert share == pytest.approx(1 - result[metric])
        low, high = result["intervals"][metric]
        assert interval == pytest.approx((1 - high, 1 - low))


def test_guessing_is_called_guessing():
    label = np.arange(200) % 2
    result = evaluate(predictions(label, np.random.default_rng(0).random(200)))
    assert headline(result)[0].endswith("So it cannot be told from guessing.")
    good = evaluate(predictions(label, 0.2 + 0.6 * label + 0.01 * np.arange(200) / 200))
    assert beside_guessing(good) == ""
    assert beside_guessing(evaluate(predictions(1 - label, 0.2 + 0.6 * label))) == "it is worse than guessing"
    assert "guessing." in headline(good)[0]
    assert "cannot" not in headline(good)[0]


@pytest.mark.parametrize(("label", "missing"), [([0, 0, 0], "fakes"), ([1, 1], "real photos")])
def test_one_class_is_told_and_says_nothing_of_the_other(label, missing):
    result = evaluate(predictions(label, np.linspace(0.1, 0.9, len(label))))
    ranks, errs = headline(result)
    assert "one of the classes is missing" in ranks
    assert f"100 {missing}" not in errs
    assert worth_of_a_verdict(result, (0.5,)) == []


def test_results_of_an_earlier_version_have_no_interval_of_false_alarms():
    result = evaluate(predictions(*random_scores(2, 50)))
    del result["specificity"], result["intervals"]["specificity"]
    rate = false_alarms(result)
    assert rate is not None
    assert rate[1] is None
    assert "to" not in of_hundred(*rate)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_worth_of_a_verdict_is_what_counting_a_population_gives(share):
    result = evaluate(predictions(*random_scores(3, 400)), threshold=0.5)
    (tn, fp), (fn, tp) = result["confusion_matrix"]
    reals, fakes = 1_000_000 * (1 - share), 1_000_000 * share
    called_fake = reals * fp / (tn + fp), fakes * tp / (fn + tp)
    called_real = reals * tn / (tn + fp), fakes * fn / (fn + tp)
    ((shown, fake, real),) = worth_of_a_verdict(result, (share,))
    assert shown == share
    assert fake == pytest.approx(called_fake[1] / sum(called_fake))
    assert real == pytest.approx(called_real[0] / sum(called_real))


def test_a_verdict_that_is_never_given_is_worth_nothing():
    result = evaluate(predictions([0, 1], [0.1, 0.2]), threshold=0.5)
    ((_, fake, real),) = worth_of_a_verdict(result, (0.5,))
    assert math.isnan(fake)
    assert real == 0.5


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0"), (1.0, "100"), (0.364, "36"), (0.004, "0.4"), (0.996, "99.6"), (0.01, "1")]
)
def test_small_shares_are_not_rounded_to_certainty(share, text):
    assert of_hundred(share, None) == text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (0.3, 0.7, ("0.3", "0.7")),
        (0.49871, 0.49912, ("0.4987", "0.4991")),
        (0.5, 0.5000004, ("0.5", "0.5000004")),
        (0.25, 0.25, ("0.25", "0.25")),
        (0.490760950838, 0.490760952327, ("0.490760951", "0.490760952")),
    ],
)
def test_two_figures_look_as_different_as_they_are(first, second, expected):
    assert apart(first, second) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (0.49991, "0.4999"),
        (0.50000001, "0.50000001"),
        (float(np.nextafter(0.5, 0)), "0.4999999999999999"),
        (0.99996, "0.99996"),
        (1.0, "1"),
        (0.0, "0"),
        (1e-300, "1e-300"),
        (0.43219, "0.432"),
        (12.3456, "12.3"),
    ],
)
def test_no_threshold_reads_as_a_half_or_a_bound_that_it_is_not(value, text):
    assert cut(value) == text


def test_thresholds_near_a_half_are_told_apart_from_it_beside_each_other():
    assert apart(0.49991, 0.7) == ("0.4999", "0.7")
