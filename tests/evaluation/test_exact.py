"""Where every image was judged alike, intervals are those of an exact binomial test on the groups behind the figure."""

import numpy as np
import pytest
from scipy import stats

from dfdetect.evaluation.crossval import summarise
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.exact import trials_of, widen, widen_rare
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.evaluation.out_of_fold import Fold
from dfdetect.evaluation.robustness import evaluate_robustness
from tests.evaluation.test_evaluate import predictions


def exact(right: int, n: int, level: float = 0.95) -> list[float]:
    interval = stats.binomtest(right, n).proportion_ci(level, method="exact")
    return [float(interval.low), float(interval.high)]


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [1, 2, 12, 1000])
def test_all_right_and_all_wrong_have_scipys_exact_interval(n, level):
    assert widen((1.0, 1.0), n, level) == pytest.approx(exact(n, n, level))
    assert widen((0.0, 0.0), n, level) == pytest.approx(exact(0, n, level))


@pytest.mark.parametrize("interval", [None, (0.0, 1.0), (0.5, 0.5), (0.9, 1.0)])
def test_an_interval_with_a_width_stays_as_it_is(interval):
    assert widen(interval, 12) == interval
    assert widen((1.0, 1.0), None) == widen((1.0, 1.0), 0) == (1.0, 1.0)


def test_a_dozen_reals_that_are_all_called_real_prove_no_certainty():
    label = np.array([0] * 12 + [1] * 200)
    p_fake = np.concatenate([np.linspace(0, 0.3, 12), np.linspace(0.35, 1, 200)])
    result = evaluate(predictions(label, p_fake))
    intervals = result["intervals"]
    assert intervals["specificity"] == pytest.approx(exact(12, 12))
    assert intervals["precision"] == pytest.approx(exact(int((p_fake >= 0.5).sum()), int((p_fake >= 0.5).sum())))
    for name in ("auroc", "average_precision", "tpr_at_fpr_1"):
        assert intervals[name] == pytest.approx(exact(12, 12)), name
    assert intervals["eer"] == pytest.approx(exact(0, 12))
    assert 0 < intervals["recall"][0] < intervals["recall"][1] < 1


def test_groups_and_not_images_are_the_trials():
    label = np.array([0] * 12 + [1] * 12)
    group = [f"{y}-{i % 4}" for i, y in enumerate(label.tolist())]
    result = evaluate(predictions(label, np.where(label == 1, 0.9, 0.1), group=group, source=["a"] * 12 + ["b"] * 12))
    assert result["intervals"]["accuracy"] == pytest.approx(exact(8, 8))
    assert result["intervals"]["recall_at_half"] == pytest.approx(exact(4, 4))
    assert result["intervals"]["aurc"] == pytest.approx(exact(0, 8))
    assert result["per_source"]["b"]["intervals"]["accuracy"] == pytest.approx(exact(4, 4))


def test_no_image_called_fake_and_all_wrong_are_told_too():
    result = evaluate(predictions([0] * 5 + [1] * 7, [0.1] * 12))
    assert result["intervals"]["recall"] == pytest.approx(exact(0, 7))
    assert result["intervals"]["precision"] is None
    assert trials_of([(ScoreTable(np.array([0, 0]), np.array([0.9, 0.1])), np.array([0, 1]))])["f1"] == 1


def test_an_exact_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        p_fake = np.where(rng.random(12) < 0.95, 0.1, 0.9)
        low, high = evaluate(predictions([0] * 12, p_fake), resamples=200)["intervals"]["specificity"]
        inside += low <= 0.95 <= high
    assert inside / 200 >= 0.9


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("events", "trials"), [(1, 1), (3, 3), (1, 12), (2, 12), (4, 12), (3, 1000)])
def test_a_share_of_few_groups_reaches_at_least_as_far_as_scipys_exact_interval(events, trials, level):
    assert widen_rare((0.0, 0.0), events, trials, level) == pytest.approx((0.0, exact(events, trials, level)[1]))
    assert widen_rare((0.01, 1.0), events, trials, level) == (0.01, 1.0)
    if events == trials:
        assert widen_rare((1.0, 1.0), events, trials, level) == widen((1.0, 1.0), trials, level)


def test_a_share_of_no_group_or_of_many_is_as_before():
    assert widen_rare((0.0, 0.0), 0, 12) == widen((0.0, 0.0), 12)
    assert widen_rare((0.3, 0.7), 5, 12) == (0.3, 0.7)
    assert widen_rare(None, 2, 12) is None


def test_one_flip_leaves_more_room_than_none():
    label, group = np.arange(36) % 2, [str(i // 3) for i in range(36)]
    p_fake = np.where(label == 1, 0.9, 0.1)
    flipped = p_fake.copy()
    flipped[0] = 0.9
    clean = Predictions([f"{i}.png" for i in range(36)], label, p_fake, group, [""] * 36)
    curve = evaluate_robustness(clean, [("jpeg", 90.0), ("jpeg", 50.0)], np.stack([p_fake, flipped]), 0.5)
    none, one = (point["intervals"]["flips"] for point in curve["corruptions"]["jpeg"]["severities"])
    assert none == pytest.approx(exact(0, 12))
    assert one[1] == pytest.approx(exact(1, 12)[1])


def test_verdicts_that_never_flip_and_folds_without_a_mistake_have_a_width():
    label = np.arange(20) % 2
    p_fake = np.where(label == 1, 0.9, 0.1)
    clean = predictions(label, p_fake)
    curves = evaluate_robustness(clean, [("jpeg", 50.0)], p_fake[None], 0.5)["corruptions"]
    (point,) = curves["jpeg"]["severities"]
    assert point["intervals"]["flips"] == pytest.approx(exact(0, 20))
    assert point["intervals"]["accuracy"] == pytest.approx(exact(20, 20))
    assert point["intervals"]["accuracy_change"] == [0.0, 0.0]
    folds = []
    for number in range(2):
        own = np.arange(10) + 10 * number
        part = Predictions([f"{i}.png" for i in own], label[own], p_fake[own], [""] * 10, ["a"] * 10)
        folds.append(Fold(0, number, part, {"threshold": 0.5}))
    result = summarise(folds, 2)[0]
    assert result["intervals"]["accuracy"] == pytest.approx(exact(20, 20))
    assert result["intervals"]["auroc"] == pytest.approx(exact(10, 10))
    assert result["per_source"]["a"]["intervals"]["auroc"] == pytest.approx(exact(10, 10))
