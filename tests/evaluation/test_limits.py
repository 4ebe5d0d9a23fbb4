"""Every limit appears where it should, and not otherwise."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from dfdetect.callbacks.run import GENERATED_NOTE
from dfdetect.data.summary import torn_note
from dfdetect.evaluation.contents import PartCount, RunContents
from dfdetect.evaluation.evaluate import evaluate
from dfdetect.evaluation.limits import find_limits
from dfdetect.evaluation.limits_of_curves import weakest_points
from tests.evaluation.test_evaluate import predictions

NOTES = {
    "leak": torn_note({"groups_torn": 3, "groups_torn_train_test": 2}, "test"),
    "another_split": "Another split than the training's was allowed: training may have seen these images.",
    "generated": GENERATED_NOTE,
    "preprocessing": "Other preprocessing than in training: crop: trained with resize, now center",
    "uncalibrated": "Threshold and temperature are uncalibrated: no validation of both classes has fitted them.",
    "part_only": "Only 20 of 1,000 images were scored, as --trainer.limit_test_batches asks.",
    "faceless": "No face in 12 of 1,213 test pictures: of those the largest centred square is taken.",
    "unread": "3 of 1000 files could not be read and are not counted; see skipped.csv.",
}
POINT: dict[str, Any] = {
    "corruption": "blur",
    "severity": 2.0,
    "auroc": 0.7,
    "auroc_change": -0.2,
    "flips": 0.3,
    "flips_to_fake": 5,
    "flips_to_real": 7,
    "intervals": {"auroc_change": [-0.3, -0.1]},
}


def scores(n: int = 2000, gap: float = 2.0, seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 2
    return label, 1 / (1 + np.exp(-(generator.normal(size=n) + gap * (label - 0.5)) * gap))


@cache
def good_run() -> RunContents:
    """A run of which there is nothing to complain."""
    label, p_fake = scores()
    source = ["" if y == 0 else "abc"[i % 3] for i, y in enumerate(label.tolist())]
    result = evaluate(predictions(label, p_fake, source=source), resamples=200)
    unharmed = POINT | {"auroc_change": -0.01, "flips": 0.02}
    curves = {
        "corruptions": {"blur": {"severities": [unharmed]}},
        "weakest": unharmed,
        "most_flips": unharmed,
        "n": 2000,
    }
    return RunContents(
        name="run/version_0",
        facts={"split": {"root": "photos", "kind": "grouped", "groups_torn": 0, "n_train": 900}},
        model={"backbone": "tiny", "weights": "imagenet"},
        counts=[PartCount("train", 400, 400, 500, {})],
        metrics=result,
        others={"other": evaluate(predictions(*scores(seed=1)), resamples=200)},
        robustness=curves | {"clean": {"auroc": result["auroc"]}},
        audit={"findings": []},
    )


def kinds(run: RunContents) -> set[str]:
    return {limit.kind for limit in find_limits(run)}


def with_note(run: RunContents, note: str) -> RunContents:
    assert run.metrics is not None
    return replace(run, metrics=run.metrics | {"notes": [*run.metrics["notes"], note]})


def test_a_run_without_a_flaw_has_no_limit():
    assert find_limits(good_run()) == []


@pytest.mark.parametrize("kind", NOTES)
def test_each_note_of_a_test_is_a_limit_of_its_kind(kind):
    (limit,) = find_limits(with_note(good_run(), NOTES[kind]))
    said = NOTES[kind].removeprefix("Leak: ")
    assert limit.kind == kind
    assert limit.title in (said, said[0].upper() + said[1:])
    assert limit.severity == {"leak": "leak", "another_split": "leak"}.get(kind, limit.severity)


@pytest.mark.parametrize(
    ("prepared", "expected"),
    [
        ({"crop": "native", "normalise_encoding": None}, {"codec"}),
        ({"crop": "native", "normalise_encoding": 90}, set()),
        ({"crop": "center", "normalise_encoding": None}, set()),
    ],
)
def test_native_pixels_may_tell_the_codec(prepared, expected):
    run = good_run()
    assert kinds(replace(run, facts={**run.facts, "preprocessing": prepared})) == expected


def test_an_unknown_note_is_not_lost():
    (limit,) = find_limits(with_note(good_run(), "Something new."))
    assert (limit.kind, limit.severity, limit.title) == ("note", "info", "Something new.")


@pytest.mark.parametrize(
    ("label", "source", "expected"),
    [
        (np.arange(100) % 2, [""] * 100, "few_images"),
        (np.arange(2000) % 10 == 0, [""] * 2000, "one_sided"),
        (np.ones(1200), [""] * 1200, "one_class"),
        (np.arange(2000) % 2, ["gan"] * 2000, "one_source"),
    ],
)
def test_caveats_of_the_evaluation_are_limits(label, source, expected):
    p_fake = np.linspace(0.1, 0.9, len(label))
    result = evaluate(predictions(label.astype(int), p_fake, source=source), resamples=0)
    assert expected in kinds(replace(good_run(), metrics=result))


def test_guessing_bad_probabilities_and_a_worse_group_are_found():
    label, p_fake = scores(gap=0.0)
    run = replace(good_run(), metrics=evaluate(predictions(label, p_fake), resamples=100), others={})
    assert "chance" in kinds(run)
    label, p_fake = scores()
    sure = evaluate(predictions(label, np.where(p_fake > 0.5, 0.999, 0.001)), resamples=100)
    assert "calibration" in kinds(replace(good_run(), metrics=sure))
    source = [
        "hard" if (p > 0.5) != y and i % 3 else "easy" for i, (p, y) in enumerate(zip(p_fake, label, strict=True))
    ]
    uneven = evaluate(predictions(label, p_fake, source=source), resamples=100)
    (limit,) = [one for one in find_limits(replace(good_run(), metrics=uneven)) if one.kind == "worst_group"]
    assert "source hard" in limit.title


@pytest.mark.parametrize("n", [60, 300, 3000])
def test_p_fake_that_is_a_probability_is_not_called_none_however_few_images(n):
    generator = np.random.default_rng(n)
    for _ in range(20):
        p_fake = generator.random(n)
        label = (generator.random(n) < p_fake).astype(int)
        result = evaluate(predictions(label, p_fake), resamples=0)
        assert "calibration" not in kinds(replace(good_run(), metrics=result))


def test_a_fall_on_other_data_counts_only_where_it_is_no_chance():
    worse = evaluate(predictions(*scores(gap=0.5, seed=2)), resamples=200)
    run = replace(good_run(), others={"<other>": worse})
    (limit,) = find_limits(run)
    assert (limit.kind, limit.severity) == ("cross_dataset_fall", "strong")
    assert run.metrics is not None
    assert f"On <other> it falls by {run.metrics['auroc'] - worse['auroc']:.3f}" in limit.title
    few = evaluate(predictions(*scores(n=12, gap=1.0, seed=3)), resamples=200)
    assert "cross_dataset_fall" not in kinds(replace(good_run(), others={"few": few}))


@pytest.mark.parametrize(
    ("change", "interval", "flips", "severity"),
    [
        (-0.2, [-0.3, -0.1], 0.0, "strong"),
        (-0.07, [-0.1, -0.02], 0.0, "weak"),
        (-0.2, [-0.5, 0.1], 0.02, None),
        (-0.01, [-0.02, -0.005], 0.3, "weak"),
        (None, None, 0.3, "weak"),
        (None, None, 0.0, None),
    ],
)
def test_robustness_is_a_limit_where_it_falls_or_flips(change, interval, flips, severity):
    point = POINT | {"auroc_change": change, "flips": flips, "intervals": {"auroc_change": interval}}
    run = replace(good_run(), robustness={"corruptions": {"blur": {"severities": [point]}}})
    assert [limit.severity for limit in find_limits(run)] == ([severity] if severity else [])


def test_the_worst_corruption_comes_first_and_the_others_are_named():
    other = POINT | {"corruption": "jpeg", "severity": 30.0, "auroc_change": -0.1}
    curves = {"jpeg": {"severities": [other]}, "blur": {"severities": [POINT]}}
    (limit,) = find_limits(replace(good_run(), robustness={"corruptions": curves}))
    assert "blur 2: AUROC 0.700 (-0.200), 30% of verdicts flip" in limit.title
    assert "jpeg 30" in limit.meaning


def test_a_fall_that_may_be_chance_does_not_hide_a_corruption_that_flips_more():
    chance = POINT | {"corruption": "crop", "auroc_change": -0.102, "flips": 0.14}
    chance["intervals"] = {"auroc_change": [-0.269, 0.083]}
    flipping = POINT | {"corruption": "brightness", "auroc_change": -0.01, "flips": 0.42}
    curves = {name: {"severities": [point]} for name, point in (("crop", chance), ("brightness", flipping))}
    (limit,) = find_limits(replace(good_run(), robustness={"corruptions": curves}))
    assert "brightness 2: 42% of verdicts flip" in limit.title
    assert "crop 2: 14%" in limit.meaning


def test_flips_are_a_limit_at_whatever_severity_they_are_most():
    lowest = POINT | {"severity": 1.0, "auroc": 0.88, "auroc_change": -0.02, "flips": 0.01}
    flipping = POINT | {"severity": 2.0, "auroc": 0.9, "auroc_change": 0.0, "flips": 0.58}
    neither = POINT | {"severity": 3.0, "auroc": 0.89, "auroc_change": -0.01, "flips": 0.2}
    curves = {"corruptions": {"blur": {"severities": [lowest, flipping, neither]}}}
    assert weakest_points(curves) == [lowest, flipping]
    (limit,) = find_limits(replace(good_run(), robustness=curves))
    assert (limit.kind, limit.severity) == ("robustness_fall", "weak")
    assert "blur 2: 58% of verdicts flip" in limit.title
    fallen = lowest | {"auroc": 0.6, "auroc_change": -0.3, "intervals": {"auroc_change": [-0.4, -0.2]}}
    both = {"corruptions": {"blur": {"severities": [fallen, flipping]}}}
    (limit,) = find_limits(replace(good_run(), robustness=both))
    assert limit.title.endswith("blur 1: AUROC 0.600 (-0.300), 1% of verdicts flip")
    assert "blur 2: 58% of verdicts flip" in limit.meaning


def test_one_severity_that_is_worst_in_both_ways_or_of_one_class_stands_once():
    unranked = [POINT | {"severity": float(i), "auroc": None, "flips": i / 10} for i in range(3)]
    for points in ([POINT, POINT | {"severity": 1.0, "auroc": 0.9, "flips": 0.1}], unranked[::-1]):
        assert weakest_points({"corruptions": {"blur": {"severities": points}}}) == points[:1]


def test_what_was_not_looked_at_is_said():
    blind = replace(good_run(), audit=None, robustness=None, others={})
    assert {limit.kind: limit.severity for limit in find_limits(blind)} == dict.fromkeys(
        ("no_audit", "no_robustness", "no_other_data"), "info"
    )
    assert "no_audit" not in kinds(with_note(blind, GENERATED_NOTE))
    assert "untested" in kinds(replace(blind, metrics=None))


def test_random_weights_and_random_splits_without_groups_are_limits():
    run = replace(good_run(), model={"weights": "none"})
    (limit,) = find_limits(run)
    assert (limit.kind, "900" in limit.title) == ("no_pretrained_weights", True)
    split = {"split": {"kind": "random", "groups_torn": 0}}
    unknown = [PartCount("train", 400, 400, None, {})]
    assert "no_groups" in kinds(replace(good_run(), facts=split, counts=unknown, audit=None))
    assert "no_groups" not in kinds(replace(good_run(), facts=split, audit=None))


def test_findings_of_an_audit_are_limits_unless_its_manifest_mended_them():
    finding = {"kind": "ungrouped_twins", "severity": "leak", "title": "16 pairs", "meaning": "m", "remedy": "r"}
    jpeg = finding | {"kind": "file_facts", "severity": "strong", "title": "JPEG tables"}
    note = finding | {"kind": "few_images", "severity": "info"}
    run = replace(good_run(), audit={"findings": [jpeg, note, finding]})
    assert [limit.kind for limit in find_limits(run)] == ["audit_ungrouped_twins", "audit_file_facts"]
    assert kinds(replace(run, grouped_by_audit=True)) == {"audit_file_facts"}
    torn = {"split": {"groups_torn": 4}}
    assert "audit_ungrouped_twins" in kinds(replace(run, grouped_by_audit=True, facts=torn))


@pytest.mark.parametrize(
    ("torn", "severity", "said"),
    [
        ((0, 0), "info", "Of the 16, 0 lie in two parts of this run's split."),
        (
            (3, 2),
            "leak",
            "Of the 16, 3 lie in two parts of this run's split, 2 of them in training and test",
        ),
    ],
)
def test_pairs_that_this_runs_split_keeps_together_are_no_leak_of_it(torn, severity, said):
    finding = {
        "kind": "ungrouped_twins",
        "severity": "leak",
        "title": "16 pairs",
        "meaning": "m",
        "remedy": "r",
        "n": 16,
    }
    run = replace(good_run(), audit={"findings": [finding]}, torn={"ungrouped_twins": torn})
    (limit,) = find_limits(run)
    assert (limit.kind, limit.severity) == ("audit_ungrouped_twins", severity)
    assert limit.meaning.startswith(said)


def test_the_worst_comes_first():
    run = with_note(with_note(with_note(good_run(), "Other."), NOTES["uncalibrated"]), NOTES["leak"])
    assert [limit.severity for limit in find_limits(run)] == ["leak", "weak", "info"]


@pytest.mark.parametrize(("temperature", "says"), [(0.05, "separate its classes perfectly"), (20.0, "than a coin")])
def test_a_temperature_at_its_bound_is_a_limit_where_it_was_fitted(temperature, says):
    facts: dict[str, Any] = {**good_run().facts, "temperature": temperature, "calibrated": True}
    (limit,) = find_limits(replace(good_run(), facts=facts))
    assert (limit.kind, f"temperature {temperature:g}" in limit.title) == ("calibration_bound", True)
    assert says in limit.meaning
    for harmless in ({"temperature": 2.0}, {"calibrated": False}):
        assert find_limits(replace(good_run(), facts=facts | harmless)) == []


def test_a_fall_under_corruptions_on_another_set_names_the_set():
    curves = {"corruptions": {"blur": {"severities": [POINT]}}}
    (limit,) = find_limits(replace(good_run(), others_robustness={"<dfdc>": curves}))
    assert limit.title.startswith("Photos of <dfdc> that were changed mislead it: blur 2: AUROC 0.700")
