"""Robustness curves against plain loops over images and resamples, and against scikit-learn."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score

from dfdetect.evaluation.evaluate import Predictions
from dfdetect.evaluation.exact import RARE
from dfdetect.evaluation.robustness import evaluate_robustness

VARIANTS = [("jpeg", 95.0), ("jpeg", 30.0), ("noise", 10.0)]
RESAMPLES = 80


def scored(n=90, groups=40, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(np.int64)
    margin = rng.normal(size=n) + label - 0.5
    p_fake = [1 / (1 + np.exp(-(margin + shift * rng.normal(size=n)))) for shift in (0, 0.1, 1.5, 0.7)]
    group = [f"g{i:02}" for i in rng.integers(0, groups, n)]
    clean = Predictions([f"{i}.jpg" for i in range(n)], label, p_fake[0], group, [""] * n)
    return clean, np.stack(p_fake[1:])


def plain_draws(group, resamples):
    """(resamples, N) how often each sample is drawn, one whole group after the other."""
    rng = np.random.default_rng(0)
    names = sorted(set(group))
    for _ in range(resamples):
        drawn = [names[i] for i in rng.integers(0, len(names), len(names), dtype=np.uint32)]
        yield np.array([drawn.count(name) for name in group], float)


def plain_values(label, clean, corrupted, threshold, weights):
    kept = weights > 0
    values = {}
    for name, scores in (("before", clean), ("after", corrupted)):
        values[name] = (
            roc_auc_score(label[kept], scores[kept], sample_weight=weights[kept]),
            accuracy_score(label, scores >= threshold, sample_weight=weights),
        )
    flips = np.average((corrupted >= threshold) != (clean >= threshold), weights=weights)
    return {
        "auroc": values["after"][0],
        "accuracy": values["after"][1],
        "auroc_change": values["after"][0] - values["before"][0],
        "accuracy_change": values["after"][1] - values["before"][1],
        "flips": flips,
    }


@pytest.mark.parametrize("threshold", [0.5, 0.37])
def test_values_and_paired_intervals_are_those_of_a_plain_loop(threshold):
    clean, p_fake = scored()
    result = evaluate_robustness(clean, VARIANTS, p_fake, threshold, RESAMPLES)
    points = [point for curve in result["corruptions"].values() for point in curve["severities"]]
    assert [(point["corruption"], point["severity"]) for point in points] == VARIANTS
    for point, scores in zip(points, p_fake, strict=True):
        expected = plain_values(clean.label, clean.p_fake, scores, threshold, np.ones(len(scores)))
        drawn = [
            plain_values(clean.label, clean.p_fake, scores, threshold, w) for w in plain_draws(clean.group, RESAMPLES)
        ]
        for name, value in expected.items():
            assert point[name] == pytest.approx(value, abs=1e-9), name
            bounds = np.quantile([values[name] for values in drawn], [0.025, 0.975])
            flipped = (scores < threshold) != (clean.p_fake < threshold)
            groups = result["n_groups"]
            few = len(set(np.asarray(clean.group)[flipped])) < RARE  # a bootstrap knows too little of others
            if name == "flips" and few:
                hits = groups * flipped.mean()
                bounds = [bounds[0], max(bounds[1], stats.beta.ppf(0.975, hits + 1, groups - hits))]
            assert point["intervals"][name] == pytest.approx(bounds, abs=1e-5), name


def test_flips_are_counted_in_both_directions():
    label = np.array([0, 1, 0, 1], np.int64)
    clean = Predictions(list("abcd"), label, np.array([0.1, 0.9, 0.6, 0.4]), list("abcd"), [""] * 4)
    corrupted = np.array([[0.7, 0.2, 0.5, 0.45]])
    (point,) = evaluate_robustness(clean, [("blur", 1.0)], corrupted, 0.5)["corruptions"]["blur"]["severities"]
    assert (point["flips"], point["flips_to_fake"], point["flips_to_real"], point["n"]) == (0.5, 1, 1, 4)


def test_what_changes_nothing_is_shown_without_doubt():
    """Paired resamples: the change of identical scores is 0 in each of them, however few images there are.

    That other images would not flip is another thing, of which few images are no proof.
    """
    clean, _ = scored(n=30)
    result = evaluate_robustness(clean, [("jpeg", 95.0)], clean.p_fake[None], 0.5)
    point = result["corruptions"]["jpeg"]["severities"][0]
    assert point["auroc_change"] == point["flips"] == 0
    assert point["intervals"]["auroc_change"] == [0.0, 0.0]
    never = stats.binomtest(0, result["n_groups"]).proportion_ci(method="exact")
    assert point["intervals"]["flips"] == pytest.approx([never.low, never.high])
    low, high = point["intervals"]["auroc"]
    assert high - low > 0.1


def test_the_weakest_point_has_the_lowest_auroc():
    clean, p_fake = scored()
    result = evaluate_robustness(clean, VARIANTS, p_fake, 0.5, RESAMPLES)
    areas = [roc_auc_score(clean.label, scores) for scores in p_fake]
    assert (result["weakest"]["corruption"], result["weakest"]["severity"]) == VARIANTS[int(np.argmin(areas))]
    flips = [np.mean((scores >= 0.5) != (clean.p_fake >= 0.5)) for scores in p_fake]
    assert (result["most_flips"]["corruption"], result["most_flips"]["severity"]) == VARIANTS[int(np.argmax(flips))]


def test_one_class_has_accuracy_and_flips_but_no_auroc():
    clean, p_fake = scored()
    fakes = Predictions(clean.path, np.ones_like(clean.label), clean.p_fake, clean.group, clean.source)
    result = evaluate_robustness(fakes, VARIANTS, p_fake, 0.5, RESAMPLES)
    assert result["weakest"] is None
    point = result["most_flips"]
    assert point["auroc"] is point["auroc_change"] is point["intervals"]["auroc"] is None
    assert point["intervals"]["flips"] is not None
    assert any("undefined" in note for note in result["notes"])
    json.dumps(result, allow_nan=False)


def test_one_image_has_no_interval():
    clean = Predictions(["a"], np.array([1]), np.array([0.7]), ["a"], [""])
    result = evaluate_robustness(clean, [("jpeg", 95.0)], np.array([[0.2]]), 0.5)
    point = result["most_flips"]
    assert point["flips"] == 1.0
    assert set(point["intervals"].values()) == {None}


def test_broken_scores_are_refused():
    clean, p_fake = scored()
    p_fake[1, 3] = np.nan
    with pytest.raises(ValueError, match="must lie in"):
        evaluate_robustness(clean, VARIANTS, p_fake, 0.5)
