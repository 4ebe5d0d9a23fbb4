"""The command line as its users type it: every configuration end to end, run discovery, precedence, refusals."""

import csv
import json
import os
import pickle
import platform
import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

import dfdetect
import dfdetect.models.checkpoint as checkpoint_module
from dfdetect import cli
from dfdetect.cli import _available_precision
from dfdetect.main import COMMANDS, main
from dfdetect.models.checkpoint import read_checkpoint
from dfdetect.models.detector import DeepfakeDetector

from .data.blending.faces import write_landmarks
from .fits import copy_as_others

CONFIG_FOLDER = Path(__file__).parent.parent / "configs"  # an installed package lies elsewhere
CONFIGS = sorted(file for file in CONFIG_FOLDER.glob("*.yaml") if file.stem != "robustness")
"""Those that train; `robustness` says how to test, and has tests of its own in test_robustness_cli.py."""
RESULTS = ("metrics.json", "predictions.csv", "confusion_matrix.png", "roc.png", "pr.png", "mistakes.png")


def tiny(faces: Path, epochs: int = 1) -> list[str]:
    """Settings that make any configuration run in seconds."""
    return [
        f"--data.root={faces}",
        "--data.image_size=32",
        "--data.batch_size=16",
        "--data.num_workers=0",
        "--model.weights=none",
        f"--trainer.max_epochs={epochs}",
        "--trainer.limit_train_batches=3",
        "--trainer.enable_progress_bar=false",
        "--trainer.enable_model_summary=false",
        "--figures.every_n_epochs=0",
    ]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, generated_faces):
    """A folder in which a fit has run once."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DFDETECT_CACHE", str(folder / "cache"))
        assert main(["fit", "--config", "mobilenetv2", *tiny(generated_faces)]) == 0
    return folder


@pytest.fixture
def work(trained, tmp_path, monkeypatch):
    """A private copy of that folder to work in; returns its run."""
    shutil.copytree(trained / "lightning_logs", tmp_path / "lightning_logs")
    monkeypatch.chdir(tmp_path)
    return Path("lightning_logs/mobilenetv2/version_0")


def test_help_names_every_command_and_imports_nothing_heavy():
    code = (
        "import sys; from dfdetect.main import main; main(['--help']); assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [line for name in COMMANDS for line in answer.stdout.splitlines() if line.startswith(f"  {name} ")]
    assert len(lines) == len(COMMANDS)
    assert len({line.index("dfdetect ") for line in lines}) == 1  # the examples stand below each other


@pytest.mark.parametrize("arguments", [[], ["--version"], ["--help"]])
def test_python_m_is_the_same_command(arguments):
    answer = subprocess.run([sys.executable, "-m", "dfdetect", *arguments], capture_output=True, text=True, check=False)
    assert answer.returncode == (2 if not arguments else 0)
    assert dfdetect.__version__ in answer.stdout or "commands:" in answer.stdout


@pytest.mark.parametrize("options", [["--trainer.devices=abc"], ["--trainer.strategy=foo"]])
def test_a_value_that_lightning_does_not_take_is_a_usage_error(options, generated_faces, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", "demo", *tiny(generated_faces), *options]) == 2
    assert "dfdetect: error: trainer: " in capsys.readouterr().err


def test_a_fit_without_a_logger_trains(generated_faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", "demo", *tiny(generated_faces), "--trainer.logger=false"]) == 0
    assert (tmp_path / "checkpoints/last.ckpt").is_file()


def test_prediction_needs_no_training_data(work, generated_faces):
    photos = min(generated_faces.rglob("*.jpg")).parent
    assert main(["predict", "--data.predict_root", str(photos), "--data.root=gone", "--data.generate=9"]) == 0
    assert not Path("gone").exists()


def test_a_test_draws_no_faces_in_place_of_missing_data(work, capsys):
    assert main(["test", "--data.root=gone", "--data.generate=9", "--data.download=false"]) != 0
    assert "gone" in capsys.readouterr().err
    assert not Path("gone").exists()


def test_unknown_command_is_a_usage_error(capsys):
    assert main(["train"]) == 2
    assert "there are: fit" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fit", "test", "predict", "validate"])
def test_every_field_is_in_the_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in ("--model.backbone", "--data.root", "--trainer.precision", "--last_checkpoint.every_n_train_steps"):
        assert option in text


HEAVY = {"vit_b_16"}
"""Whose checkpoints are of 350 MB."""


@pytest.mark.parametrize(
    "config",
    [pytest.param(file, marks=pytest.mark.slow if file.stem in HEAVY else (), id=file.stem) for file in CONFIGS],
)
def test_configuration_trains_tests_and_predicts(config, generated_faces, capsys):
    offline = [f"--data.landmarks={write_landmarks(Path('marks.npz'), generated_faces)}"]
    assert main(["fit", "--config", str(config), *tiny(generated_faces), *offline]) == 0
    assert main(["test"]) == 0
    assert main(["predict", f"--data.predict_root={generated_faces / 'real'}"]) == 0
    run = Path("lightning_logs") / config.stem / "version_0"
    assert all((run / name).stat().st_size > 0 for name in RESULTS)
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert [p.name for p in Path("lightning_logs").glob("*/*")] == ["version_0"]
    output = capsys.readouterr().out
    for text in (
        "sources",
        "part_swap",
        "Watch     tensorboard --logdir lightning_logs",
        f"Written to {run}",
        "no figure on them",
    ):
        assert text in output
    predicted = rows_of(run / "predict/predictions.csv")
    assert len(predicted) == len(list((generated_faces / "real").iterdir()))
    assert all(0 <= float(row["p_fake"]) <= 1 for row in predicted)


def test_published_recipe_is_the_default():
    for config in ("mobilenetv2", "resnet18"):
        text = yaml.safe_load((CONFIGS[0].parent / f"{config}.yaml").read_text())
        assert text["data"]["download"] is True
        assert text["data"]["root"] == "data/real-vs-fake-faces"
        assert (text["model"]["lr"], text["model"]["optimizer"], text["model"]["weights"]) == (1e-4, "adam", "imagenet")
        assert (text["trainer"]["max_epochs"], text["trainer"]["precision"]) == (10, "16-mixed")
        assert (text["data"]["image_size"], text["data"]["batch_size"]) == (224, 32)


def config_of(arguments: list[str], capsys) -> dict[str, Any]:
    """What a fit of one training batch writes into its run as configuration."""
    capsys.readouterr()
    assert main(["fit", *arguments, "--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1"]) == 0
    (file,) = Path("lightning_logs").glob("*/version_0/config.yaml")
    return dict(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(("backbone", "given", "size"), [
    ("timm:test_resnet", [], 160), ("timm:test_vit", ["--data.image_size=64"], 64),
])  # fmt: skip
def test_input_size_follows_the_backbone_unless_it_is_named(backbone, given, size, generated_faces, tmp_path, capsys):
    if backbone.startswith("timm:"):
        pytest.importorskip("timm")
    Path("x.yaml").write_text("model: {lr: 0.001}\n")
    settings = [one for one in tiny(generated_faces) if not one.startswith(("--data.image_size", "--trainer.limit"))]
    config = config_of(["--config", "x.yaml", *settings, f"--model.backbone={backbone}", *given], capsys)
    assert (config["data"]["image_size"], config["model"]["backbone"]) == (size, backbone)
    facts = read_checkpoint("lightning_logs/x/version_0/checkpoints/last.ckpt")["dfdetect"]
    assert facts["preprocessing"]["image_size"] == size
    shutil.move("lightning_logs/x/version_0/checkpoints/last.ckpt", "alone.ckpt")  # without its configuration
    shutil.rmtree("lightning_logs")
    assert main(["test", "--ckpt_path", "alone.ckpt"]) == 0
    assert "Other preprocessing" not in capsys.readouterr().out


def test_a_size_that_the_backbone_does_not_take_is_refused(generated_faces, tmp_path, capsys):
    pytest.importorskip("timm")
    options = ["--model.backbone=timm:test_vit", *tiny(generated_faces), "--data.image_size=65"]
    assert main(["fit", *options]) == 2
    assert "model.backbone timm:test_vit takes no pictures of 65 pixels" in capsys.readouterr().err


def test_test_alone_uses_the_newest_run_and_writes_into_it(work, generated_faces, capsys):
    older = work.parent / "version_7"  # a higher number, but written earlier
    shutil.copytree(work, older)
    os.utime(older / "checkpoints/best.ckpt", (1, 1))
    assert main(["test"]) == 0
    assert (work / "metrics.json").exists()
    assert not (older / "metrics.json").exists()
    result = json.loads((work / "metrics.json").read_text())
    rows = rows_of(work / "predictions.csv")
    assert result["n"] == len(rows) == sum(row["split"] == "test" for row in rows_of(work / "split.csv"))
    assert list(rows[0]) == ["path", "label", "p_fake", "group", "source"]


@pytest.mark.parametrize("command", ["test", "predict", "validate"])
def test_nothing_trained_is_refused_with_the_fix(command, capsys):
    assert main([command]) == 1
    error = capsys.readouterr().err
    assert "No best.ckpt" in error
    assert "dfdetect fit --config" in error


def test_resume_of_nothing_is_refused(capsys, work, generated_faces):
    assert main(["fit", "--config", "resnet18", "--ckpt_path", "last"]) == 1
    assert "there are runs of mobilenetv2" in capsys.readouterr().err


def test_checkpoint_alone_is_enough(work, capsys):
    shutil.move(work / "checkpoints/best.ckpt", "elsewhere.ckpt")
    shutil.rmtree("lightning_logs")
    assert main(["test", "--ckpt_path", "elsewhere.ckpt"]) == 0
    assert (Path("lightning_logs/dfdetect/version_0/metrics.json")).exists()


def test_command_line_beats_yaml_beats_checkpoint(work, capsys):
    Path("mine.yaml").write_text("data:\n  batch_size: 5\n  num_workers: 1\n")
    shutil.move("lightning_logs/mobilenetv2", "lightning_logs/mine")
    with pytest.raises(SystemExit):
        main(["test", "--config", "mine.yaml", "--data.num_workers=2", "--print_config"])
    config = yaml.safe_load(capsys.readouterr().out)
    assert (config["data"]["batch_size"], config["data"]["num_workers"], config["data"]["image_size"]) == (5, 2, 32)


def test_model_setting_that_the_checkpoint_overrides_is_said(work, capfd, caplog):
    with caplog.at_level("INFO"):
        assert main(["test", "--model.dropout=0.9", "--trainer.enable_progress_bar=false"]) == 0
    said = caplog.text + capfd.readouterr().err
    assert "model.dropout: 0.9 was asked for, but the checkpoint decides: None" in said
    assert "model.lr" not in said


def test_fit_that_continues_stays_in_its_folder_and_keeps_its_settings(work, capsys):
    assert main(["fit", "--config", "mobilenetv2", "--ckpt_path", "last", *tiny(_root_of(work), epochs=2)]) == 0
    assert [p.name for p in work.parent.iterdir()] == ["version_0"]
    assert read_checkpoint(work / "checkpoints/last.ckpt")["epoch"] == 1
    assert yaml.safe_load((work / "config.yaml").read_text())["trainer"]["max_epochs"] == 2


def _root_of(run: Path) -> Path:
    return Path(yaml.safe_load((run / "config.yaml").read_text())["data"]["root"])


class Payload:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("payload-ran",)


@pytest.mark.parametrize("command", ["test", "fit", "predict", "validate"])
@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_pickled_code_is_refused_and_does_not_run(command, save, capsys, generated_faces):
    if save == "torch":
        torch.save({"state_dict": {}, "hyper_parameters": Payload()}, "evil.ckpt")
    else:
        Path("evil.ckpt").write_bytes(pickle.dumps(Payload()))
    assert main([command, "--ckpt_path", "evil.ckpt", f"--data.root={generated_faces}"]) == 1
    error = capsys.readouterr().err
    assert "refused" in error
    assert error.strip().count("\n") == 0
    assert not Path("payload-ran").exists()


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/x.ckpt", "https://example.org/x.ckpt", "s3://bucket/x.ckpt"])
@pytest.mark.parametrize("how", ["option", "yaml"])
def test_checkpoint_from_a_url_is_refused(source, how, capsys):
    Path("url.yaml").write_text(f"ckpt_path: {source}\n")
    arguments = ["--ckpt_path", source] if how == "option" else ["--config", "url.yaml"]
    assert main(["test", *arguments]) == 1
    assert "local file only" in capsys.readouterr().err


def test_unsafe_loading_cannot_be_asked_for(work, capsys):
    assert main(["test", "--weights_only", "false"]) == 2
    assert main(["test", "--weights_only=false"]) == 2


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None], ids=["empty", "text", "missing"])
def test_what_is_no_checkpoint_is_refused(content, capsys):
    if content is not None:
        Path("x.ckpt").write_bytes(content)
    assert main(["test", "--ckpt_path", "x.ckpt"]) == 1
    assert "x.ckpt" in capsys.readouterr().err


def test_state_dict_alone_is_not_a_checkpoint(capsys):
    torch.save({"weight": torch.zeros(1)}, "x.ckpt")
    assert main(["test", "--ckpt_path", "x.ckpt"]) == 1
    assert "not a checkpoint of dfdetect" in capsys.readouterr().err


def test_checkpoint_that_misses_a_key_is_refused(work, capsys):
    file = work / "checkpoints/best.ckpt"
    checkpoint = read_checkpoint(file)
    del checkpoint["state_dict"]["head.linear.bias"]
    torch.save(checkpoint, file)
    assert main(["test"]) == 1
    assert "head.linear.bias" in capsys.readouterr().err


def test_another_split_is_refused_unless_allowed(work, capsys):
    assert main(["test", "--data.split_seed=1"]) == 1
    assert "--allow-new-split" in capsys.readouterr().err
    assert main(["test", "--data.split_seed=1", "--allow-new-split"]) == 0


def test_other_data_is_said_to_be_cross_dataset(work, generated_faces, tmp_path, capsys):
    other = tmp_path / "other"
    copy_as_others(generated_faces, other)
    for photo in list((other / "real").iterdir()):
        photo.rename(photo.with_stem(f"other-{photo.stem}"))
    assert main(["test", f"--data.root={other}"]) == 0
    assert "cross-dataset" in capsys.readouterr().out
    assert (work / "cross-dataset/other/metrics.json").exists()
    assert not (work / "metrics.json").exists()


def test_fit_refuses_to_go_on_with_another_split(work, capsys):
    before = (work / "split.csv").read_bytes()
    assert main(["fit", "--ckpt_path", "last", "--data.split_seed=5", "--trainer.max_epochs=2"]) == 1
    assert "trained on another split" in capsys.readouterr().err
    assert (work / "split.csv").read_bytes() == before


def test_fit_goes_on_with_its_own_settings_not_the_recipes(work, caplog):
    with caplog.at_level("INFO"):
        assert main(["fit", "--config", "mobilenetv2", "--ckpt_path", "last", "--trainer.max_epochs=2"]) == 0
    assert "config.yaml; only the command line overrules them" in caplog.text
    config = yaml.safe_load((work / "config.yaml").read_text())
    assert (config["data"]["image_size"], config["data"]["batch_size"], config["trainer"]["max_epochs"]) == (32, 16, 2)
    assert config["ckpt_path"] is None
    assert config["trainer"]["logger"]["init_args"]["version"] is None


def test_a_runs_config_trains_again_in_a_new_folder(work):
    assert main(["fit", "--config", str(work / "config.yaml")]) == 0
    assert {p.name for p in work.parent.iterdir()} == {"version_0", "version_1"}


def test_copied_project_still_guards_its_test_part(work, generated_faces, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(generated_faces, copy)
    assert main(["test", f"--data.root={copy}", "--data.split_seed=5"]) == 1
    assert "--allow-new-split" in capsys.readouterr().err
    assert main(["test", f"--data.root={copy}"]) == 0
    assert json.loads((work / "metrics.json").read_text())["root"] == str(copy)


def test_other_preprocessing_than_in_training_is_said(work, capsys):
    assert main(["test", "--data.image_size=48"]) == 0
    notes = json.loads((work / "metrics.json").read_text())["notes"]
    assert "Other preprocessing than in training: image_size: trained with 32, now 48" in notes


def test_results_of_another_runs_checkpoint_do_not_replace_those_of_a_run(work, capsys):
    other = work.with_name("version_1")
    shutil.copytree(work, other)
    assert main(["test", "--run", str(work)]) == 0
    before = {file.name: file.read_bytes() for file in work.iterdir() if file.is_file()}
    capsys.readouterr()
    assert main(["test", "--run", str(work), "--ckpt_path", str(other / "checkpoints/best.ckpt")]) == 2
    assert f"leave out --run, and they go into {other}" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in work.iterdir() if file.is_file()} == before


def test_a_fit_into_a_named_folder_points_the_dashboard_at_it(generated_faces, capsys):
    assert main(["fit", "--config", "demo", *tiny(generated_faces), "--run=mine"]) == 0
    assert Path("mine/checkpoints/best.ckpt").is_file()
    (watch,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("Watch"))
    assert Path(watch.split()[-1]).resolve() == Path("mine").resolve()


def test_csv_logger_keeps_one_folder_too(generated_faces):
    logger = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=lightning_logs", "--trainer.logger.name=table"]
    assert main(["fit", "--config", "demo", *tiny(generated_faces), *logger]) == 0
    assert main(["test"]) == 0
    run = Path("lightning_logs/table/version_0")
    assert (run / "metrics.json").exists()
    assert "val/auroc" in (run / "metrics.csv").read_text()  # what the fit logged is still there
    assert [p.name for p in Path("lightning_logs/table").iterdir()] == ["version_0"]


@pytest.mark.parametrize("option", ["--seed_everything=-3", f"--seed_everything={2**32}", f"--data.split_seed={2**70}"])
def test_a_seed_out_of_range_is_a_usage_error(option, generated_faces, capsys):
    assert main(["fit", "--config", "demo", *tiny(generated_faces), option]) == 2
    assert "seed" in capsys.readouterr().err.splitlines()[-1]


def test_a_logger_without_a_folder_still_gives_a_run_its_configuration(generated_faces):
    arguments = ["fit", "--config", "demo", *tiny(generated_faces), "--trainer.logger=tests.fits.MemoryLogger"]
    assert main(arguments) == 0
    assert Path("memory/version_1/config.yaml").is_file()
    assert Path("memory/version_1/checkpoints/best.ckpt").is_file()


@pytest.mark.skipif(find_spec("wandb") is not None, reason="wandb is installed")
def test_missing_extra_is_named(generated_faces, capsys):
    assert main(["fit", "--config", "demo", "--trainer.logger=WandbLogger"]) == 2
    assert 'pip install "dfdetect[wandb]"' in capsys.readouterr().err


def test_callbacks_can_be_added_without_losing_ours(generated_faces):
    early = [
        "--trainer.callbacks+=EarlyStopping",
        "--trainer.callbacks.monitor=val/auroc",
        "--trainer.callbacks.mode=max",
    ]
    assert main(["fit", "--config", "demo", *tiny(generated_faces), *early]) == 0
    run = Path("lightning_logs/demo/version_0")
    assert (run / "curves.png").exists()
    assert "EarlyStopping" in (run / "config.yaml").read_text()


def test_what_a_callback_says_of_its_settings_is_all_that_is_said(generated_faces, capsys):
    wrong = ["--trainer.callbacks+=dfdetect.callbacks.progressive.ProgressiveResizing", "--trainer.callbacks.epochs=0"]
    assert main(["fit", "--config", "demo", *tiny(generated_faces), *wrong]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "dfdetect: error: ProgressiveResizing grows for at least 1 epoch, not 0"
    assert "Traceback" not in "".join(said)


def test_learning_rate_finder_starts_from_the_initial_weights(generated_faces, trained, caplog):
    weights = trained / "lightning_logs/mobilenetv2/version_0/checkpoints/best.ckpt"
    finder = ["--trainer.callbacks+=LearningRateFinder", "--trainer.callbacks.num_training_steps=4"]
    settings = [*tiny(generated_faces), f"--model.weights={weights}", "--trainer.limit_train_batches=4"]
    with caplog.at_level("INFO"):
        assert main(["fit", "--config", "mobilenetv2", *settings, *finder, "--model.freeze_epochs=1"]) == 0
    assert caplog.text.count("Backbone starts from") == 1
    expected = read_checkpoint(weights)["state_dict"]
    found = read_checkpoint("lightning_logs/mobilenetv2/version_0/checkpoints/last.ckpt")["state_dict"]
    assert torch.equal(found["backbone.0.0.weight"], expected["backbone.0.0.weight"])  # frozen, so as it was loaded


def test_broken_files_are_listed_and_the_run_goes_on(generated_faces, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(generated_faces, data)
    for kind, content in {"empty": b"", "text": b"hello", "cut": (data / "real/00000.jpg").read_bytes()[:600]}.items():
        (data / f"real/{kind}.jpg").write_bytes(content)
    settings = [a for a in tiny(data) if "limit" not in a]
    for command in (
        ["fit", "--config", "demo", *settings],
        ["test"],
        ["predict", f"--data.predict_root={data / 'real'}"],
    ):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipped")  # said once each; the rows are what is checked below
            assert main(command) == 0
    run = Path("lightning_logs/demo/version_0")
    listed = rows_of(run / "skipped.csv")
    assert {row["path"].split("/")[-1] for row in listed} == {"empty.jpg", "text.jpg", "cut.jpg"}
    failed = [row for row in rows_of(run / "predict/predictions.csv") if row["error"]]
    assert len(failed) == 3


def test_too_many_broken_files_stop_the_run(generated_faces, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(generated_faces, data)
    for number in range(40):
        (data / f"fake/broken{number}.jpg").write_bytes(b"")
    settings = [a for a in tiny(data) if "limit" not in a]
    with pytest.warns(UserWarning, match="Skipped"):
        assert main(["fit", "--config", "demo", *settings]) == 1
    assert "cannot be read; more than 5%" in capsys.readouterr().err


@pytest.mark.parametrize("break_it", ["missing", "empty", "unknown"])
def test_unusable_data_root_says_what_was_found(break_it, tmp_path, capsys):
    root = tmp_path / "root"
    if break_it != "missing":
        (root / "real").mkdir(parents=True)
    if break_it == "unknown":
        (root / "real").rename(root / "stuff")
    assert main(["fit", "--config", "mobilenetv2", *tiny(root), "--data.download=false"]) == 1
    error = capsys.readouterr().err
    assert "Accepted layouts" in error
    assert str(root) in error


def test_nan_loss_stops_clean_and_keeps_the_checkpoint(work, generated_faces, capsys):
    before = (work / "checkpoints/last.ckpt").read_bytes()
    settings = [a for a in tiny(generated_faces, epochs=3) if "lr" not in a]
    # the checkpoint's learning rate would win, so the fit is made to diverge by its own weights
    checkpoint = read_checkpoint(work / "checkpoints/last.ckpt")
    checkpoint["state_dict"]["head.linear.bias"].fill_(float("inf"))
    torch.save(checkpoint, work / "checkpoints/last.ckpt")
    broken = (work / "checkpoints/last.ckpt").read_bytes()
    assert main(["fit", "--config", "mobilenetv2", "--ckpt_path", "last", *settings, "--data.download=false"]) == 1
    assert "not finite" in capsys.readouterr().err
    assert (work / "checkpoints/last.ckpt").read_bytes() == broken != before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_ends_in_a_sentence(generated_faces, monkeypatch, capsys):
    def onto_full_disk(path, mode="r", *args, **kwargs):
        return open("/dev/full" if "w" in mode else path, mode, *args, **kwargs)

    monkeypatch.setattr(checkpoint_module, "open", onto_full_disk, raising=False)
    assert main(["fit", "--config", "demo", *tiny(generated_faces)]) == 1
    assert "The disk is full" in capsys.readouterr().err


def test_gpu_out_of_memory_ends_in_a_sentence(generated_faces, monkeypatch, capsys):
    def out_of_memory(self, pixels):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(DeepfakeDetector, "forward", out_of_memory)
    assert main(["fit", "--config", "demo", *tiny(generated_faces)]) == 1
    error = capsys.readouterr().err
    assert "--data.batch_size" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("accelerator", "cuda", "mps", "bfloat16", "used"),
    [
        ("auto", True, False, True, "16-mixed"),
        ("auto", False, True, True, "32-true"),
        ("auto", False, False, True, "bf16-mixed"),
        ("auto", False, False, False, "32-true"),
        ("cpu", True, True, True, "bf16-mixed"),
        ("cpu", True, True, False, "32-true"),
        ("gpu", False, True, True, "32-true"),
        ("cuda", True, True, False, "16-mixed"),
    ],
)
def test_precision_falls_back_where_the_machine_cannot(accelerator, cuda, mps, bfloat16, used, monkeypatch):
    monkeypatch.setattr(cli, "_computes_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: cuda))
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: mps))
    assert _available_precision(Namespace(precision="16-mixed", accelerator=accelerator)) == used
    assert _available_precision(Namespace(precision="32-true", accelerator=accelerator)) == "32-true"


@pytest.mark.parametrize(
    ("machine", "avx512", "onednn", "expected"),
    [("x86_64", True, True, True), ("AMD64", False, True, False), ("aarch64", False, True, True)],
)
def test_bfloat16_is_used_only_where_the_cpu_has_it(machine, avx512, onednn, expected, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    assert cli._computes_bfloat16() == expected


def test_this_cpu_is_asked():
    assert cli._computes_bfloat16() in (True, False)


def test_traceback_only_with_debug(capsys):
    assert main(["test", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert main(["test"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_what_the_system_refuses_is_one_line(tmp_path, monkeypatch, capsys):
    def full(name, arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dfdetect.compare.run", full)
    assert main(["compare"]) == 1
    assert capsys.readouterr().err == "dfdetect: error: No space left on device\n"


def test_images_of_the_training_are_no_other_data(generated_faces, tmp_path, capsys):
    part = tmp_path / "part"
    for file in sorted(generated_faces.rglob("*.jpg"))[::4]:
        kept = part / file.relative_to(generated_faces)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, kept)
    assert main(["fit", "--config", "demo", *tiny(generated_faces)]) == 0
    assert main(["test", f"--data.root={part}"]) == 1
    assert "part is no other data: the detector's training saw at least" in capsys.readouterr().err
    assert main(["test", f"--data.root={part}", "--allow-new-split"]) == 0


def test_another_root_is_judged_also_after_a_training_by_manifest(generated_faces, tmp_path, capsys):
    files = sorted(generated_faces.rglob("*.jpg"))
    rows = [f"{file},{file.relative_to(generated_faces).parts[0]},g{i // 2}" for i, file in enumerate(files)]
    Path("own.csv").write_text("path,label,group\n" + "\n".join(rows))
    other = tmp_path / "other"
    for i, file in enumerate(files[::6]):
        (other / file.relative_to(generated_faces).parts[0]).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, other / file.relative_to(generated_faces).parts[0] / f"{i}.jpg")
    own = ["--data.manifest=own.csv", "--data.split=grouped", "--data.folds=3", "--data.fold=1", "--results.by=[group]"]
    assert main(["fit", "--config", "demo", *tiny(generated_faces), *own]) == 0
    assert main(["test"]) == 0
    before = Path("lightning_logs/demo/version_0/metrics.json").read_text()
    assert main(["test", f"--data.root={other}"]) == 0
    result = json.loads(Path("lightning_logs/demo/version_0/cross-dataset/other/metrics.json").read_text())
    assert result["n"] == 40
    assert result["root"] == str(other)
    assert Path("lightning_logs/demo/version_0/metrics.json").read_text() == before
    assert main(["test", f"--data.root={generated_faces}"]) == 0  # the root it was fitted with: its own data
    assert json.loads(Path("lightning_logs/demo/version_0/metrics.json").read_text())["n"] == json.loads(before)["n"]
