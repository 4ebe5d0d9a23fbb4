"""The training loop's metrics agree with scikit-learn and with the one evaluation."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.models.metrics import PredictionStore, detection_metrics

NAMES = {"accuracy", "precision", "recall", "f1", "auroc", "average_precision", "eer"}


def random_scores(seed: int, n: int, levels: int | None):
    """Both classes; scores with ties where there are but a few levels."""
    rng = np.random.default_rng(seed)
    label = np.append([0, 1], rng.integers(0, 2, n - 2))
    p_fake = np.clip(0.3 * label + rng.random(n) * 0.7, 0, 1)
    if levels:
        p_fake = np.round(p_fake * levels) / levels
    return label, p_fake.astype(np.float32)


def plain_eer(label, p_fake) -> float:
    """Every threshold in turn, from above the highest score down."""
    gaps = []
    for threshold in [np.inf, *sorted(set(p_fake.tolist()), reverse=True)]:
        called = p_fake >= threshold
        false_alarms, misses = int((called & (label == 0)).sum()), int((~called & (label == 1)).sum())
        n_real, n_fake = int((label == 0).sum()), int((label == 1).sum())
        gaps.append((abs(false_alarms * n_fake - misses * n_real), false_alarms / n_real, misses / n_fake))
    _, false_alarm, miss = min(gaps, key=lambda gap: gap[0])
    return (false_alarm + miss) / 2


def measured(label, p_fake, batch: int | None = None) -> dict[str, float]:
    metrics = detection_metrics("x/")
    for start in range(0, len(label), batch or len(label)):
        part = slice(start, start + (batch or len(label)))
        metrics.update(torch.tensor(p_fake[part]), torch.tensor(label[part]))
    return {name.removeprefix("x/"): float(value) for name, value in metrics.compute().items()}


@pytest.mark.parametrize("levels", [None, 10, 4], ids=["continuous", "ties", "many ties"])
@pytest.mark.parametrize("n", [2, 3, 17, 200])
@pytest.mark.parametrize("seed", range(5))
def test_agree_with_scikit_learn(seed, n, levels):
    label, p_fake = random_scores(seed, n, levels)
    called = p_fake >= 0.5
    expected = {
        "accuracy": reference.accuracy_score(label, called),
        "precision": reference.precision_score(label, called, zero_division=np.nan),
        "recall": reference.recall_score(label, called),
        "f1": reference.f1_score(label, called),
        "auroc": reference.roc_auc_score(label, p_fake),
        "average_precision": reference.average_precision_score(label, p_fake),
        "eer": plain_eer(label, p_fake),
    }
    assert measured(label, p_fake) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(60))
def test_agree_with_the_one_evaluation(seed):
    """On few images with ties, where rounding would choose between thresholds."""
    label, p_fake = random_scores(seed, 5 + seed, 4)
    n = len(label)
    result = evaluate(Predictions([""] * n, label, p_fake.astype(np.float64), [""] * n, [""] * n))
    expected = {name: math.nan if result[name] is None else result[name] for name in NAMES}
    assert measured(label, p_fake) == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_a_score_at_the_threshold_is_called_fake():
    assert measured(np.array([1, 0]), np.array([0.5, 0.4999999], np.float32))["accuracy"] == 1.0


@pytest.mark.parametrize("label", [[0], [1], [0, 0, 0], [1, 1, 1]])
def test_ranking_means_nothing_on_one_class(label):
    values = measured(np.array(label), np.linspace(0, 1, len(label), dtype=np.float32))
    assert set(values) == NAMES
    assert all(math.isnan(values[name]) for name in ("auroc", "average_precision", "eer"))
    assert math.isfinite(values["accuracy"])


def test_precision_without_a_fake_verdict_and_recall_without_a_fake_are_undefined():
    none_called = measured(np.array([0, 1]), np.array([0.1, 0.2], np.float32))
    assert math.isnan(none_called["precision"])
    assert none_called["recall"] == none_called["f1"] == 0.0
    no_fakes = measured(np.array([0, 0]), np.array([0.1, 0.2], np.float32))
    assert all(math.isnan(no_fakes[name]) for name in ("precision", "recall", "f1"))


def test_batches_change_nothing():
    label, p_fake = random_scores(0, 50, 10)
    assert measured(label, p_fake, batch=7) == pytest.approx(measured(label, p_fake), nan_ok=True)


def test_predictions_are_kept_in_order_of_the_index():
    store = PredictionStore()
    store.update(torch.tensor([3, 1]), torch.tensor([1, 0]), torch.tensor([0.3, 0.1]))
    store.update(torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.long), torch.empty(0))
    store.update(torch.tensor([0]), torch.tensor([1]), torch.tensor([-2.0]))
    index, label, margin = store.compute()
    assert index.tolist() == [0, 1, 3]
    assert label.tolist() == [1, 0, 1]
    assert margin.tolist() == pytest.approx([-2.0, 0.1, 0.3])
