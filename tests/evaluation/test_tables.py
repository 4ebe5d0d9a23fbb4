"""Tables and files say what was evaluated, and a file is whole or not there."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from dfdetect.evaluation.evaluate import Predictions, evaluate
from dfdetect.evaluation.stored import read_predictions
from dfdetect.evaluation.tables import metrics_table, write_json, write_predictions, write_rows


@pytest.fixture
def predictions() -> Predictions:
    return Predictions(
        path=["a.png", 'b, "c".png', "ünlü/d.png"],
        label=np.array([0, 1, 1]),
        p_fake=np.array([0.25, 0.75, 1 / 3]),
        group=["a.png", "person", "person"],
        source=["", "gan", "a name of more than sixteen letters"],
    )


def test_the_table_has_a_line_for_all_and_one_a_source(predictions):
    lines = metrics_table(evaluate(predictions), "Test of x").splitlines()
    assert lines[0] == "Test of x"
    assert lines[1].split()[:3] == ["n", "real", "fake"]
    assert lines[2].split()[:7] == ["all", "3", "1", "2", "0.6667", "1.0000", "0.5000"]
    assert lines[3].split()[:2] == ["95%", "from"]
    assert lines[4].split()[0] == "to"
    assert lines[5].startswith("a name of more than sixteen letters       1      0 ")
    assert lines[6].split()[:4] == ["gan", "1", "0", "1"]
    assert {len(line) for line in lines[1:7]} == {len(lines[1])}
    assert lines[8] == "At threshold 0.5: 1 real as real, 0 real as fake, 1 fake as real, 1 fake as fake"
    assert lines[9].startswith("TPR at 1% FPR 1.0000 (")
    assert lines[10].startswith("log loss 0.5580 (")
    assert lines[11].startswith("Note: Only 3 images")


def test_a_calibrated_result_shows_what_it_was_before(predictions):
    columns = {"camera": ["phone", "phone", "mirror"]}
    result = evaluate(replace(predictions, columns=columns), threshold=0.3, temperature=2.0)
    lines = metrics_table(result, "Test of x").splitlines()
    assert lines[2].split()[4:6] == ["1.0000", "1.0000"]
    assert lines[5].split() == ["at", "0.5", "0.6667", "1.0000", "0.5000", "0.6667", "-", "-", "-"]
    assert [line.split()[0] for line in lines[8:10]] == ["camera=mirror", "camera=phone"]
    assert "uncalibrated" in lines[13]
    assert "uncalibrated" not in metrics_table(evaluate(predictions), "Test")


def test_what_is_undefined_is_a_dash_in_the_table():
    one_class = Predictions(["a"], np.array([1]), np.array([0.2]), ["a"], [""])
    table = metrics_table(evaluate(one_class), "Test")
    assert table.splitlines()[2].split() == ["all", "1", "0", "1", "0.0000", "-", "0.0000", "0.0000", "-", "-", "-"]
    assert "nan" not in table.lower()


def test_predictions_are_read_back_as_they_were(tmp_path, predictions):
    write_predictions(tmp_path / "new" / "p.csv", predictions)
    with open(tmp_path / "new" / "p.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == list(predictions.path)
    assert [row["label"] for row in rows] == ["real", "fake", "fake"]
    assert [float(row["p_fake"]) for row in rows] == pytest.approx(predictions.p_fake, abs=1e-6)
    assert [row["group"] for row in rows] == list(predictions.group)
    assert [row["source"] for row in rows] == list(predictions.source)
    write_predictions(tmp_path / "wide.csv", replace(predictions, columns={"camera": ["a", "b", "c"]}))
    assert (tmp_path / "wide.csv").read_text().splitlines()[0] == "path,label,p_fake,group,source,camera"


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    file = tmp_path / "metrics.json"
    write_json(file, {"auroc": None})
    with pytest.raises(ValueError, match="JSON"):
        write_json(file, {"auroc": float("nan")})
    assert json.loads(file.read_text()) == {"auroc": None}


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    write_rows(file, ["a"], [[1]])

    def rows():
        yield [2]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_rows(file, ["a"], rows())
    assert file.read_text() == "a\n1\n"


def test_a_threshold_near_a_half_is_not_called_a_half(predictions):
    text = metrics_table(evaluate(predictions, threshold=0.49991), "x")
    assert "  at 0.5 " in text
    assert "At threshold 0.4999: " in text


@pytest.mark.parametrize("length", [16, 17, 39, 40, 200])
def test_names_that_differ_in_their_last_letter_look_different(predictions, length):
    names = ["x" * (length - 1) + last for last in "ab"]
    judged = replace(predictions, source=["", *names], columns={"codec": ["", *names]})
    lines = metrics_table(evaluate(judged, resamples=0), "x").splitlines()
    for name in (*names, *(f"codec={name}" for name in names)):
        place = next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
        row = lines[place] if len(name) < 40 else lines[place + 1]
        assert row.split()[-10:-7] == ["1", "0", "1"]
        assert len(row) == len(lines[2])


def test_scores_near_certainty_keep_their_ranking(tmp_path, predictions):
    close = np.array([1 - 1e-10, 1 - 2e-10, 1 - 3e-12, 1e-12, 2e-12, 0.490760950838, 0.490760952327])
    n = len(close)
    own = replace(
        predictions,
        path=[f"{i}.png" for i in range(n)],
        label=np.arange(n) % 2,
        p_fake=close,
        group=[str(i) for i in range(n)],
        source=[""] * n,
        columns={},
    )
    write_predictions(tmp_path / "p.csv", own)
    assert read_predictions(tmp_path / "p.csv").p_fake.tolist() == close.tolist()
