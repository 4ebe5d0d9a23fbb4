import numpy as np
import pytest

from dfdetect.explain.baselines import OTHER, RANDOM, RELATIVE
from dfdetect.explain.comparing import MAP, maps_of
from dfdetect.explain.curves import area, curves_of
from dfdetect.explain.score_curves import score_curves

from .examples import SIDE, cases


def red(batch):
    """p_fake is how red the upper left quarter is; its true map is known."""
    return (batch[:, : SIDE // 2, : SIDE // 2, 0] / 255).mean(axis=(1, 2)).astype(np.float32)


def true_maps(made):
    quarter = np.zeros((SIDE, SIDE), np.float32)
    quarter[: SIDE // 2, : SIDE // 2] = 1
    return [quarter * (case.picture[..., 0] - case.picture[..., 0].mean()) for case in made]


def test_areas_and_curves_are_means_over_pictures():
    made = cases(12)
    maps = maps_of(made, 0.5)
    found = score_curves(made, maps, red, 0.5, "mean", 8)
    assert (found["n"], found["n_groups"], found["steps"]) == (12, 4, 8)
    plain = []
    for case in made:
        says_fake = case.p_fake >= 0.5
        plain.append(curves_of(red, case.picture, case.evidence * (1 if says_fake else -1), says_fake, "mean", 8))
    assert found["deletion"][MAP]["value"] == pytest.approx(np.mean([area(one.deletion) for one in plain]))
    assert found["insertion"][MAP]["value"] == pytest.approx(np.mean([area(one.insertion) for one in plain]))
    np.testing.assert_allclose(
        found["curves"][MAP]["deletion"]["mean"], np.mean([one.deletion for one in plain], axis=0), rtol=1e-6
    )
    assert len(found["curves"][MAP]["insertion"]["interval"]) == 9
    assert RELATIVE not in found["deletion"]


@pytest.mark.parametrize("threshold", [0.0, 1.1])
def test_a_true_map_is_better_than_noise_for_both_verdicts(threshold):
    made = cases(30)
    maps = maps_of(made, threshold) | {MAP: true_maps(made)}
    found = score_curves(made, maps, red, threshold, "mean", 8)
    assert found["deletion"][RANDOM]["difference_interval"][1] < 0
    assert found["insertion"][RANDOM]["difference_interval"][0] > 0
    assert OTHER in found["deletion"]
