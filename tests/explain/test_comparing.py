import numpy as np
import pytest
from scipy import stats

from dfdetect.explain.baselines import CENTRE, OTHER, RANDOM, RELATIVE
from dfdetect.explain.comparing import MAP, compared, group_index, maps_of

from .examples import SIDE, cases


def test_each_map_has_the_size_of_its_picture():
    found = cases(9)
    maps = maps_of(found, 0.5)
    assert list(maps) == [MAP, CENTRE, RANDOM, OTHER, RELATIVE]
    assert {one.shape for own in maps.values() for one in own} == {(SIDE, SIDE)}
    assert {len(own) for own in maps.values()} == {9}
    np.testing.assert_allclose(maps[MAP][0], found[0].evidence, atol=1e-6)


def test_the_other_map_is_of_the_same_verdict():
    found = cases(30)
    verdict = {case.evidence.tobytes(): case.p_fake >= 0.5 for case in found}
    for case, other in zip(found, maps_of(found, 0.5)[OTHER], strict=True):
        assert verdict[other.tobytes()] == (case.p_fake >= 0.5)


def test_groups_are_numbered():
    assert group_index(cases(6)).tolist() == [0, 0, 0, 1, 1, 1]


def test_means_and_paired_differences_are_those_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 2)
    ours = rng.random(60)
    values = {"map": ours, "same": ours, "worse": ours - 0.1}
    found = compared(values, group)
    assert found["map"]["value"] == pytest.approx(ours.mean())
    assert "difference" not in found["map"]
    assert found["same"]["difference_interval"] == [0, 0]
    assert found["same"]["p"] == 1
    np.testing.assert_allclose(found["worse"]["difference_interval"], 0.1, atol=1e-6)  # paired: no spread at all
    assert found["worse"]["p"] < 0.01
    pairs = ours.reshape(30, 2).mean(axis=1)
    drawn = rng.choice(pairs, (4000, 30)).mean(axis=1)
    np.testing.assert_allclose(found["map"]["interval"], np.quantile(drawn, [0.025, 0.975]), atol=0.02)


@pytest.mark.parametrize(("groups", "told"), [(9, False), (10, True)])
def test_of_few_groups_no_interval_is_told(groups, told):
    values = {"map": np.full(groups, 0.9), "centre": np.linspace(0.1, 0.3, groups)}
    found = compared(values, np.arange(groups))["centre"]
    assert found["difference"] == pytest.approx(0.7)
    assert (found["difference_interval"] is not None) == (found["p"] is not None) == told
    assert (found["interval"] is not None) == told


def test_one_hit_of_twelve_leaves_more_room_than_none():
    hits = {f"{count}": (np.arange(12) < count).astype(float) for count in (0, 1, 11, 12)}
    found = compared(hits, np.arange(12))
    for count in (0, 1, 11, 12):
        low, high = stats.binomtest(count, 12).proportion_ci(method="exact")
        if count < 6:
            assert found[f"{count}"]["interval"] == pytest.approx([0, high])
        else:
            assert found[f"{count}"]["interval"] == pytest.approx([low, 1])


def test_a_single_group_has_no_interval():
    found = compared({"map": np.ones(3), "other": np.zeros(3)}, np.zeros(3, np.int64))
    assert found["map"]["interval"] is None
    assert found["other"]["difference_interval"] is None
    assert found["other"]["difference"] == 1
