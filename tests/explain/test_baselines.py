import numpy as np

from dfdetect.explain.baselines import centre_prior, less_average, others, random_maps


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
    assert others([True, False], ["a", "b"]) == [0, 1]  # there is none


def test_less_average_leaves_a_picture_out_of_its_own_mean():
    maps = list(np.random.default_rng(0).standard_normal((5, 3, 3)).astype(np.float32))
    for place, found in enumerate(less_average(maps)):
        rest = np.mean([one for i, one in enumerate(maps) if i != place], axis=0)
        np.testing.assert_allclose(found, maps[place] - rest, atol=1e-6)
    np.testing.assert_array_equal(less_average(maps[:1])[0], maps[0])
