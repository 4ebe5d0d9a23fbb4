"""Sentences hold the figures of the result and say what a difference means."""

import pytest

from dfdetect.evaluation.crossval_text import SHOWN, crossval_headline, crossval_table, difference_words
from tests.evaluation.test_crossval import result_of, write_folds


def test_the_headline_holds_the_figures_and_their_intervals(tmp_path):
    result = result_of(write_folds(tmp_path))
    ranks, errs, spread = crossval_headline(result)
    low, high = result["intervals"]["auroc"]
    assert ranks.startswith("On 160 images (80 real, 80 fake), each judged by a detector that has not seen it")
    assert f"in {100 * result['auroc']:.0f}% of pairs (95%: {100 * low:.0f} to {100 * high:.0f})" in ranks
    assert f"call {100 - 100 * result['specificity']:.0f} (" in errs
    assert f"miss {100 - 100 * result['recall']:.0f} (" in errs
    assert f"from {result['spread']['auroc']['min']:.3f} to {result['spread']['auroc']['max']:.3f}" in spread


def test_guessing_is_called_so(tmp_path):
    guesses = result_of(write_folds(tmp_path / "a", n=800, skill=0.0))
    assert crossval_headline(guesses)[0].endswith("So it cannot be told from guessing.")
    assert "So it" not in crossval_headline(result_of(write_folds(tmp_path / "b")))[0]


def test_the_table_has_every_metric_and_every_source(tmp_path):
    result = result_of(write_folds(tmp_path, sources=("gan", "swap")))
    lines = crossval_table(result).splitlines()
    assert set(SHOWN) == set(result["spread"])
    assert [line.split()[0] for line in lines[2 : 2 + len(SHOWN)]] == list(SHOWN)
    assert any(line.startswith("accuracy of gan") and line.split()[-1] == "40" for line in lines)


def test_sources_that_differ_in_their_last_letter_look_different(tmp_path):
    names = ("a source of more than sixteen letters, a", "a source of more than sixteen letters, b")
    text = crossval_table(result_of(write_folds(tmp_path, sources=names), resamples=50))
    for name in names:
        assert f"accuracy of {name}" in text


@pytest.mark.parametrize(
    ("metric", "difference", "interval", "says"),
    [
        ("auroc", 0.05, [0.02, 0.08], "AUROC is 0.050 higher here, so better (95%: +0.020 to +0.080)"),
        ("auroc", -0.05, [-0.08, -0.02], "AUROC is 0.050 lower here, so worse"),
        ("ece", -0.05, [-0.08, -0.02], "ECE is 0.050 lower here, so better"),
        ("auroc", 0.05, [-0.02, 0.12], "cannot tell both apart"),
        ("auroc", 0.05, None, "may be chance"),
        ("auroc", None, None, "undefined"),
    ],
)
def test_a_difference_is_said_in_words(metric, difference, interval, says):
    assert says in difference_words({metric: {"difference": difference, "interval": interval}}, metric)


@pytest.mark.parametrize(("where", "says"), [("here", "in this one"), ("there", "in the other one")])
def test_a_difference_from_a_leak_is_called_neither_better_nor_worse(where, says):
    found = {"auroc": {"difference": 0.05, "interval": [0.02, 0.08]}, f"leak_{where}": True}
    said = difference_words(found)
    assert f"{says} training has seen images of the groups" in said
    assert "so better" not in said
    assert "so better" in difference_words(found | {"leak_here": True, "leak_there": True})
