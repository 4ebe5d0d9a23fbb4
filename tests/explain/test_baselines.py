import numpy as np

from dfdetect.explain.baselines import centre_prior, less_average, others, random_maps, with_other_verdict


def test_the_bell_is_highest_in_the_middle_and_the_same_on_all_sides():
    bell = centre_prior((9, 9))
    assert bell.argmax() == 4 * 9 + 4
    for other in (bell[::-1], bell[:, ::-1], bell.T):
        np.testing.assert_allclose(bell, other, rtol=1e-6)
    assert (bell > 0).all()
    assert bell[4, 4] == 1


def test_noise_is_the_same_again_and_speaks_for_either():
    noise = random_maps(200, (7, 7), seed=1)
    np.testing.assert_array_equal(noise, random_maps(200, (7, 7), seed=1))
    assert abs((noise > 0).mean() - 0.5) < 0.02
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.5


def test_another_picture_has_the_same_verdict_and_another_group():
    verdicts = [True, True, False, False, True]
    groups = ["a", "b", "c", "d", "a"]
    chosen = others(verdicts, groups)
    for place, partner in enumerate(chosen):
        assert verdicts[partner] == verdicts[place]
        assert groups[partner] != groups[place]
    assert with_other_verdict(verdicts, chosen) == 0


def test_without_another_picture_of_that_verdict_one_of_the_other_stands_in_and_never_the_picture_itself():
    lonely = [True, False, False]
    chosen = others(lonely, ["a", "b", "c"])
    assert chosen[0] in (1, 2)
    assert chosen[1:] == [2, 1]
    assert with_other_verdict(lonely, chosen) == 1
    assert others([True, True, False], ["a", "a", "b"])[:2] == [2, 2]  # of another group before the same verdict
    assert others([True, False], ["a", "a"]) == [1, 0]


def test_less_average_leaves_a_picture_out_of_its_own_mean():
    maps = list(np.random.default_rng(0).standard_normal((5, 3, 3)).astype(np.float32))
    for place, found in enumerate(less_average(maps)):
        rest = np.mean([one for i, one in enumerate(maps) if i != place], axis=0)
        np.testing.assert_allclose(found, maps[place] - rest, atol=1e-6)
    np.testing.assert_array_equal(less_average(maps[:1])[0], maps[0])
