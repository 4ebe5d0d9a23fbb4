"""`dfdetect crosstest` as it is typed, on detectors trained here, beside the single tests it stands for."""

import html
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dfdetect.cli import execute
from dfdetect.main import main
from tests.test_cli import rows_of, tiny, trained, work  # noqa: F401

BEST = "checkpoints/best.ckpt"


def copy_faces(generated_faces: Path, folder: Path, prefix: str) -> Path:
    """40 real faces and 40 fake ones under names of their own."""
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for photo in sorted((generated_faces / label).rglob("*.jpg"))[:40]:
            shutil.copy(photo, folder / label / f"{prefix}-{photo.name}")
    return folder


@pytest.fixture
def roots(work, generated_faces, tmp_path):  # noqa: F811
    """The training's own data, and two others of one folder name."""
    others = [copy_faces(generated_faces, tmp_path / place / "photos", place) for place in ("a", "b")]
    return [str(generated_faces), *map(str, others)]


def matrix_of(folder: str = "crosstest"):
    return json.loads(Path(folder, "crosstest.json").read_text())


def test_the_matrix_holds_what_single_tests_say(work, roots, capsys):  # noqa: F811
    assert main(["crosstest", "--roots", *roots, "--json"]) == 0
    captured = capsys.readouterr()
    matrix = json.loads(captured.out)
    assert matrix == matrix_of()
    assert Path("crosstest/crosstest.png").read_bytes().startswith(b"\x89PNG")
    assert [column["name"] for column in matrix["columns"]] == ["faces", "a/photos", "b/photos"]
    assert [(row["name"], row["run"]) for row in matrix["rows"]] == [("faces", "mobilenetv2/version_0")]
    assert [cell["own"] for cell in matrix["cells"]] == [True, False, False]
    assert len({cell["results"] for cell in matrix["cells"]}) == 3
    for cell, root in zip(matrix["cells"][:2], roots[:2], strict=True):
        before = json.loads(Path(cell["results"], "metrics.json").read_text())
        assert main(["test", "--ckpt_path", str(work / BEST), f"--data.root={root}"]) == 0
        result = json.loads(Path(cell["results"], "metrics.json").read_text())
        assert result == before
        assert len(rows_of(Path(cell["results"], "predictions.csv"))) == cell["n"] == result["n"]
        for name in ("auroc", "accuracy", "threshold", "n_real", "n_fake"):
            assert cell[name] == result[name]
        assert cell["intervals"]["auroc"] == result["intervals"]["auroc"]
    split = [row["path"] for row in rows_of(work / "split.csv") if row["split"] == "test"]
    assert {row["path"] for row in rows_of(work / "predictions.csv")} == set(split)
    assert [cell["n"] for cell in matrix["cells"]] == [len(split), 80, 80]
    other = matrix["cells"][1]
    assert other["threshold_moved"] == other["best_threshold"] - other["threshold"]


def test_what_was_tested_is_not_tested_again_but_when_asked(work, roots, monkeypatch, capsys):  # noqa: F811
    tested: list[str] = []

    def spy(subcommand, arguments, command):
        tested.append(next(a for a in arguments if a.startswith("--data.root=")).partition("=")[2])
        return execute(subcommand, arguments, command)

    monkeypatch.setattr("dfdetect.crosstest_cells.execute", spy)
    assert main(["test", f"--data.root={roots[1]}"]) == 0  # a test by hand counts
    assert main(["crosstest", "--roots", *roots[:2]]) == 0
    assert tested == roots[:1]
    first = matrix_of()
    assert main(["crosstest", "--roots", *roots]) == 0
    assert tested == [roots[0], roots[2]]
    assert matrix_of()["cells"][:2] == first["cells"]
    shutil.rmtree(work / "cross-dataset")  # what crosstest.json knows is enough
    assert main(["crosstest", "--roots", *roots]) == 0
    assert len(tested) == 2
    assert "3 of 3 were tested before" in capsys.readouterr().err
    (Path(roots[2]) / "real" / "new.jpg").write_bytes(next(Path(roots[2], "real").iterdir()).read_bytes())
    assert main(["crosstest", "--roots", *roots]) == 0  # other images
    assert tested[2:] == roots[2:]
    assert matrix_of()["cells"][2]["n"] == 81
    assert main(["crosstest", "--roots", roots[0], "--again"]) == 0
    assert tested[3:] == roots[:1]


def test_the_run_notes_what_was_typed_once(work, roots):  # noqa: F811
    typed = ["crosstest", "--roots", "gone", *roots]
    assert main(typed) == 1
    commands = [line.partition("\t")[2] for line in (work / "commands.txt").read_text().splitlines()]
    assert commands[0].startswith("dfdetect fit ")
    assert commands[1:] == [shlex.join(["dfdetect", *typed])]
    assert shlex.join(["dfdetect", *typed]) in html.unescape((work / "report.html").read_text())
    shutil.copy(work / BEST, "alone.ckpt")
    typed = ["crosstest", "--ckpt", "alone.ckpt", "--again", "--roots", *roots[:2]]
    assert main(typed) == 0
    for cell in matrix_of()["cells"]:  # each test of a file from elsewhere has a run of its own
        folder = Path(cell["results"])
        lines = (folder if cell["own"] else folder.parent.parent).joinpath("commands.txt").read_text().splitlines()
        assert [line.partition("\t")[2] for line in lines] == [shlex.join(["dfdetect", *typed])]


def test_a_partial_test_or_another_checkpoint_does_not_count(work, roots, capsys):  # noqa: F811
    assert main(["test", f"--data.root={roots[1]}", "--trainer.limit_test_batches=2"]) == 0
    assert "as --trainer.limit_test_batches asks" in capsys.readouterr().out
    assert main(["crosstest", "--roots", roots[1]]) == 0
    assert matrix_of()["cells"][0]["n"] == 80
    checkpoint = torch.load(work / BEST, weights_only=True)
    checkpoint["dfdetect"]["threshold"] = 0.123
    torch.save(checkpoint, work / BEST)
    assert main(["crosstest", "--roots", roots[1]]) == 0
    assert matrix_of()["cells"][0]["threshold"] == 0.123


@pytest.mark.filterwarnings("ignore:Skipped")
def test_a_bad_root_is_a_failed_column_and_the_others_go_on(work, roots, tmp_path, capsys):  # noqa: F811
    for photo in Path(roots[2], "fake").iterdir():
        photo.write_bytes(b"no image")
    (tmp_path / "one/real").mkdir(parents=True)
    assert main(["crosstest", "--roots", "gone", str(tmp_path / "one"), roots[2], roots[1]]) == 1
    captured = capsys.readouterr()
    cells = matrix_of()["cells"]
    assert [cell["error"] is None for cell in cells] == [False, False, False, True]
    assert cells[2]["error"] == "AUROC is undefined: 40 real and 0 fake images could be scored"
    assert cells[0]["error"].startswith("gone: no such folder")
    assert "no fake folder" in cells[1]["error"]
    assert "- faces (mobilenetv2/version_0) on gone: gone: no such folder" in captured.out
    assert "| failed |" in captured.out
    assert not Path("gone").exists()  # although the run's configuration would download


def test_a_manifest_is_a_root_and_its_given_test_part_is_what_counts(work, roots):  # noqa: F811
    photos = sorted(Path(roots[1]).rglob("*.jpg"))
    lines = [f"{photo},{photo.parent.name},{('train', 'test')[i % 2]}" for i, photo in enumerate(photos)]
    Path("list.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    run_config = work / "config.yaml"
    run_config.write_text(run_config.read_text().replace("split: auto", "split: random"))  # is for its own data
    assert main(["crosstest", "--roots", "list.csv"]) == 0
    assert matrix_of()["columns"][0]["name"] == "list.csv"
    assert matrix_of()["cells"][0]["n"] == 40


def test_another_split_of_the_own_data_is_refused_in_its_cell(work, roots):  # noqa: F811
    run_config = work / "config.yaml"
    text = run_config.read_text().replace("split_seed: 0", "split_seed: 7")
    run_config.write_text(text.replace("allow_new_split: false", "allow_new_split: true"))
    assert main(["crosstest", "--roots", roots[0]]) == 1
    assert "training may have seen them" in matrix_of()["cells"][0]["error"]


@pytest.fixture
def by_manifest(generated_faces, tmp_path, monkeypatch):
    """A run that was trained by a manifest with groups, and the folder of its images."""
    monkeypatch.chdir(tmp_path)
    photos = copy_faces(generated_faces, tmp_path / "photos", "own")
    files = sorted(photos.rglob("*.jpg"))
    lines = [f"../{file.relative_to(tmp_path)},{file.parent.name},g{i // 4}" for i, file in enumerate(files)]
    Path("lists").mkdir()
    Path("lists/own.csv").write_text("\n".join(["path,label,group", *lines]) + "\n")
    arguments = [part for part in tiny(generated_faces) if not part.startswith("--data.root")]
    fit = ["fit", "--config", "mobilenetv2", *arguments, "--data.manifest=lists/own.csv", "--data.folds=3"]
    assert main([*fit, "--data.fold=1"]) == 0
    return Path("lightning_logs/mobilenetv2/version_0"), photos


def test_the_folder_of_a_manifests_images_is_judged_by_the_manifests_test_part(by_manifest, monkeypatch, capsys):
    run, photos = by_manifest
    assert main(["crosstest", "--roots", str(photos), "lists/own.csv"]) == 0
    matrix = matrix_of()
    folder, manifest = matrix["cells"]
    assert folder["own"]
    assert manifest["own"]
    assert folder["notes"][-1] == f"{photos} is judged by the test part of the training's manifest, lists/own.csv."
    left_out = {row["path"] for row in rows_of(run / "split.csv") if row["split"] == "test"}
    assert {row["path"] for row in rows_of(run / "predictions.csv")} == left_out
    assert folder["n"] == manifest["n"] == len(left_out)
    assert folder["auroc"] == manifest["auroc"]
    monkeypatch.setattr("dfdetect.crosstest_cells.execute", lambda *_: pytest.fail("tested again"))
    assert main(["crosstest", "--roots", str(photos), "lists/own.csv"]) == 0
    Path("crosstest/crosstest.json").unlink()
    assert main(["crosstest", "--roots", str(photos)]) == 0  # the run knows it too
    assert matrix_of()["cells"][0] == folder


def test_the_manifest_is_found_from_elsewhere_and_named_where_it_is_gone(by_manifest, monkeypatch, tmp_path, capsys):
    run, photos = by_manifest
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    named = ["crosstest", "--ckpt", f"../{run}", "--roots", str(photos)]
    assert main(named) == 0
    Path("../lists/own.csv").rename(tmp_path / "lists/moved.csv")
    assert main([*named, "--again"]) == 1
    (cell,) = matrix_of()["cells"]
    assert "lists/own.csv lists it, which is no longer there" in cell["error"]
    assert "--roots MANIFEST" in cell["error"]


def test_a_refused_root_names_the_manifest_of_the_training(by_manifest, tmp_path):
    shutil.copy("lists/own.csv", "lists/other.csv")
    text = Path("lists/other.csv").read_text().splitlines()
    Path("lists/other.csv").write_text("\n".join([*text[:-9], *text[-4:]]) + "\n")
    assert main(["crosstest", "--roots", "lists/other.csv"]) == 1
    (cell,) = matrix_of()["cells"]
    assert "Use the training's data.split_seed, manifest own.csv and files" in cell["error"]
    assert cell["error"].endswith("It was trained by lists/own.csv: name it in --roots")


def test_checkpoints_of_one_run_and_of_none_have_rows_of_their_own(work, roots, capsys):  # noqa: F811
    shutil.copy(work / BEST, "alone.ckpt")
    checkpoint = torch.load("alone.ckpt", weights_only=True)
    checkpoint["dfdetect"]["threshold"] = 0.9
    torch.save(checkpoint, "alone.ckpt")
    named = ["crosstest", "--ckpt", str(work), str(work / "checkpoints/last.ckpt"), "alone.ckpt", "--roots", roots[1]]
    assert main(named) == 0
    matrix = matrix_of()
    runs = [row["run"] for row in matrix["rows"]]
    assert runs[:2] == ["mobilenetv2/version_0", "mobilenetv2/version_0/last.ckpt"]
    assert runs[2].endswith("/alone.ckpt")
    assert [cell["threshold"] == 0.9 for cell in matrix["cells"]] == [False, False, True]
    assert main(named) == 0
    assert "3 of 3 were tested before" in capsys.readouterr().err
    assert matrix_of() == matrix


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--roots", "https://host/photos"], 2, "a data set is read from local files only"),
        (["--roots", "a", "./a"], 2, "--roots: a is named twice"),
        (["--roots", "a/manifest.csv", "a"], 2, "--roots: a is named twice"),
        (["--ckpt", "https://host/x.ckpt", "--roots", "a"], 1, "a checkpoint is read from a local file only"),
        (["--ckpt", "gone.ckpt", "--roots", "a"], 1, "gone.ckpt: no such checkpoint"),
        (["--ckpt", "text.ckpt", "--roots", "a"], 1, "text.ckpt: refused"),
        (["--ckpt", "text.ckpt", "./text.ckpt", "--roots", "a"], 2, "--ckpt: text.ckpt is named twice"),
        (["--roots", "a"], 1, "Train first: dfdetect fit"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, code, said, capsys):
    Path("text.ckpt").write_text("no checkpoint")
    assert main(["crosstest", *arguments]) == code
    assert said in capsys.readouterr().err
    assert not Path("crosstest").exists()


def test_a_detector_that_does_not_know_its_data_is_refused(work, capsys):  # noqa: F811
    checkpoint = torch.load(work / BEST, weights_only=True)
    checkpoint["dfdetect"]["split"] = None
    torch.save(checkpoint, "unknown.ckpt")
    assert main(["crosstest", "--ckpt", "unknown.ckpt", "--roots", "a"]) == 1
    assert "dfdetect test --ckpt_path unknown.ckpt" in capsys.readouterr().err


def test_several_processes_are_refused(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["crosstest", "--roots", "a"]) == 2
    assert "without torchrun" in capsys.readouterr().err


def test_help_loads_neither_torch_nor_numpy():
    code = (
        "import sys\nfrom dfdetect.main import main\ntry: main(['crosstest', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "example: dfdetect crosstest" in answer.stdout
