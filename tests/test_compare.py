"""`dfdetect compare` as it is typed, on runs that were trained and tested here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dfdetect.callbacks.results import EvaluationResults
from dfdetect.main import main
from dfdetect.models.detector import DeepfakeDetector
from tests.fits import faces_data, quiet_trainer
from tests.test_cli import rows_of


@pytest.fixture(scope="module")
def tested(tmp_path_factory, fitted_run, generated_faces):
    """A folder with a run that was trained and tested, as lightning_logs/run/version_0."""
    folder = tmp_path_factory.mktemp("compared") / "lightning_logs"
    run = folder / "run/version_0"
    shutil.copytree(fitted_run, run)
    detector = DeepfakeDetector.load_from_checkpoint(run / "checkpoints/last.ckpt", weights_only=True)
    trainer = quiet_trainer(run.parent, callbacks=[EvaluationResults()], logger=False, default_root_dir=str(run))
    trainer.test(detector, faces_data(generated_faces), verbose=False)
    return folder


@pytest.fixture
def runs(tested, tmp_path):
    """Two runs to work on: the tested one, and one whose scores are all turned round."""
    shutil.copytree(tested, tmp_path / "lightning_logs")
    first = Path("lightning_logs/run/version_0")
    second = Path("lightning_logs/other/version_3")
    shutil.copytree(first, second)
    rows = [row | {"p_fake": str(1 - float(row["p_fake"]))} for row in rows_of(first / "predictions.csv")]
    turned = [",".join(row.values()) for row in reversed(rows)]
    (second / "predictions.csv").write_text("\n".join([",".join(rows[0]), *turned]) + "\n")
    return [str(first), str(second)]


def test_markdown_shows_both_runs_with_their_cost(runs, capsys):
    assert main(["compare", *runs]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# Leaderboard of 2 runs")
    assert "| other/version_3 | tiny | 32 |" in text
    assert "Against run/version_0" in text
    assert "measured just now on this machine" in text


def test_json_holds_everything(runs, capsys):
    assert main(["compare", *runs, "--json", "--no-speed"]) == 0
    first, second = json.loads(capsys.readouterr().out)["runs"]
    assert first["auroc"] == json.loads(Path(runs[0], "metrics.json").read_text())["auroc"]
    assert second["auroc"] == pytest.approx(1 - first["auroc"])
    assert second["against_first"]["auroc"]["difference"] == pytest.approx(1 - 2 * first["auroc"])
    assert 0 <= second["against_first"]["delong_p_holm"] <= 1
    assert 0 < second["against_first"]["auroc"]["p"] <= second["against_first"]["auroc"]["p_holm"] <= 1
    assert first["cpu_ms"] is None
    assert first["parameters"] > 1000
    assert first["checkpoint"] == f"{runs[0]}/checkpoints/best.ckpt"


def test_a_page_is_written(runs, capsys):
    assert main(["compare", *runs, "--html", "deep/board.html", "--no-speed"]) == 0
    page = Path("deep/board.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "other/version_3" in page
    assert "Written to deep/board.html" in capsys.readouterr().err


def test_a_file_of_the_results_names_its_run_too(runs, capsys):
    assert main(["compare", f"{runs[0]}/metrics.json", f"{runs[1]}/predictions.csv", "--no-speed"]) == 0
    assert "other/version_3" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["validation", "no-such-file.csv", "cross-dataset/other"])
def test_what_is_not_there_is_not_taken_for_the_run_it_would_lie_in(missing, runs, capsys):
    place = f"{runs[1]}/{missing}"
    assert main(["compare", runs[0], place, "--no-speed"]) == 1
    captured = capsys.readouterr()
    assert f"{place}: no such run" in captured.err
    assert not captured.out


def test_a_run_that_is_named_twice_is_taken_once_and_that_is_said(runs, capsys):
    again = [f"{runs[0]}/metrics.json", str(Path(runs[0]).resolve()), f"{runs[1]}/../version_3"]
    assert main(["compare", *runs, *again, "--no-speed"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("# Leaderboard of 2 runs")
    assert captured.err.count("is named twice; it is taken once\n") == 3
    assert f"{runs[1]}/../version_3 is named twice" in captured.err
    assert main(["compare", runs[0], runs[0], "--no-speed"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{runs[0]} is named twice; it is taken once\n"
    assert captured.out.startswith("# Leaderboard of 1 run\n\nTested on 36 images (")
    assert "compared with" not in captured.out
    assert "Differences" not in captured.out


def test_a_run_without_its_checkpoint_is_still_compared(runs, capsys):
    shutil.rmtree(Path(runs[1]) / "checkpoints")
    assert main(["compare", *runs, "--no-speed"]) == 0
    assert "| other/version_3 | checkpoint is gone |" in capsys.readouterr().out


def test_runs_of_one_name_are_told_apart_by_their_paths(runs, capsys):
    shutil.copytree(runs[0], "a/x/version_0")
    shutil.copytree(runs[0], "b/x/version_0")
    assert main(["compare", "a/x/version_0", "b/x/version_0", "--no-speed"]) == 0
    assert "| b/x/version_0 |" in capsys.readouterr().out


def test_other_test_images_are_refused_naming_both_and_the_fix(runs, capsys):
    file = Path(runs[1], "predictions.csv")
    file.write_text("\n".join(file.read_text().splitlines()[:-2]) + "\n")
    assert main(["compare", *runs]) == 1
    error = capsys.readouterr().err
    assert "run/version_0 and other/version_3 were tested on different images (36 and 34, 34 in common)" in error
    assert f"dfdetect test --ckpt_path {runs[1]}/checkpoints/best.ckpt" in error


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda run: (run / "predictions.csv").unlink(), "dfdetect test --ckpt_path"),
        (lambda run: (run / "metrics.json").unlink(), "metrics.json: cannot be read"),
        (lambda run: (run / "metrics.json").write_text("{}"), "no threshold"),
        (lambda run: [file.unlink() for file in run.rglob("*.c*") if file.is_file()], "name a folder that dfdetect"),
        (shutil.rmtree, "no such run. Name its folder: dfdetect compare lightning_logs/NAME/version_0"),
    ],
)
def test_what_is_missing_is_named_with_the_fix(break_it, said, runs, capsys):
    break_it(Path(runs[1]))
    assert main(["compare", *runs]) == 1
    assert said in capsys.readouterr().err


def test_what_a_test_said_of_its_figures_is_said_again(runs, capsys):
    file = Path(runs[1], "metrics.json")
    metrics = json.loads(file.read_text())
    metrics["notes"] = ["Leak: the split tears 5 groups apart.", *metrics["notes"]]
    file.write_text(json.dumps(metrics))
    assert main(["compare", *runs, "--no-speed"]) == 0
    text = capsys.readouterr().out
    assert "- other/version_3: Leak: the split tears 5 groups apart." in text
    assert text.count("These are generated faces") == 1


def test_a_cross_validation_is_no_run(runs, capsys):
    file = Path(runs[1], "metrics.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"per_fold": []}))
    assert main(["compare", *runs]) == 1
    assert "is a cross-validation" in capsys.readouterr().err


def test_no_run_is_a_usage_error():
    with pytest.raises(SystemExit) as stop:
        main(["compare"])
    assert stop.value.code == 2


def test_help_loads_neither_torch_nor_numpy():
    code = (
        "import sys\nfrom dfdetect.main import main\ntry: main(['compare', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "example: dfdetect compare" in answer.stdout
