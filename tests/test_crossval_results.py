"""`dfdetect crossval` and `dfdetect report` leave the page of a cross-validation, from finished folds."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfdetect.evaluation.tables import write_json
from dfdetect.main import main
from tests.evaluation.test_crossval import write_folds
from tests.evaluation.test_page import parse
from tests.evaluation.test_run_report import Page

OPTIONS = ["crossval", "--out", "cv", "--folds", "4", "--data.split", "grouped"]


def test_finished_folds_are_reported_and_the_command_is_noted(capsys):
    write_folds(Path("cv"), sources=("gan", "swap"))
    assert main(OPTIONS) == 0
    said = capsys.readouterr().out
    assert "4-fold cross-validation: 160 images in 80 groups" in said
    assert "To read: cv/report.html" in said
    left = {"predictions.csv", "metrics.json", "report.html", "roc.png", "reliability.png", "abstention.png"}
    assert left <= {file.name for file in Path("cv").iterdir()}
    html = Path("cv/report.html").read_text()
    parse(html)
    result = json.loads(Path("cv/metrics.json").read_text())
    low, high = result["intervals"]["auroc"]
    assert Page(html).row("AUROC")[1] == f"{result['auroc']:.3f} {low:.3f} to {high:.3f}"
    assert "dfdetect crossval --out cv --folds 4 --data.split grouped" in html
    with open("cv/predictions.csv", newline="") as stream:
        assert len({row["path"] for row in csv.DictReader(stream)}) == 160


def test_json_holds_the_result_and_its_difference(capsys):
    write_folds(Path("cv"))
    write_folds(Path("other"), seed=1)
    assert main([*OPTIONS, "--against", "other", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads(Path("cv/metrics.json").read_text())
    assert result["against"]["folder"] == "other"
    assert "Against another cross-validation" in Path("cv/report.html").read_text()


def test_a_comparison_that_cannot_be_made_is_told_before_any_training(capsys, monkeypatch):
    monkeypatch.setattr("dfdetect.crossval._run_all", lambda *_: pytest.fail("training began"))
    write_folds(Path("unfinished"), folds=4)[3].joinpath("metrics.json").unlink()
    write_folds(Path("fewer"), n=120)
    for other, message in [
        ("missing", "--against missing: no such folder"),
        (".", "holds no finished fold"),
        ("unfinished", "--against unfinished: only 3 of 4 folds are finished"),
    ]:
        assert main([*OPTIONS, "--against", other]) == 2
        assert message in capsys.readouterr().err
        assert not Path("cv").exists()
    write_folds(Path("cv"))
    assert main([*OPTIONS, "--against", "fewer"]) == 2
    assert "fewer was not cross-validated on the images of cv" in capsys.readouterr().err


def test_results_are_whole_where_the_comparison_fails_in_the_end(capsys):
    write_folds(Path("cv"), n=120)
    write_folds(Path("more"))
    assert main([*OPTIONS, "--against", "more"]) == 1
    said = capsys.readouterr()
    assert "not cross-validated on the same images" in said.err
    assert "The results in cv are whole, but compared with nothing" in said.err
    assert "4-fold cross-validation: 120 images" in said.out
    assert json.loads(Path("cv/metrics.json").read_text())["n"] == 120
    assert Path("cv/report.html").is_file()


def test_report_writes_it_again_keeps_the_comparison_and_tells_an_unfinished_one(capsys):
    runs = write_folds(Path("cv"))
    write_folds(Path("other"), seed=1)
    assert main([*OPTIONS, "--against", "other"]) == 0
    before = Path("cv/report.html").read_text()
    Path("cv/report.html").unlink()
    assert main(["report", "cv"]) == 0
    assert Path("cv/report.html").read_text() == before
    (runs[3] / "metrics.json").unlink()
    capsys.readouterr()
    assert main(["report", "cv", "--json", "--out", "page.html"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["report"] == "page.html"
    assert said["limits"][0]["kind"] == "unfinished"
    assert "Only 3 of 4 folds are finished" in Path("page.html").read_text()


def test_pictures_of_mistakes_are_shown_where_the_files_lie():
    runs = write_folds(Path("cv"))
    for i in range(0, 160, 3):
        Path("photos").mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 16, 3), i, np.uint8)).save(f"photos/{i:03d}.png")
    for run in runs:
        metrics = json.loads((run / "metrics.json").read_text())
        write_json(run / "metrics.json", metrics | {"tested": {"location": str(Path("photos").resolve())}})
    assert main(["report", "cv"]) == 0
    assert Path("cv/mistakes.png").is_file()
    assert len(Page(Path("cv/report.html").read_text()).sources) == 5


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("plan.json", "[]", "not what dfdetect crossval writes"),
        ("plan.json", "{", "is damaged"),
        ("repeat0-fold1/predictions.csv", "path\n", "no column"),
        ("repeat0-fold1/metrics.json", "{}", "not what dfdetect test writes"),
    ],
)
def test_what_is_damaged_is_told_in_a_line(capsys, file, content, message):
    write_folds(Path("cv"))
    Path("cv", file).write_text(content)
    assert main(["report", "cv"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_one_without_a_finished_fold_names_the_command(capsys):
    write_json(Path("cv/plan.json"), {"folds": 4, "training": []})
    assert main(["report", "cv"]) == 1
    assert "no fold is finished. Run it, or go on with it: dfdetect crossval --out cv" in capsys.readouterr().err


def test_a_damaged_comparison_is_left_out():
    write_folds(Path("cv"))
    write_json(Path("cv/metrics.json"), {"against": {"folder": "x", "auroc": 3}})
    assert main(["report", "cv"]) == 0
    assert "against" not in json.loads(Path("cv/metrics.json").read_text())
