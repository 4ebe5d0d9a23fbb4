"""Verdicts of a source are counted over all folds; its scores are ranked in each fold alone."""

import csv

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.evaluation.test_crossval import result_of, write_folds


@pytest.mark.parametrize("repeats", [1, 2])
def test_sources_are_those_of_a_plain_loop(tmp_path, repeats):
    runs = write_folds(tmp_path, repeats=repeats, sources=("gan", "swap", "edit"))
    result = result_of(runs)
    right: dict[str, list[bool]] = {}
    areas: dict[str, list[float]] = {}
    for place, run in enumerate(runs):
        with open(run / "predictions.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            called = float(row["p_fake"]) >= 0.4 + 0.05 * (place % 4)
            right.setdefault(row["source"], []).append(called == (row["label"] == "fake"))
        for source in {row["source"] for row in rows} - {""}:
            kept = [row for row in rows if row["source"] in ("", source)]
            label = [row["label"] == "fake" for row in kept]
            areas.setdefault(source, []).append(roc_auc_score(label, [float(row["p_fake"]) for row in kept]))
    assert set(result["per_source"]) == {"gan", "swap", "edit"}
    for source, measured in result["per_source"].items():
        assert measured["accuracy"] == pytest.approx(np.mean(right[source]))
        assert measured["auroc"] == pytest.approx(np.mean(areas[source]), abs=1e-7)
        assert (measured["n"] * repeats, measured["n_real"]) == (len(right[source]), 0)
        for name in ("accuracy", "auroc"):
            low, high = measured["intervals"][name]
            assert low < measured[name] < high
    worst = min(result["per_source"], key=lambda source: result["per_source"][source]["accuracy"])
    assert (result["worst_group"]["value"], result["worst_group"]["n"]) == (worst, result["per_source"][worst]["n"])


def test_without_sources_there_is_none_and_no_worst(tmp_path):
    result = result_of(write_folds(tmp_path))
    assert (result["per_source"], result["worst_group"]) == ({}, None)
