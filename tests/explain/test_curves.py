"""Deletion and insertion against a plain loop, on a detector that is a weighted sum of pixels."""

import numpy as np
import pytest
from sklearn.metrics import auc

from dfdetect.explain.curves import FILLS, area, curves_of, filled, order_of

SIDE = 16
RNG = np.random.default_rng(3)
WEIGHTS = RNG.random((SIDE, SIDE)) / SIDE**2


def weighted(batch):
    """p_fake is the weighted mean of red."""
    return (batch[..., 0] / 255 * WEIGHTS).sum(axis=(1, 2)).astype(np.float32)


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def plainly(image, importance, says_fake, fill, steps):
    """The same by sorting and replacing pixel by pixel."""
    empty = filled(image, fill)
    ranked = sorted(np.ndindex(SIDE, SIDE), key=lambda at: -importance[at])
    deleted, inserted = image.copy(), empty.copy()
    scores: tuple[list[float], list[float]] = ([], [])
    for step in range(steps + 1):
        for at in ranked[(step - 1) * len(ranked) // steps if step else 0 : step * len(ranked) // steps]:
            deleted[at], inserted[at] = empty[at], image[at]
        for kept, one in zip(scores, (deleted, inserted), strict=True):
            p_fake = float(weighted(one[None])[0])
            kept.append(p_fake if says_fake else 1 - p_fake)
    return scores


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("says_fake", [True, False])
@pytest.mark.parametrize("steps", [2, 8, 16])
def test_curves_are_those_of_a_plain_loop(fill, says_fake, steps):
    importance = RNG.standard_normal((SIDE, SIDE)).astype(np.float32)
    found = curves_of(weighted, picture(), importance, says_fake, fill, steps)
    deletion, insertion = plainly(picture(), importance, says_fake, fill, steps)
    np.testing.assert_allclose(found.deletion, deletion, atol=1e-6)
    np.testing.assert_allclose(found.insertion, insertion, atol=1e-6)


def test_steps_that_do_not_divide_the_picture_take_all_of_it():
    found = curves_of(weighted, picture(), WEIGHTS.astype(np.float32), True, "mean", 7)
    assert len(found.deletion) == 8
    assert found.deletion[-1] == found.insertion[0]
    assert found.insertion[-1] == found.deletion[0]


def test_the_true_map_beats_its_reverse_and_noise():
    image = np.full((SIDE, SIDE, 3), 40, np.uint8)
    image[4:8, 4:8] = 250
    true = (image[..., 0].astype(np.float32) - filled(image, "mean")[..., 0]) * WEIGHTS.astype(np.float32)
    noise = RNG.standard_normal((SIDE, SIDE)).astype(np.float32)
    ours, reverse, random = (curves_of(weighted, image, one, True, "mean") for one in (true, -true, noise))
    assert area(ours.deletion) < area(random.deletion) < area(reverse.deletion)
    assert area(ours.insertion) > area(random.insertion) > area(reverse.insertion)


def test_equal_places_come_in_no_order_of_rows():
    order = order_of(np.zeros((SIDE, SIDE), np.float32))
    assert sorted(order.tolist()) == list(range(SIDE**2))
    first_half = order[: SIDE**2 // 2] // SIDE
    assert abs(first_half.mean() - (SIDE - 1) / 2) < 1.5
    np.testing.assert_array_equal(order, order_of(np.zeros((SIDE, SIDE), np.float32)))
    assert not np.array_equal(order, order_of(np.zeros((SIDE, SIDE), np.float32), seed=1))


def test_places_come_by_importance():
    importance = RNG.permutation(SIDE**2).reshape(SIDE, SIDE).astype(np.float32)
    np.testing.assert_array_equal(order_of(importance), np.argsort(-importance.ravel()))


def test_fills_take_away_what_can_be_recognised():
    image = picture()
    assert np.ptp(filled(image, "mean").reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_allclose(filled(image, "mean")[0, 0], image.reshape(-1, 3).mean(axis=0), atol=0.5)
    large = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    assert filled(large, "blur").std() < large.std() / 10


def test_area_is_scikit_learns():
    curve = RNG.random(9).astype(np.float32)
    assert area(curve) == pytest.approx(auc(np.linspace(0, 1, 9), curve))
    assert area(np.ones(5, np.float32)) == 1
