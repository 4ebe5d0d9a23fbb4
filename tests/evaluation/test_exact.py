"""Where every image was judged alike, intervals are those of an exact binomial test on the groups behind the figure."""

import numpy as np
import pytest
from scipy import stats

from dfdetect.evaluation.crossval import summarise
from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.exact import Evidence, evidence_of, share, widen
from dfdetect.evaluation.metrics import ScoreTable
from dfdetect.evaluation.out_of_fold import Fold
from dfdetect.evaluation.robustness import evaluate_robustness
from tests.evaluation.test_evaluate import predictions


def exact(right: int, n: int, level: float = 0.95) -> list[float]:
    interval = stats.binomtest(right, n).proportion_ci(level, method="exact")
    return [float(interval.low), float(interval.high)]


def singles(events, trials):
    """So many hits among images that are each a group of its own."""
    return share(np.arange(trials) < events, np.arange(trials))


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("n", [1, 2, 12, 1000])
def test_all_right_and_all_wrong_have_scipys_exact_interval(n, level):
    for of_all, of_none in ((Evidence(n), Evidence(n)), (singles(n, n), singles(0, n))):
        assert widen((1.0, 1.0), of_all, level) == pytest.approx(exact(n, n, level))
        assert widen((0.0, 0.0), of_none, level) == pytest.approx(exact(0, n, level))


@pytest.mark.parametrize("interval", [None, (0.0, 1.0), (0.5, 0.5), (0.9, 1.0)])
def test_an_interval_with_a_width_stays_as_it_is(interval):
    assert widen(interval, Evidence(12)) == interval
    assert widen((1.0, 1.0), None) == widen((1.0, 1.0), Evidence(0)) == (1.0, 1.0)


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
    assert evidence_of([(ScoreTable(np.array([0, 0]), np.array([0.9, 0.1])), np.array([0, 1]))])["f1"].groups == 1


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
def test_a_share_that_few_groups_speak_for_or_against_reaches_as_far_as_scipys_exact_interval(events, trials, level):
    few, most = singles(events, trials), singles(trials - events, trials)
    of_few, of_most = (widen((end, end), evidence, level) for end, evidence in ((0.0, few), (1.0, most)))
    assert of_few is not None
    assert of_few[1] == pytest.approx(exact(events, trials, level)[1])
    assert of_most is not None
    assert of_most[0] == pytest.approx(exact(trials - events, trials, level)[0])
    assert widen((0.0, 1.0), few, level) == widen((0.0, 1.0), most, level) == (0.0, 1.0)


def test_a_share_of_no_group_or_of_many_is_as_before():
    assert widen((0.3, 0.7), singles(6, 12)) == (0.3, 0.7)
    assert widen(None, singles(2, 12)) is None
    assert widen((0.0, 0.0), share(np.zeros(0, bool), np.zeros(0, int))) == (0.0, 0.0)


def test_each_mistake_more_lowers_the_lower_bound():
    label = np.arange(200) % 2
    lowest = []
    for wrong in range(12):
        p_fake = np.where((label == 1) ^ (np.arange(200) < wrong), 0.9, 0.1)
        result = evaluate(predictions(label, p_fake), resamples=4000)
        lowest.append(
            [result["intervals"][name][0] for name in ("accuracy", "recall", "specificity", "precision", "f1")]
        )
        if wrong < 5:
            assert result["intervals"]["accuracy"] == pytest.approx(exact(200 - wrong, 200), abs=0.006)
            assert result["intervals"]["accuracy"][0] == pytest.approx(exact(200 - wrong, 200)[0])
    steps = np.diff(lowest, axis=0)
    assert (steps <= 0.01).all(), "but for one image of a class, where the bootstrap takes over"
    assert (np.diff(lowest[::3], axis=0) < 0).all()


def test_a_group_is_one_trial_however_many_images_it_has():
    group = np.repeat(np.arange(5), 40)
    together = share(np.arange(200) >= 40, group)  # all misses in one group
    assert together.bound(upper=False) == pytest.approx(exact(4, 5)[0])
    one = share(np.arange(200) > 0, group)
    assert exact(4, 5)[0] < one.bound(upper=False) < exact(5, 5)[0], "one of 40 images of a group is less than a group"
    assert one.bound(upper=False) == pytest.approx(stats.beta.ppf(0.025, 5 * 199 / 200, 5 / 200 + 1))


def test_f1_has_the_bound_of_the_share_it_is_made_of():
    hit = np.arange(40) < 38
    low = exact(38, 40)[0]
    assert share(hit, np.arange(40), f1=True).bound(upper=False) == pytest.approx(2 * low / (1 + low))


def test_one_flip_leaves_more_room_than_none():
    label, group = np.arange(36) % 2, [str(i // 3) for i in range(36)]
    p_fake = np.where(label == 1, 0.9, 0.1)
    flipped = p_fake.copy()
    flipped[0] = 0.9
    clean = Predictions([f"{i}.png" for i in range(36)], label, p_fake, group, [""] * 36)
    curve = evaluate_robustness(clean, [("jpeg", 90.0), ("jpeg", 50.0)], np.stack([p_fake, flipped]), 0.5)
    none, one = (point["intervals"]["flips"] for point in curve["corruptions"]["jpeg"]["severities"])
    assert none == pytest.approx(exact(0, 12))
    assert none[1] < one[1] < exact(1, 12)[1]
    assert one[1] == pytest.approx(stats.beta.ppf(0.975, 12 / 36 + 1, 12 * 35 / 36))


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
