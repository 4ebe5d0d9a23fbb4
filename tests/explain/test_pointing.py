import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dfdetect.explain.pointing import area_under_roc, energy_inside, hit, part_evidence, pixel_auroc

from .helpers import floats

MASK = np.zeros((4, 4), bool)
MASK[:2, :2] = True


def test_energy_is_the_share_of_what_speaks_for_fake():
    evidence = np.full((4, 4), -5, np.float32)
    evidence[0, 0], evidence[3, 3] = 3, 1
    assert energy_inside(evidence, MASK) == 0.75
    assert energy_inside(evidence, ~MASK) == 0.25


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_that_says_nothing_counts_as_spread_evenly(value):
    assert energy_inside(np.full((4, 4), value, np.float32), MASK) == 0.25


def test_a_hit_is_the_strongest_place_in_the_mask():
    evidence = np.zeros((4, 4), np.float32)
    assert hit(evidence, MASK) == 0.25  # all places are equal
    evidence[1, 1] = 1
    assert (hit(evidence, MASK), hit(evidence, ~MASK)) == (1, 0)
    evidence[2, 2] = 1
    assert hit(evidence, MASK) == 0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [3, 1000])
def test_area_under_roc_is_scikit_learns(seed, levels):
    rng = np.random.default_rng(seed)
    inside, outside = rng.integers(0, levels, 13), rng.integers(0, levels, 29)
    wanted = roc_auc_score([1] * 13 + [0] * 29, np.concatenate([inside, outside]))
    assert area_under_roc(inside, outside) == pytest.approx(wanted, abs=1e-12)


def test_without_either_there_is_no_area():
    assert np.isnan(area_under_roc([], [1.0]))
    assert np.isnan(area_under_roc([1.0], []))
    assert np.isnan(pixel_auroc(np.zeros((4, 4), np.float32), np.ones((4, 4), bool)))


def test_pixels_are_ranked_by_their_sign_too():
    evidence = floats(np.where(MASK, -1, -2))
    assert pixel_auroc(evidence, MASK) == 1
    assert pixel_auroc(-evidence, MASK) == 0


def test_parts_have_their_mean_evidence():
    evidence = floats(np.arange(16).reshape(4, 4))
    parts = {"nose": MASK, "mouth": ~MASK, "left_eye": np.zeros((4, 4), bool)}
    found = part_evidence(evidence, parts)
    assert found["nose"] == evidence[MASK].mean()
    assert found["mouth"] == pytest.approx(evidence[~MASK].mean())
    assert np.isnan(found["left_eye"])
