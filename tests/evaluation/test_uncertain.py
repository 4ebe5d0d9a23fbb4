import numpy as np
import pytest

from dfdetect.evaluation.uncertain import UncertainBand, choose_band


def by_hand(label, p_fake, threshold, stated_error):
    """Largest share answered, surest first, whose error is small enough, by trying every width."""
    best = 0
    for width in [-1.0, *np.abs(p_fake - threshold)]:
        answered = np.abs(p_fake - threshold) > width
        wrong = (p_fake >= threshold) != label
        if answered.sum() >= 3 / stated_error - 1e-9 and wrong[answered].sum() <= stated_error * answered.sum() + 1e-12:
            best = max(best, int(answered.sum()))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_it_answers_as_many_as_trying_every_width(seed):
    generator = np.random.default_rng(seed)
    n, stated = int(generator.integers(60, 300)), float(generator.choice([0.05, 0.1, 0.2]))
    label = generator.integers(0, 2, n)
    scores = 0.5 + (label - 0.5) * 0.4 + generator.normal(0, 0.3, n)
    p_fake = np.clip(scores, 0, 1).round(2).astype(np.float64)  # with ties, zeros and ones
    threshold = float(generator.uniform(0.3, 0.7))
    band = choose_band(label, p_fake, threshold, stated)
    wanted = by_hand(label, p_fake, threshold, stated)
    if band is None:
        assert wanted == 0
        return
    uncertain = np.array([band.holds(p) for p in p_fake])
    answered = ~uncertain
    assert answered.sum() == wanted == round(band.coverage * n)
    wrong = (p_fake >= threshold) != label
    assert wrong[answered].mean() == pytest.approx(band.error)
    assert band.error <= stated == band.stated_error
    assert band.n == n


def test_where_all_may_be_answered_nothing_is_uncertain():
    label = np.repeat([0, 1], 30)
    band = choose_band(label, np.where(label, 0.9, 0.1), 0.5, 0.05)
    assert band == UncertainBand(0.5, 0.5, 0.05, 0.0, 1.0, 60)
    assert not band.holds(0.5)


def test_scores_of_0_and_1_can_be_uncertain():
    label = np.array([0, 1] * 30 + [1] * 60)
    p_fake = np.array([0.0] * 60 + [1.0] * 60)
    band = choose_band(label, p_fake, 0.2, 0.05)
    assert band is not None
    assert band.low == 0
    assert band.holds(0.0)
    assert not band.holds(1.0)
    assert band.coverage == 0.5


def test_a_few_right_answers_prove_nothing():
    label = np.array([1] * 30 + [0, 1] * 30)
    p_fake = np.array([0.99] * 30 + [0.6] * 60)
    assert choose_band(label, p_fake, 0.5, 0.05) is None
    assert choose_band(label, p_fake, 0.5, 0.1) is not None
