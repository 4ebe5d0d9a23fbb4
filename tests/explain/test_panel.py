import itertools

import numpy as np
import pytest

from dfdetect.explain.colours import EVIDENCE, FAKE_END, REAL_END
from dfdetect.explain.panel import SIDE, fitted, panel, percent, plain
from dfdetect.explain.regions import MERGED, Share

SHARES = {name: Share(0.2, 0.1 * i, 0.4 - 0.1 * i, 0.2, 0.02 * i, i - 2.0) for i, name in enumerate(MERGED)}
TITLE = ("fake", "p_fake 0.978 (fake from 0.437)   a.jpg", "model.onnx")


def square(value, side=100):
    return np.full((side, side, 3), value, np.uint8)


def test_pictures_stand_side_by_side_over_the_scale():
    drawn = panel((square(10), square(90), square(200)), TITLE, EVIDENCE, SHARES, "note")
    row = drawn[84 + SIDE // 2]
    assert [row[24 + i * (SIDE + 24) + SIDE // 2, 0] for i in range(3)] == [10, 90, 200]
    bar = drawn[84 + SIDE + 12 + 8]
    assert tuple(bar[24 + SIDE + 24]) == REAL_END
    assert tuple(bar[24 + 2 * SIDE + 23]) == FAKE_END


def test_shares_and_their_heading_are_those_of_the_verdict():
    tables = []
    for verdict in ("fake", "real", "uncertain"):
        drawn = panel((square(10), square(90), square(200)), (verdict, *TITLE[1:]), EVIDENCE, SHARES, "")
        left = 24 + 2 * (SIDE + 24) + 190
        table = drawn[84 + SIDE + 10 :, left : left + 115]
        tables += [table[:20], table[20:140]]
    for first, second in itertools.combinations(range(3), 2):
        assert (tables[2 * first] != tables[2 * second]).any()
        assert (tables[2 * first + 1] != tables[2 * second + 1]).any()


def test_without_landmarks_it_says_so_in_place_of_regions():
    with_shares = panel((square(10), square(90), square(200)), TITLE, EVIDENCE, SHARES, "")
    without = panel((square(10), square(90), None), TITLE, EVIDENCE, {}, "")
    assert without.shape == with_shares.shape
    right = without[84:, 24 + 2 * (SIDE + 24) :]
    assert (right == 255).mean() > 0.95
    assert (right < 255).any()
    assert (with_shares[84 + SIDE + 10 :] < 255).sum() > 3 * (without[84 + SIDE + 10 :, -SIDE:] < 255).sum()


@pytest.mark.parametrize("name", ["x" * 400, "人\u202egpj.exe", "a\nb", ""])
def test_any_name_fits(name):
    drawn = panel((square(10), square(90), None), ("uncertain", name, name), EVIDENCE, {}, name * 3)
    assert (drawn[:80, -24:] == 255).all()


def test_letters_that_the_font_lacks_and_shares_of_nothing():
    assert plain("naïve 人\n") == "naïve ??"
    assert (percent(None), percent(0.256), percent(0.0)) == ("-", "26%", "0%")


@pytest.mark.parametrize("shape", [(1, 1), (30, 900), (900, 30)])
def test_any_shape_is_fitted(shape):
    assert fitted(np.zeros((*shape, 3), np.uint8), 64).shape == (64, 64, 3)
