"""Folds by themselves: scikit-learn is the judge of each, and neither levels nor ties of other folds count."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dfdetect.data.audit.out_of_fold import FoldTable, Scored, fold_auroc, fold_interval

RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, 2, 120)
FOLDS = np.split(RNG.permutation(120), [30, 70])
SCORES = (RNG.random(120) + 0.3 * LABEL).round(1).astype(np.float64)
SCORED: Scored = [(fold, SCORES[fold]) for fold in FOLDS]


def test_weighted_aurocs_against_scikit_learn():
    weights = RNG.integers(0, 4, (5, 120)).astype(np.float32)
    measured = FoldTable(LABEL, SCORED).measure(weights)["auroc"]
    for row, auroc in zip(weights, measured, strict=True):
        wins = pairs = 0.0
        for fold, score in SCORED:
            share = float(row[fold][LABEL[fold] == 1].sum()) * float(row[fold][LABEL[fold] == 0].sum())
            wins += share * roc_auc_score(LABEL[fold], score, sample_weight=row[fold])
            pairs += share
        assert auroc == pytest.approx(wins / pairs)


def test_the_level_of_a_fold_counts_for_nothing():
    moved = [(fold, score + 10 * number) for number, (fold, score) in enumerate(SCORED)]
    assert fold_auroc(LABEL, moved) == fold_auroc(LABEL, SCORED)


def test_a_tell_of_some_fakes_has_the_auroc_of_its_share_in_any_folds():
    """43 of 100 fakes are known, the rest is like the reals: 0.5 + 0.43 / 2, however often folds are drawn."""
    label = np.repeat([0, 1], 100)
    known = np.zeros(200)
    known[100:143] = 1
    scored = []
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(200)
        scored += [(fold, known[fold]) for fold in np.split(order, 5)]
    assert fold_auroc(label, scored) == pytest.approx(0.715, abs=0.01)


def test_one_class_is_undefined():
    scored = [(np.array([0, 1]), np.array([0.1, 0.2]))]
    assert np.isnan(fold_auroc(np.array([1, 1]), scored))
    assert fold_interval(np.array([1, 1]), scored, np.array([0, 1])) is None


def test_interval_holds_the_figure_and_is_wider_with_fewer_groups():
    own, shared = np.arange(120), np.arange(120) // 12
    low, high = fold_interval(LABEL, SCORED, own) or (0, 0)
    assert low < fold_auroc(LABEL, SCORED) < high
    assert 0.1 < high - low < 0.35
    copies = np.repeat(LABEL[:10], 12)
    scored = [(np.arange(120), np.repeat(np.random.default_rng(1).random(10), 12))]
    wide, narrow = (fold_interval(copies, scored, group) or (0, 0) for group in (shared, own))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
