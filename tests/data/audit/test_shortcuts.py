"""Shortcuts that were planted are found and named; where none are, chance is said to be chance."""

import numpy as np
import pytest
from scipy.stats import fisher_exact
from sklearn import ensemble
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score

from dfdetect.data.audit import shortcuts
from dfdetect.data.audit.shortcuts import Clue, Shortcut, judge, telling_values

N = 240
LABEL = np.arange(N) % 2
OWN = [f"image {i}" for i in range(N)]


def sure(found: Shortcut | Clue) -> tuple[float, float, float]:
    """AUROC and interval, which must be there."""
    assert found.auroc is not None
    assert found.interval is not None
    return found.auroc, *found.interval


def noise(columns: int = 4, n: int = N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {f"noise{i}": rng.normal(size=n) for i in range(columns)}


def test_a_planted_number_is_found_and_named_first():
    shift = np.random.default_rng(0).normal(size=N) + 1.5 * LABEL
    found = judge(noise() | {"planted": shift}, LABEL, OWN)
    assert found.auroc == pytest.approx(roc_auc_score(LABEL, shift), abs=0.06)
    assert sure(found)[1] > 0.7
    assert found.clues[0].name == "planted"
    assert found.clues[0].importance > 0.2
    assert all(abs(clue.importance) < 0.05 for clue in found.clues[1:])
    auroc, low, high = sure(found.clues[0])
    assert low < auroc < high
    assert (found.n, found.n_groups) == (N, N)


def test_a_planted_text_is_found():
    """As in CIPLAB: one class has a second encoder in a quarter of its files."""
    odd = (LABEL == 1) & (np.arange(N) % 8 == 1)
    table = np.where(odd, "own-1", "q92")
    found = judge({"table": table, "format": np.array(["JPEG"] * N)} | noise(2), LABEL, OWN)
    assert found.clues[0].name == "table"
    assert found.clues[0].auroc == pytest.approx(0.5 + odd[LABEL == 1].mean() / 2, abs=0.03)
    assert found.constant == ["format"]


def test_chance_is_chance():
    found = judge(noise(6), LABEL, OWN)
    _, low, high = sure(found)
    assert low < 0.5 < high


def test_nothing_that_varies_is_one_half():
    found = judge({"format": np.array(["JPEG"] * N), "width": np.full(N, 64)}, LABEL, OWN)
    assert (found.auroc, found.interval, found.clues) == (0.5, (0.5, 0.5), [])
    assert found.constant == ["format", "width"]
    assert "nothing varies" in found.note


def test_twins_do_not_tell_on_each_other():
    """A number that only says which photo it is: known by a twin it gives the class, across groups it says nothing."""
    photo = np.repeat(np.arange(N // 4), 4)
    label = np.repeat(np.random.default_rng(1).permutation(np.arange(N // 4) % 2), 4)
    columns = {"photo": np.random.default_rng(0).normal(size=N // 4)[photo]}
    apart = judge(columns, label, [f"photo {i}" for i in photo])
    torn = judge(columns, label, OWN)
    assert sure(torn)[0] > 0.8
    assert sure(apart)[0] < 0.65
    assert sure(apart)[1] < 0.5
    assert apart.n_groups == N // 4


def test_the_level_of_a_fold_says_nothing(monkeypatch):
    """A model that saw fewer fakes says lower scores, and its held-out fold holds more of them."""

    class Levelled(ExtraTreesClassifier):  # type: ignore[misc]
        def predict_proba(self, X):  # noqa: N803
            return super().predict_proba(X) / 10 + self.level

        def fit(self, X, y, **more):  # noqa: N803
            self.level = y.mean() * 0.9
            return super().fit(X, y, **more)

    monkeypatch.setattr(ensemble, "ExtraTreesClassifier", Levelled)
    sizes = [60, 40, 30, 20, 20, 10, 10, 10, 10, 10, 10, 10]
    number = np.repeat(np.arange(len(sizes)), sizes)
    found = judge(noise(4, len(number)), number % 2, [f"g{i}" for i in number])
    assert 0.4 < sure(found)[0] < 0.6


@pytest.mark.parametrize(
    ("label", "groups"),
    [
        (np.zeros(6, np.int64), list("abcdef")),
        (np.array([0, 0, 0, 1]), list("abcd")),
        (np.array([0, 1, 0, 1]), list("aaaa")),
        (np.array([], np.int64), []),
    ],
    ids=["one class", "one fake", "one group", "nothing"],
)
def test_too_little_to_judge_is_undefined(label, groups):
    found = judge({"x": np.arange(len(label), dtype=float)}, label, groups)
    assert (found.auroc, found.interval) == (None, None)
    assert "too few" in found.note


def test_two_images_of_each_class_are_the_least():
    found = judge({"x": np.arange(4.0)}, np.array([0, 0, 1, 1]), list("abcd"))
    assert found.auroc is not None
    assert 0 <= found.auroc <= 1


def test_a_large_set_is_judged_by_some_of_it(monkeypatch):
    monkeypatch.setattr(shortcuts, "MOST_IMAGES", 100)
    found = judge(noise(), LABEL, OWN)
    assert found.n == 100
    assert found.note == "judged by 100 of 240 images"


def test_texts_of_single_files_are_one_text():
    found = judge({"comment": np.array(OWN), "two": np.where(np.arange(N) < 2, "a", "b")}, LABEL, OWN)
    assert [clue.name for clue in found.clues] == ["two"]


def test_the_same_answer_every_time_and_with_threads():
    first, again = (judge(noise(), LABEL, OWN, workers) for workers in (1, 2))
    assert first == again


def test_telling_values_against_scipy():
    column = np.array(["q92"] * 80 + ["own"] * 20 + ["q92"] * 95 + ["q50"] * 5)
    label = np.array([1] * 100 + [0] * 100)
    rows = telling_values(column, label)
    text, reals, fakes, p = rows[0]
    assert (text, reals, fakes) == ("own", 0, 20)
    assert p == pytest.approx(3 * fisher_exact([[0, 100], [20, 80]])[1])
    assert "q50" not in [row[0] for row in rows]
    assert telling_values(np.array(["a"] * 200), label) == []
