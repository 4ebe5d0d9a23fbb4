import os

import numpy as np
import pytest

from dfdetect.deploy.export.parity import latencies, measure_parity
from dfdetect.deploy.export.parity_page import parity_lines, parity_page
from dfdetect.deploy.export.pictures import Pictures
from dfdetect.deploy.runtime import Detector
from dfdetect.evaluation.comparison import compare
from dfdetect.evaluation.evaluate import Predictions


def pictures(n: int, labels: object = "both") -> Pictures:
    label = None if labels is None else np.arange(n) % 2 if labels == "both" else np.zeros(n, np.int64)
    names = [f"{i}.jpg" for i in range(n)]
    return Pictures("some", names, label, names, lambda place: np.zeros((8, 8, 3), np.uint8))


def scores(n: int, noise: float = 0.2) -> np.ndarray:
    return np.clip(0.3 + 0.4 * (np.arange(n) % 2) + np.random.default_rng(0).normal(0, noise, n), 0, 1)


def test_differences_and_changed_verdicts_are_counted():
    own, n = pictures(6), 6
    reference = np.array([0.1, 0.49, 0.51, 0.9, 0.5, 0.2])
    exported = np.array([0.1, 0.50, 0.48, 0.9, 0.5, 0.3])
    found = measure_parity(own, range(n), reference, exported, 0.5, "fp16")
    assert found["n"] == 6
    assert found["max_difference"] == pytest.approx(0.1)
    assert found["mean_difference"] == pytest.approx(0.14 / 6)
    assert found["n_flipped"] == 2
    assert [one["path"] for one in found["flipped"]] == [os.path.abspath("1.jpg"), os.path.abspath("2.jpg")]
    assert found["flipped"][0] == {"path": os.path.abspath("1.jpg"), "p_fake": 0.49, "exported": 0.50}


@pytest.mark.parametrize(("precision", "difference", "passed"), [
    ("fp32", 0.9e-4, True), ("fp32", 1.1e-4, False), ("fp16", 0.9e-2, True), ("fp16", 1.1e-2, False)
])  # fmt: skip
def test_one_score_over_the_tolerance_fails_a_float_file(precision, difference, passed):
    reference = scores(50)
    exported = reference.copy()
    exported[7] += difference if reference[7] < 0.5 else -difference
    found = measure_parity(pictures(50), range(50), reference, exported, 0.5, precision)
    assert found["passed"] is passed
    assert ("within" if passed else "above") in found["reason"]


def test_scores_that_are_all_alike_prove_little():
    reference = 0.4 + 0.001 * np.random.default_rng(0).random(50)
    found = measure_parity(pictures(50), range(50), reference, reference, 0.5, "fp32")
    assert found["passed"]
    assert found["reason"].endswith("so that this proves little")
    assert found["score_range"] == [reference.min(), reference.max()]
    assert "proves" not in measure_parity(pictures(50), range(50), scores(50), scores(50), 0.5, "fp32")["reason"]


def test_int8_is_held_to_its_auroc_where_there_are_enough_images():
    n = 1000
    reference = scores(n)
    same = measure_parity(pictures(n), range(n), reference, np.clip(reference + 0.03, 0, 1), 0.5, "int8")
    assert same["passed"]
    assert same["tolerance"] == 0.005
    worse = measure_parity(pictures(n), range(n), reference, scores(n, 0.4), 0.5, "int8")
    assert worse["auroc"]["difference"] < -0.005
    assert not worse["passed"]
    better = measure_parity(pictures(n), range(n), scores(n, 0.4), reference, 0.5, "int8")
    assert better["passed"]


def test_of_few_images_only_a_loss_that_is_certain_fails_int8():
    n = 200
    reference = scores(n)
    little = measure_parity(pictures(n), range(n), reference, scores(n, 0.201), 0.5, "int8")
    assert little["passed"]
    assert little["tolerance"] is None
    assert "only 200 images" in little["reason"]
    ruined = measure_parity(pictures(n), range(n), reference, 1 - reference, 0.5, "int8")
    assert not ruined["passed"]
    assert "interval" in ruined["reason"]


def test_the_auroc_difference_is_that_of_a_comparison():
    n, own = 60, pictures(60)
    reference, exported = scores(n), scores(n, 0.25)
    assert own.labels is not None
    label, names = own.labels, own.paths
    both = [Predictions(names, label, one, names, [""] * n) for one in (reference, exported)]
    first, second = compare(both, [0.5] * 2)
    found = measure_parity(own, range(n), reference, exported, 0.5, "int8")["auroc"]
    assert found["checkpoint"] == first["auroc"]
    assert found["exported"] == second["auroc"]
    assert found["difference"] == second["against_first"]["auroc"]["difference"]
    assert found["interval"] == second["against_first"]["auroc"]["interval"]


@pytest.mark.parametrize("labels", [None, "one"])
def test_without_labels_of_both_classes_there_is_no_auroc(labels):
    found = measure_parity(pictures(20, labels), range(20), scores(20), scores(20), 0.5, "int8")
    assert found["auroc"] is None
    assert found["passed"]
    assert "that crossed" in found["reason"]


def test_places_are_those_that_could_be_read():
    own = pictures(10)
    places = [1, 4, 5, 8]
    found = measure_parity(own, places, np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.1, 0.7, 0.8, 0.9]), 0.5, "fp16")
    assert found["n"] == 4
    assert found["n_unreadable"] == 6
    assert found["flipped"][0]["path"] == os.path.abspath("4.jpg")


@pytest.mark.parametrize("labels", ["both", None])
def test_the_page_and_the_lines_say_what_was_found(labels):
    n, own = 30, pictures(30, labels)
    reference, exported = scores(n), scores(n, 0.25)
    result = measure_parity(own, range(n), reference, exported, 0.5, "int8") | {
        "file": "out/<b>-int8.onnx",
        "format": "onnx",
        "precision": "int8",
        "megabytes": 2.5,
        "engine": "ONNX Runtime 1, CPU, 1 thread",
        "latency_ms": {"checkpoint": 20.0, "exported": 5.0, "threads": 1},
        "float_layers": ["heatmap"],
        "calibration": "9 images",
        "face_margin": "Margin around faces 0.2, as stated",
        "facts": {"dfdetect.licence": "<script>"},
    }
    html = parity_page(result, reference, exported, own.labels, range(n))
    assert "<script>" not in html
    assert "&lt;b&gt;-int8.onnx: compared" in html
    assert f"{result['n_flipped']} of 30" in html
    assert "4.0 times as fast" in html
    assert "Margin around faces 0.2, as stated." in html
    lines = parity_lines([result, result | {"passed": False}])
    assert f"{result['n_flipped']}/30" in lines
    assert lines.count("<b>-int8.onnx") == 2
    assert "compared: " in lines
    assert "failed: " in lines


def test_latencies_are_milliseconds_of_each(tiny_onnx, tiny_checkpoint):
    found = latencies([Detector.load(tiny_checkpoint, 1), Detector.load(tiny_onnx, 1)])
    assert len(found) == 2
    assert all(0 < one < 1000 for one in found)
