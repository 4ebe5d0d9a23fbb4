"""Against scipy's rank correlation and torchmetrics' structural similarity."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torchmetrics.functional.image import structural_similarity_index_measure

from dfdetect.explain.similarity import SIDE, rank_correlation, structural_similarity

from .helpers import floats


def pair(seed, shape=(7, 7), alike=0.5):
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(shape)
    return floats(first), floats(alike * first + (1 - alike) * rng.standard_normal(shape))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rounded", [False, True])
def test_rank_correlation_is_scipys(seed, rounded):
    first, second = pair(seed)
    if rounded:  # which makes many equal
        first, second = np.round(first), np.round(second)
    wanted = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(wanted, abs=1e-9)


def test_rank_correlation_of_a_map_without_places_is_undefined():
    assert np.isnan(rank_correlation(np.zeros((3, 3), np.float32), pair(0, (3, 3))[0]))


@pytest.mark.parametrize("seed", range(4))
def test_structural_similarity_is_torchmetrics(seed):
    first, second = (one / np.abs(one).max() for one in pair(seed, (SIDE, SIDE)))
    x, y = (torch.from_numpy((one.astype(np.float64) + 1) / 2)[None, None] for one in (first, second))
    wanted = structural_similarity_index_measure(x, y, data_range=1.0)
    assert isinstance(wanted, torch.Tensor)
    assert structural_similarity(first, second) == pytest.approx(float(wanted), abs=1e-4)


def test_structure_does_not_depend_on_scale_but_on_sign():
    first, _ = pair(0)
    assert structural_similarity(first, 7 * first) == pytest.approx(1, abs=1e-6)
    assert structural_similarity(first, -first) < 0
    assert structural_similarity(first, np.zeros_like(first)) < 0.5
