"""The page of a cross-validation shows the figures of its result, and no name becomes markup."""

import re
from dataclasses import replace

import pytest

from dfdetect.evaluation.contents import CrossvalContents, PartCount
from dfdetect.evaluation.crossval import difference
from dfdetect.evaluation.crossval_limits import find_crossval_limits
from dfdetect.evaluation.crossval_report import render
from tests.evaluation.test_crossval import result_of, write_folds
from tests.evaluation.test_crossval_limits import fold_run
from tests.evaluation.test_page import parse
from tests.evaluation.test_run_report import HOSTILE, Page, png


@pytest.fixture(scope="module")
def crossval(tmp_path_factory) -> CrossvalContents:
    folder = tmp_path_factory.mktemp("cv")
    runs = write_folds(folder / "a", repeats=2, sources=("gan", "swap"), temperature=1.5)
    write_folds(folder / "b", skill=0.1, seed=4)
    result = result_of(runs) | {"against": difference(folder / "a", folder / "b", 100)}
    return CrossvalContents(
        "mine",
        result,
        [fold_run() for _ in runs],
        commands=[("2026-01-01 10:00", "dfdetect crossval --folds 4")],
        training=["--data.split=grouped", "--x=<b>"],
        figures={"roc": png(1), "mistakes": png(2)},
    )


def show(crossval: CrossvalContents) -> str:
    return render(crossval, find_crossval_limits(crossval))


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("accuracy", ("accuracy", "accuracy_at_half")),
        ("specificity", ("specificity", "specificity_at_half")),
        ("AURC", ("aurc",)),
        ("log loss", ("log_loss", "log_loss_uncalibrated")),
    ],
)
def test_figures_intervals_and_spread_are_those_of_the_result(crossval, title, names):
    rows = [row for row in Page(show(crossval)).rows if row and row[0].startswith(title) and len(row) > 2]
    (cells,) = [row[1:] for row in rows if "to" in row[-1]]
    for name, cell in zip(names, cells, strict=False):
        low, high = crossval.result["intervals"][name]
        assert cell == f"{crossval.result[name]:.3f} {low:.3f} to {high:.3f}"
    spread = crossval.result["spread"][names[0]]
    assert cells[-1] == f"{spread['min']:.3f} to {spread['max']:.3f} sd {spread['sd']:.3f}"


def test_folds_sources_training_and_options_are_there(crossval):
    html = show(crossval)
    parse(html)
    page = Page(html)
    row = page.row("repetition 1, fold 2")
    assert row[1] == "40 20 groups"
    assert row[2].startswith(f"{crossval.result['per_fold'][6]['auroc']:.3f} ")
    assert row[-1].startswith("900 best epoch 3")
    assert page.row("gan")[1] == "40"
    assert page.row("split")[1] == "grouped, 4 folds"
    assert "dfdetect crossval --folds 4" in html
    assert ">--x=&lt;b&gt;</code>" in html
    assert "never ranked against each other" in html
    assert len(page.sources) == 2
    assert not re.search(r"https?://|@import|url\(|<script|<link|file:", html)


def test_the_difference_has_a_section_of_its_own_that_says_what_it_means(crossval):
    html = show(crossval)
    found = crossval.result["against"]["auroc"]
    assert "Against another cross-validation" in html
    assert f"AUROC is {found['difference']:.3f} higher here, so better" in html
    low, high = found["interval"]
    assert Page(html).row("AUROC")[1] == f"{found['difference']:+.3f} {low:+.3f} to {high:+.3f}"
    alone = {name: value for name, value in crossval.result.items() if name != "against"}
    assert "Against another" not in show(replace(crossval, result=alone))


def test_a_leak_takes_the_figures_back(crossval):
    leaking = crossval.result | {"notes": ["Leak: the split tears 12 groups apart (in 2 of 4 folds)."]}
    html = show(replace(crossval, result=leaking))
    assert "Do not trust these figures: the split tears 12 groups apart" in html
    assert 'class="verdict leak"' in html


def test_the_network_is_named_with_its_front_end(crossval):
    run = replace(fold_run(), model={"backbone": "mobilenet_v2", "frontend": "rgb+srm"})
    assert "fake face photos (mobilenet_v2 on rgb+srm)" in show(replace(crossval, runs=[run] * 8))


def test_a_hostile_name_is_text_wherever_it_stands(crossval):
    result = crossval.result
    mistakes = [one | {"path": HOSTILE} for one in result["mistakes"]]
    against = result["against"] | {"folder": HOSTILE, "only_here": [HOSTILE], "only_there": [HOSTILE]}
    run = replace(
        fold_run(root=HOSTILE, kind=HOSTILE),
        model={"backbone": HOSTILE},
        counts=[PartCount("train", 1, 1, 1, {HOSTILE: 2})],
        troubles=[HOSTILE],
    )
    hostile = replace(
        crossval,
        name=HOSTILE,
        result=result
        | {"mistakes": mistakes, "against": against, "per_source": {HOSTILE: result["per_source"]["gan"]}}
        | {"notes": [HOSTILE]},
        runs=[run] * 8,
        commands=[(HOSTILE, HOSTILE)],
        training=[HOSTILE],
        figures={},
        troubles=[HOSTILE],
    )
    html = show(hostile)
    assert "script" not in parse(html).seen
    assert html.count("&lt;script&gt;") > 12


def test_runs_without_facts_are_shown_with_what_there_is(crossval):
    bare = [replace(fold_run(), facts={}, model={}, counts=(), metrics=None, data={}, trainer={}, epoch=None)] * 8
    html = show(replace(crossval, runs=bare, figures={}, commands=(), training=()))
    parse(html)
    assert "Worst mistakes" in html
    assert "The checkpoint is gone" in html
