"""A test leaves report.html, and `dfdetect report` writes it again from what lies in the run's folder."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dfdetect.callbacks.report import ReportPage
from dfdetect.callbacks.results import EvaluationResults
from dfdetect.callbacks.robustness import RobustnessCurves
from dfdetect.data.samples import load_samples
from dfdetect.data.splits import fingerprint
from dfdetect.evaluation.tables import write_json
from dfdetect.main import main
from dfdetect.models.detector import DeepfakeDetector
from tests.evaluation.test_page import parse
from tests.evaluation.test_run_report import Page
from tests.fits import copy_as_others, faces_data, quiet_trainer
from tests.test_cli import trained, work  # noqa: F401


@pytest.fixture(scope="session")
def reported(tmp_path_factory, fitted_run, generated_faces) -> Path:
    """A run that was trained and tested from Python, with everything a test can leave."""
    run: Path = tmp_path_factory.mktemp("reported") / "lightning_logs/run/version_0"
    shutil.copytree(fitted_run, run)
    detector = DeepfakeDetector.load_from_checkpoint(run / "checkpoints/best.ckpt")
    callbacks = [EvaluationResults(), RobustnessCurves(True, {"jpeg": [50], "blur": [2.0]}), ReportPage()]
    trainer = quiet_trainer(run.parent, callbacks=callbacks, logger=False, default_root_dir=str(run))
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    return run


@pytest.fixture
def run(reported, tmp_path) -> Path:
    """A copy of it to work on, in ./lightning_logs."""
    shutil.copytree(reported.parents[1], tmp_path / "lightning_logs")
    return Path("lightning_logs/run/version_0")


def test_a_test_leaves_a_page_with_its_figures(reported):
    html = (reported / "report.html").read_text()
    parse(html)
    page, result = Page(html), json.loads((reported / "metrics.json").read_text())
    for name, title in {"auroc": "AUROC", "accuracy": "accuracy", "eer": "equal error rate", "brier": "Brier"}.items():
        low, high = result["intervals"][name]
        assert page.row(title)[1] == f"{result[name]:.3f} {low:.3f} to {high:.3f}"
    assert len(page.sources) == 8  # six of the test, robustness, curves
    assert "These are generated faces" in html
    assert "began with random weights" in html
    assert "No command line was noted" in html
    assert page.row("jpeg 50")
    assert page.row("fingerprint of the split")[1] == (reported / "split.sha256").read_text().strip()
    assert page.row("train")[1:4] == ["168", "84", "84"]


def test_the_command_writes_it_again_and_lists_the_limits(run, capsys):
    (run / "report.html").unlink()
    assert main(["report"]) == 0
    output = capsys.readouterr().out
    assert f"Written to {run / 'report.html'}" in output
    assert "serious  These are generated faces" in output
    assert (run / "report.html").stat().st_size > 10_000


def test_json_holds_the_limits_and_another_file_can_be_named(run, tmp_path, capsys):
    assert main(["report", str(run / "metrics.json"), "--json", "--out", "pages/mine.html"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["report"] == "pages/mine.html"
    assert {"generated", "few_images", "no_pretrained_weights"} <= {limit["kind"] for limit in said["limits"]}
    assert (tmp_path / "pages/mine.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such run"),
        (["empty"], "no results of a test and no checkpoint"),
        ([], "No run in lightning_logs"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    assert main(["report", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "dfdetect report" in error
    assert "Traceback" not in error


def test_a_page_that_cannot_be_written_is_an_error_in_a_line(run, capsys):
    Path("taken").write_text("x")
    assert main(["report", str(run), "--out", "taken/report.html"]) == 1
    assert "--out FILE" in capsys.readouterr().err


def test_the_command_line_is_noted_and_shown(work, generated_faces):  # noqa: F811
    assert main(["test", "--results.by=[]", "--robustness", "--robustness.corruptions={jpeg: [50]}"]) == 0
    lines = (work / "commands.txt").read_text().splitlines()
    assert [line.split("\t")[1].split()[:2] for line in lines] == [["dfdetect", "fit"], ["dfdetect", "test"]]
    assert lines[-1].endswith("dfdetect test '--results.by=[]' --robustness '--robustness.corruptions={jpeg: [50]}'")
    html = (work / "report.html").read_text()
    assert "dfdetect test &#x27;--results.by=[]&#x27; --robustness" in html
    assert "max_epochs" in html
    assert main(["test", "--report.enabled=false", "--data.root", str(generated_faces)]) == 0
    assert (work / "report.html").read_text() == html


def test_other_data_comes_into_the_runs_own_page(work, generated_faces, tmp_path):  # noqa: F811
    other = tmp_path / "<b>other"
    copy_as_others(generated_faces / "real", other / "real")
    copy_as_others(generated_faces / "fake/smoothed", other / "fake")
    assert main(["test"]) == 0
    assert main(["test", "--data.root", str(other)]) == 0
    html = (work / "report.html").read_text()
    parse(html)
    result = json.loads((work / "cross-dataset/<b>other/metrics.json").read_text())
    assert Page(html).row("<b>other")[2].startswith(f"{result['auroc']:.3f} ")
    assert "Only judged on data like" not in html


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_without_scrolling_sideways(reported, tmp_path, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    frame = f'<iframe id="f" src="{(reported / "report.html").as_uri()}" style="width:{width}px;height:900px"></iframe>'
    script = (
        "<script>f.onload=()=>{const p=f.contentDocument;document.title="
        "[p.documentElement.scrollWidth<=p.documentElement.clientWidth,"
        "[...p.images].every(i=>i.naturalWidth>0),p.images.length]}</script>"
    )
    (tmp_path / "frame.html").write_text(f"<body>{frame}{script}</body>")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=20000", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "<title>true,true,8</title>" in shown.stdout


def test_an_audit_of_the_plain_root_is_found_where_both_were_typed(run, generated_faces, capsys):
    samples = load_samples(generated_faces)
    known = fingerprint(samples, np.zeros(len(samples), np.int8))  # as `dfdetect audit` notes it
    finding = {"kind": "file_facts", "severity": "strong", "title": "JPEG <tables>", "meaning": "m", "remedy": "r"}
    write_json(Path("looked-at/findings.json"), {"data_fingerprint": known, "findings": [finding]})
    assert main(["report", str(run)]) == 0
    page = Page((run / "report.html").read_text())
    assert page.row("audit")[1] == str(Path("looked-at/findings.json").resolve())
    assert "serious  Audit of the data: JPEG <tables>" in capsys.readouterr().out
