"""The one evaluation agrees with scikit-learn, says what is undefined, and warns in words with their n."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from dfdetect.evaluation.evaluate import Predictions, caveats, evaluate

RANKING = {"auroc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5"}
VERDICTS = {"accuracy", "precision", "recall", "specificity", "f1"}
PROBABILITIES = {"log_loss", "brier", "ece"}
METRICS = (
    RANKING
    | VERDICTS
    | {f"{name}_at_half" for name in VERDICTS}
    | PROBABILITIES
    | {f"{name}_uncalibrated" for name in PROBABILITIES}
    | {"aurc"}
)


def random_scores(seed: int, n: int, levels: int | None = None):
    rng = np.random.default_rng(seed)
    label = np.append([0, 1], rng.integers(0, 2, n - 2)).astype(np.int64)
    p_fake = rng.random(n)
    return label, np.round(p_fake * levels) / levels if levels else p_fake


def predictions(label, p_fake, source=None, group=None) -> Predictions:
    paths = [f"{i}.png" for i in range(len(label))]
    return Predictions(
        paths, np.asarray(label, np.int64), np.asarray(p_fake, np.float64), group or paths, source or [""] * len(label)
    )


@pytest.mark.parametrize("levels", [None, 10, 3], ids=["continuous", "ties", "many ties"])
@pytest.mark.parametrize("n", [2, 3, 20, 500])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scikit_learn(seed, n, levels):
    label, p_fake = random_scores(seed, n, levels)
    result = evaluate(predictions(label, p_fake), threshold=0.4)
    called = p_fake >= 0.4
    assert result["confusion_matrix"] == reference.confusion_matrix(label, called, labels=[0, 1]).tolist()
    expected = {
        "accuracy": reference.accuracy_score(label, called),
        "precision": reference.precision_score(label, called, zero_division=0) if called.any() else None,
        "recall": reference.recall_score(label, called),
        "specificity": reference.recall_score(label, called, pos_label=0),
        "f1": reference.f1_score(label, called),
        "auroc": reference.roc_auc_score(label, p_fake),
        "average_precision": reference.average_precision_score(label, p_fake),
    }
    for name, value in expected.items():
        assert result[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


@pytest.mark.parametrize(
    ("label", "p_fake", "undefined"),
    [
        ([0], [0.2], {"precision", "recall", "f1", *RANKING}),
        ([0], [0.7], {"recall", *RANKING}),
        ([1], [0.2], {"precision", "specificity", *RANKING}),
        ([1, 1], [0.7, 0.9], {"specificity", *RANKING}),
        ([0, 1], [0.1, 0.2], {"precision"}),
    ],
)
def test_what_is_undefined_is_none_and_json_holds_no_nan(label, p_fake, undefined):
    result = evaluate(predictions(label, p_fake, source=["a"] * len(label)))
    undefined = undefined | {f"{name}_at_half" for name in undefined & VERDICTS} | {"worst_group"}
    assert {name for name, value in result.items() if value is None} == undefined
    assert set(result["intervals"]) == METRICS
    assert result["n"] == len(label)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_images_of_blank_groups_are_groups_of_their_own():
    label, p_fake = random_scores(1, 50)
    alone = evaluate(predictions(label, p_fake))
    assert evaluate(predictions(label, p_fake, group=[""] * 50)) == alone
    assert evaluate(predictions(label, p_fake, group=["a", "a", " ", "", "b"] + [""] * 45))["n_groups"] == 49
    assert predictions([0, 1, 0], [0.1, 0.2, 0.3], group=["", "a", ""]).group == ["0.png", "a", "2.png"]


def test_a_score_at_the_threshold_is_called_fake():
    assert evaluate(predictions([1], [0.5]), threshold=0.5)["recall"] == 1.0


def test_each_source_has_its_own_figures():
    label = [0, 0, 0, 1, 1, 1, 1, 0]
    p_fake = [0.1, 0.2, 0.6, 0.9, 0.4, 0.3, 0.8, 0.7]
    source = ["", "", "camera", "gan", "gan", "swap", "swap", "swap"]
    per_source = evaluate(predictions(label, p_fake, source))["per_source"]
    assert list(per_source) == ["camera", "gan", "swap"]
    gan, swap, camera = per_source["gan"], per_source["swap"], per_source["camera"]
    assert (gan["n"], gan["n_real"], gan["n_fake"], gan["recall"]) == (2, 0, 2, 0.5)
    reals = [0.1, 0.2, 0.6, 0.7]
    assert gan["auroc"] == pytest.approx(reference.roc_auc_score([0] * 4 + [1] * 2, [*reals, 0.9, 0.4]))
    assert gan["auroc_against"] == "all of the other class"
    assert swap["auroc"] == pytest.approx(reference.roc_auc_score([1, 1, 0], [0.3, 0.8, 0.7]))
    assert swap["auroc_against"] == "its own"
    assert camera["recall"] is None
    assert camera["auroc"] == pytest.approx(reference.roc_auc_score([0, 1, 1, 1, 1], [0.6, 0.9, 0.4, 0.3, 0.8]))


def test_each_source_has_the_intervals_of_its_own_images_measured_alone():
    label, p_fake = random_scores(2, 300)
    source = np.where(label == 1, np.array(["swap", "gan"])[np.arange(300) % 2], "")
    source[:100] = "both"
    group = np.array([f"{i // 2:03}" for i in range(300)])

    def evaluated(rows, source=None):
        chosen = predictions(label[rows], p_fake[rows], source, group[rows].tolist())
        return evaluate(chosen, threshold=0.4, resamples=100)

    result = evaluated(np.arange(300), source.tolist())
    for name in ("both", "swap", "gan"):
        own = source == name
        alone = evaluated(own)
        shown = result["per_source"][name]
        for metric in ("accuracy", "precision", "recall", "f1"):
            both = name == "both" or metric not in ("precision", "f1")  # which are of both classes
            assert shown[metric] == (alone[metric] if both else None), metric
            assert shown["intervals"][metric] == (alone["intervals"][metric] if both else None), metric
        ranked = own if name == "both" else own | (label == 0)
        against = evaluated(ranked)
        assert shown["auroc"] == against["auroc"]
        assert shown["intervals"]["auroc"] == against["intervals"]["auroc"]
        assert set(shown["intervals"]) == {"accuracy", "precision", "recall", "f1", "auroc"}


def test_a_source_without_the_other_class_anywhere_has_no_auroc():
    assert evaluate(predictions([1, 1], [0.2, 0.9], ["gan", "gan"]))["per_source"]["gan"]["auroc"] is None


def test_the_worst_group_has_the_lowest_accuracy_and_is_no_handful():
    label, p_fake = [0] * 20 + [1] * 3, [0.1] * 10 + [0.1] * 7 + [0.9] * 3 + [0.1] * 3
    source = ["a"] * 10 + ["b"] * 10 + ["c"] * 3
    worst = evaluate(predictions(label, p_fake, source))["worst_group"]
    assert (worst["column"], worst["value"], worst["n"], worst["accuracy"]) == ("source", "b", 10, 0.7)
    assert worst["interval"][0] < 0.7 < worst["interval"][1]
    assert evaluate(predictions(label[:10], p_fake[:10], source[:10]))["worst_group"] is None


def test_columns_on_request_are_judged_as_sources_are():
    label, p_fake = random_scores(3, 60)
    camera = ["phone", "mirror", ""] * 20
    whole = replace(predictions(label, p_fake, source=camera), columns={"camera": camera})
    result = evaluate(whole)
    assert result["per_column"] == {"camera": result["per_source"]}
    assert list(result["per_column"]["camera"]) == ["mirror", "phone"]
    assert result["worst_group"]["column"] == "source"
    assert evaluate(replace(whole, source=[""] * 60))["worst_group"]["column"] == "camera"


def test_verdicts_at_half_and_probabilities_before_the_temperature_stand_beside_the_others():
    label, p_fake = random_scores(1, 200)
    margin = np.log(p_fake / (1 - p_fake))
    before = 1 / (1 + np.exp(-3 * margin))
    result = evaluate(predictions(label, p_fake), threshold=0.7, temperature=3.0)
    plain = evaluate(predictions(label, before), threshold=0.5)
    for name in VERDICTS:
        assert result[f"{name}_at_half"] == plain[name]
        assert result["intervals"][f"{name}_at_half"] == plain["intervals"][name]
    for name in PROBABILITIES:
        assert result[f"{name}_uncalibrated"] == pytest.approx(plain[name], abs=1e-12)
        assert result["intervals"][f"{name}_uncalibrated"] == pytest.approx(plain["intervals"][name], abs=1e-6)
    assert result["auroc"] == plain["auroc"]


def test_every_figure_lies_in_its_interval():
    label, p_fake = random_scores(0, 300)
    result = evaluate(predictions(label, p_fake, source=["camera" if y == 0 else "gan" for y in label]))
    for values in (result, result["per_source"]["gan"], result["per_source"]["camera"]):
        for name, interval in values["intervals"].items():
            if interval:
                assert interval[0] <= values[name] <= interval[1], name
    assert result["per_source"]["gan"]["intervals"]["auroc"]
    assert evaluate(predictions(label, p_fake), resamples=0)["intervals"] == {}


def test_groups_are_counted():
    result = evaluate(predictions([0, 1, 1], [0.1, 0.2, 0.3], group=["a", "a", "b"]))
    assert result["n_groups"] == 2


@pytest.mark.parametrize(
    ("n_real", "n_fake", "n_fake_sources", "said"),
    [
        (150, 150, 2, ["Only 300 images: chance alone moves an accuracy by up to +-5.7 points"]),
        (4000, 500, 2, ["One-sided: 4000 real, 500 fake"]),
        (5000, 5000, 1, ["All 5000 fakes come from a single source"]),
        (40, 3, 1, ["Only 43 images", "One-sided: 40 real, 3 fake", "All 3 fakes come from a single source"]),
        (0, 7, 0, ["All 7 images are fake: AUROC, average precision and EER are undefined"]),
        (9, 0, 3, ["All 9 images are real"]),
        (5000, 5000, 3, []),
    ],
)
def test_caveats_are_said_with_their_n(n_real, n_fake, n_fake_sources, said):
    notes = caveats(n_real, n_fake, n_fake_sources)
    assert len(notes) == len(said)
    for note, expected in zip(notes, said, strict=True):
        assert note.startswith(expected)
