"""Limits of a cross-validation: those of a run, and those that folds have."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dfdetect.evaluation.contents import CrossvalContents, RunContents
from dfdetect.evaluation.crossval_limits import find_crossval_limits
from tests.evaluation.test_crossval import result_of, write_folds
from tests.evaluation.test_limits import good_run

ALWAYS = {"own_data_only"}


@cache
def good_crossval() -> CrossvalContents:
    """One of which there is nothing to complain."""
    with TemporaryDirectory() as folder:
        runs = write_folds(Path(folder), n=2000, repeats=2, sources=("gan", "swap"), skill=2.0)
        result = result_of(runs, resamples=100)
    result["worst_group"], result["ece"] = None, 0.02
    return CrossvalContents("mine", result, [fold_run()] * 8)


def fold_run(**split: object) -> RunContents:
    run = good_run()
    of_fold = {"kind": "grouped, fold 1 of 4", "data_fingerprint": "abc", "fingerprint": "one"}
    facts = {"split": {**run.split(), **of_fold, **split}, "temperature": 1.5, "calibrated": True}
    return replace(run, facts=facts, checkpoint="x.ckpt", epoch=3)


def kinds(crossval: CrossvalContents) -> set[str]:
    return {limit.kind for limit in find_crossval_limits(crossval)} - ALWAYS


def test_one_without_a_flaw_has_no_limit_but_its_own_data():
    assert kinds(good_crossval()) == set()


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        ({"finished": 7}, "unfinished", "strong"),
        ({"repeats": 1, "finished": 4}, "one_repetition", "info"),
        ({"spread": {"auroc": {"min": 0.6, "max": 0.75, "sd": 0.05}}}, "spread", "weak"),
        ({"notes": ["Leak: the split tears 3 groups apart (in 2 of 4 folds)."]}, "leak", "leak"),
        ({"notes": ["Only 160 images: chance alone."]}, "few_images", "weak"),
        ({"ece": 0.3}, "calibration", "weak"),
        ({"intervals": {"auroc": [0.4, 0.6]}}, "chance", "strong"),
    ],
)
def test_each_is_found_in_the_result(change, kind, severity):
    crossval = replace(good_crossval(), result=good_crossval().result | change)
    (limit,) = [one for one in find_crossval_limits(crossval) if one.kind not in ALWAYS]
    assert (limit.kind, limit.severity) == (kind, severity)
    assert "crossval --folds" not in limit.remedy


def test_limits_of_the_trainings_are_found():
    good = good_crossval()
    bound = replace(fold_run(), facts={**fold_run().facts, "temperature": 20.0})
    (limit,) = [
        one for one in find_crossval_limits(replace(good, runs=[bound, *good.runs[1:]])) if one.kind not in ALWAYS
    ]
    assert limit.kind == "calibration_bound"
    assert "in 1 of 8 folds" in limit.title
    changed = [fold_run(data_fingerprint="xyz"), *good.runs[1:]]
    assert kinds(replace(good, runs=changed)) == {"other_data"}
    assert kinds(replace(good, runs=[replace(run, model={"weights": "none"}) for run in good.runs])) == {
        "no_pretrained_weights"
    }
    updated = [replace(run, facts={**run.facts, "versions": {"torch": str(i % 2)}}) for i, run in enumerate(good.runs)]
    assert kinds(replace(good, runs=updated)) == {"versions"}


def test_what_all_folds_share_has_nothing_of_one_fold():
    good = good_crossval()
    run = replace(good, runs=[fold_run(groups_torn=3), *[fold_run(groups_torn=9)] * 7]).as_run()
    assert (run.checkpoint, run.epoch, run.split()["kind"]) == ("", None, "grouped, 4 folds")
    assert "fingerprint" not in run.split()
    assert run.split()["groups_torn"] == "3 to 9"
    assert (run.counts[0].n_real, run.counts[0].n_groups) == (400, good.result["n_groups"])
