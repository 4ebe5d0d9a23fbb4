"""Several detectors on the same images: each difference against a plain computation, and what cannot be compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dfdetect.evaluation.comparison import COMPARED, compare, in_common_order, same_images
from dfdetect.evaluation.delong import delong, holm, paired_p
from dfdetect.evaluation.evaluate import Predictions, evaluate


def detectors(n=120, count=3, seed=0, noise=1.0) -> list[Predictions]:
    """Each one noisier than the last."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(np.int64)
    margin = rng.normal(size=n) + 1.2 * (label - 0.5)
    group = [f"g{i:02}" for i in rng.integers(0, 50, n)]
    paths = [f"{i:03}.jpg" for i in range(n)]
    return [
        Predictions(paths, label, 1 / (1 + np.exp(-(margin + noise * k * rng.normal(size=n)))), group, [""] * n)
        for k in range(count)
    ]


def test_each_has_its_own_metrics_at_its_own_threshold():
    runs, thresholds = detectors(), [0.5, 0.4, 0.7]
    for run, threshold, result in zip(runs, thresholds, compare(runs, thresholds, 100), strict=True):
        alone = evaluate(run, threshold, 100)
        for name in COMPARED:
            assert result[name] == alone[name], name
            assert result["intervals"][name] == alone["intervals"][name], name
        assert result["threshold"] == threshold
        assert result["n_groups"] == len(set(run.group))


def test_differences_are_paired():
    runs = detectors()
    first, second, third = compare(runs, [0.5] * 3)
    assert "against_first" not in first
    for result, run in ((second, runs[1]), (third, runs[2])):
        against = result["against_first"]["auroc"]
        expected = roc_auc_score(run.label, run.p_fake) - roc_auc_score(runs[0].label, runs[0].p_fake)
        assert against["difference"] == pytest.approx(expected, abs=1e-9)
        low, high = against["interval"]
        assert low < expected < high
        apart = [np.subtract(*result["intervals"]["auroc"][::-1]), np.subtract(*first["intervals"]["auroc"][::-1])]
        assert high - low < np.hypot(*apart)  # correlated scores: closer than two independent intervals


def test_the_interval_of_a_difference_agrees_with_delong_where_images_are_independent():
    runs = [replace(run, group=run.path) for run in detectors(n=400)]
    result = compare(runs, [0.5] * 3, 2000)[2]["against_first"]
    areas, covariance = delong(runs[0].label, np.stack([run.p_fake for run in runs]))
    error = np.sqrt(covariance[0, 0] + covariance[2, 2] - 2 * covariance[0, 2])
    low, high = result["auroc"]["interval"]
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    p = [paired_p(areas, covariance, i, 0) for i in (1, 2)]
    assert result["delong_p"] == pytest.approx(p[1])
    assert result["delong_p_holm"] == pytest.approx(holm(p)[1])


def test_the_bootstraps_p_agrees_with_delongs_where_images_are_independent():
    runs = [replace(run, group=run.path) for run in detectors(n=400, count=8, noise=0.1)]
    differences = [result["against_first"] for result in compare(runs, [0.5] * 8, 2000)[1:]]
    assert min(one["delong_p"] for one in differences) < 0.05 < max(one["delong_p"] for one in differences)
    for one in differences:
        assert one["auroc"]["p"] == pytest.approx(one["delong_p"], abs=0.04)


def test_what_any_run_knows_to_belong_together_is_drawn_together():
    """Whichever comes first: the same images may have been listed with groups and without."""
    one, other = detectors(n=300, count=2)
    own = [f"own{i}" for i in range(300)]
    own[0] = own[2] = "joined"
    one, other = replace(one, group=[f"g{i // 2}" for i in range(300)]), replace(other, group=own)
    both, turned = compare([one, other], [0.5, 0.5]), compare([other, one], [0.5, 0.5])
    assert {found["n_groups"] for found in (*both, *turned)} == {149}  # of 150 pairs two are joined
    assert both[0]["intervals"]["auroc"] == turned[1]["intervals"]["auroc"]
    pairs = ["g0" if i in (2, 3) else f"g{i // 2}" for i in range(300)]
    alike = compare([replace(run, group=pairs) for run in (one, other)], [0.5, 0.5])
    wanted = alike[1]["against_first"]["auroc"]["interval"]
    assert both[1]["against_first"]["auroc"]["interval"] == pytest.approx(wanted, abs=0.02)


def test_holm_corrects_each_metric_over_the_runs():
    against = [result["against_first"] for result in compare(detectors(count=4), [0.5] * 4, 200)[1:]]
    for name in COMPARED:
        p = [one[name]["p"] for one in against]
        assert [one[name]["p_holm"] for one in against] == pytest.approx(holm(p)), name
        for one in against:
            low, high = one[name]["interval"]
            assert (one[name]["p"] < 0.04) <= (low > 0 or high < 0), name
    assert any(one["auroc"]["p_holm"] > one["auroc"]["p"] for one in against)


def test_the_same_predictions_differ_by_nothing():
    (run,) = detectors(count=1)
    against = compare([run, run], [0.5, 0.5], 50)[1]["against_first"]
    assert against["delong_p"] == 1.0
    for name in COMPARED:
        assert against[name] == {"difference": 0.0, "interval": [0.0, 0.0], "p": 1.0, "p_holm": 1.0}, name


def test_one_class_leaves_ranking_undefined():
    runs = [replace(run, label=np.ones_like(run.label)) for run in detectors(count=2)]
    result = compare(runs, [0.5, 0.5], 50)[1]
    assert result["auroc"] is None
    assert result["against_first"]["auroc"] == {"difference": None, "interval": None, "p": None, "p_holm": None}
    assert result["against_first"]["delong_p"] is result["against_first"]["delong_p_holm"] is None
    assert result["against_first"]["accuracy"]["difference"] is not None
    json.dumps(result, allow_nan=False)


def test_the_order_of_the_rows_does_not_matter():
    run, other = detectors(count=2)
    order = np.random.default_rng(1).permutation(len(run.path))
    shuffled = Predictions(
        [other.path[i] for i in order],
        other.label[order],
        other.p_fake[order],
        [other.group[i] for i in order],
        other.source,
    )
    assert same_images(run, shuffled)
    assert compare([run, in_common_order(shuffled)], [0.5] * 2, 50) == compare([run, other], [0.5] * 2, 50)


def test_other_images_or_labels_are_not_the_same():
    run, other = detectors(count=2)
    flipped = other.label.copy()
    flipped[3] = 1 - flipped[3]
    for changed in (replace(other, label=flipped), replace(other, path=["x.jpg", *other.path[1:]])):
        assert not same_images(run, changed)
        with pytest.raises(ValueError, match="same images"):
            compare([run, changed], [0.5, 0.5], 10)
