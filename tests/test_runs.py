"""From a command line to a run, a checkpoint and a configuration: always said, never guessed, nothing unsafe."""

import json
import os
from pathlib import Path

import pytest

import dfdetect
from dfdetect.errors import CheckpointError, UsageError
from dfdetect.files import sha256_of
from dfdetect.runs import CONFIG, Plan, find_config, make_plan, newest_checkpoint, packaged_configs, run_of


def trained(name: str, version: int = 0, when: int = 1_000, best=True, last=True) -> Path:
    """A run folder with its configuration and checkpoints, written at a given second."""
    run = Path("lightning_logs") / name / f"version_{version}"
    (run / "checkpoints").mkdir(parents=True)
    (run / CONFIG).write_text("model:\n  backbone: resnet18\nckpt_path: null\n")
    for which, wanted in (("best", best), ("last", last)):
        if wanted:
            file = run / "checkpoints" / f"{which}.ckpt"
            file.write_bytes(b"weights")
            os.utime(file, (when, when))
    return run


def checkpoint(run: Path, which="best") -> Path:
    return run / "checkpoints" / f"{which}.ckpt"


def config(name: str, text: str) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_a_fit_does_not_silently_go_on_with_an_older_run():
    old, stopped = trained("demo"), trained("demo", 1, best=False, last=False)
    os.utime(old / CONFIG, (900, 900))
    with pytest.raises(CheckpointError, match=r"version_1, was stopped before its first checkpoint.*version_0"):
        make_plan("fit", ["--ckpt_path", "last"])
    assert make_plan("test", []).run == old
    os.utime(stopped / CONFIG, (800, 800))
    assert make_plan("fit", ["--ckpt_path", "last"]).run == old


def test_a_fit_that_never_saved_is_started_again():
    trained("demo", best=False, last=False)
    with pytest.raises(CheckpointError, match=r"Start it again: dfdetect fit --config lightning_logs.demo.version_0"):
        make_plan("fit", ["--config", "demo", "--ckpt_path", "last"])


def test_fresh_fit_needs_no_run():
    arguments = ["--model.dropout", "0.3", "--data.root=x", "--trainer.max_epochs", "-1", "--model.weights", "none"]
    assert make_plan("fit", arguments) == Plan("fit", arguments, "dfdetect")


@pytest.mark.parametrize("how", [["--config", "{}"], ["--config={}"], ["-c", "{}"]])
@pytest.mark.parametrize("name", ["mobilenetv2", "mobilenetv2.yaml", "configs/mobilenetv2.yaml", "configs/mobilenetv2"])
def test_configuration_by_bare_name_is_found_from_anywhere(name, how):
    plan = make_plan("fit", [part.format(name) for part in how] + ["--seed_everything", "3"])
    flag, file, *rest = plan.arguments
    assert flag == "--config"
    assert Path(file).is_absolute()
    assert Path(file).is_file()
    assert (Path(file).name, rest, plan.name) == ("mobilenetv2.yaml", ["--seed_everything", "3"], "mobilenetv2")


def test_every_configuration_of_the_repository_ships():
    assert {"demo", "mobilenetv2", "resnet18"} <= set(packaged_configs())
    for name in packaged_configs():
        assert find_config(name).stem == name


def test_own_file_wins_over_a_packaged_name_and_later_configurations_come_later():
    own = config("demo.yaml", "seed_everything: 1\n")
    other = config("my/night run.yml", "seed_everything: 2\n")
    plan = make_plan("fit", ["--data.root", "x", "--config", "demo.yaml", "-c", str(other)])
    assert plan.arguments == ["--config", str(own), "--config", str(other), "--data.root", "x"]
    assert plan.name == "night run"


@pytest.mark.parametrize("name", ["resnet34", "nowhere/demo.yaml", "/demo", "../configs/demo", ""])
def test_unknown_configuration_lists_the_known(name):
    known = sorted(file.stem for file in (Path(dfdetect.__file__).parents[1] / "configs").glob("*.yaml"))
    assert {"demo", "mobilenetv2", "strong_mobilenetv2"} <= set(known)
    with pytest.raises(UsageError, match=", ".join(known)):
        make_plan("fit", ["--config", name])


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\t- x", "!!python/object/apply:os.system ['true']"])
def test_configuration_that_is_no_yaml_is_named_in_one_line(text):
    with pytest.raises(UsageError, match=r"broken\.yaml: not a YAML file") as caught:
        make_plan("fit", ["--config", str(config("broken.yaml", text))])
    assert "\n" not in str(caught.value)


def test_configuration_in_another_encoding_is_named():
    Path("latin.yaml").write_bytes("name: é\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin\.yaml: not a YAML file"):
        make_plan("fit", ["--config", "latin.yaml"])


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a list\n", "just words\n"])
def test_configuration_without_settings_names_no_checkpoint(text):
    assert make_plan("fit", ["--config", str(config("plain.yaml", text))]).checkpoint is None


@pytest.mark.parametrize("subcommand", ["test", "validate", "predict"])
def test_nothing_said_means_the_best_of_the_newest_run(subcommand):
    trained("demo", 0, when=3_000)
    newest = trained("resnet18", 0, when=5_000)
    trained("demo", 1, when=4_000)
    plan = make_plan(subcommand, ["--data.batch_size", "4"])
    assert plan == Plan(subcommand, ["--data.batch_size", "4"], "dfdetect", checkpoint(newest), newest)


def test_newest_is_by_time_of_writing_not_by_version():
    newest = trained("demo", 2, when=9_000)
    trained("demo", 10, when=1_000)
    assert make_plan("test", []).run == newest


def test_newest_run_that_has_one():
    """A fit that was stopped before its first validation, or a test's own folder, hides no trained run."""
    older = trained("demo", 0, when=1_000)
    trained("demo", 1, when=2_000, best=False)
    (Path("lightning_logs") / "demo" / "version_2").mkdir()
    assert make_plan("test", []).run == older
    assert make_plan("fit", ["--ckpt_path", "last"]).run == Path("lightning_logs/demo/version_1")


@pytest.mark.parametrize("subcommand", ["test", "fit"])
def test_configuration_chooses_among_the_runs_of_its_name(subcommand):
    mine = trained("demo", 0, when=1_000)
    trained("demolition", 0, when=3_000)
    trained("resnet18", 0, when=5_000)
    plan = make_plan(subcommand, ["--config", "demo", "--ckpt_path", "best"])
    assert (plan.name, plan.run, plan.checkpoint) == ("demo", mine, checkpoint(mine))


def test_runs_own_configuration_means_its_name():
    mine = trained("demo", 3, when=1_000)
    trained("resnet18", 0, when=5_000)
    plan = make_plan("test", ["--config", str(mine / CONFIG)])
    assert (plan.name, plan.run) == ("demo", mine)


@pytest.mark.parametrize("stem", ["a[1]", "what*", "x?"])
def test_names_are_taken_literally(stem):
    trained("a1", when=9_000)
    trained("whatever", when=9_000)
    mine = trained(stem, when=1_000)
    assert make_plan("test", ["--config", str(config(f"{stem}.yaml", "seed_everything: 1"))]).run == mine


@pytest.mark.parametrize("how", [["--ckpt_path", "{}"], ["--ckpt_path={}"]])
@pytest.mark.parametrize("which", ["last", "best"])
@pytest.mark.parametrize("subcommand", ["fit", "test"])
def test_last_and_best_continue_in_the_runs_own_folder(subcommand, which, how):
    run = trained("demo", 4)
    plan = make_plan(subcommand, [*(part.format(which) for part in how), "--trainer.max_epochs", "20"])
    own = ["--config", str(run / "config.yaml")] if subcommand == "fit" else []
    assert plan.arguments == [*own, "--trainer.max_epochs", "20"]
    assert (plan.checkpoint, plan.run) == (checkpoint(run, which), run)


def test_a_named_folder_is_begun_continued_and_judged():
    plan = make_plan("fit", ["--config", "demo", "--run", "mine/first"])
    assert (plan.run, plan.checkpoint, plan.name) == (Path("mine/first"), None, "demo")
    assert plan.run_is_named
    run = trained("demo", 4)
    assert not make_plan("test", []).run_is_named
    trained("demo", 5, when=9_000_000_000)
    with pytest.raises(UsageError, match=r"holds a run. Go on with it: --ckpt_path last"):
        make_plan("fit", ["--config", "demo", f"--run={run}"])
    plan = make_plan("fit", ["--config", "demo", f"--run={run}", "--ckpt_path=last", "--trainer.max_epochs=20"])
    assert (plan.run, plan.checkpoint) == (run, checkpoint(run, "last"))
    assert plan.arguments == ["--config", str(run / CONFIG), "--trainer.max_epochs=20"]
    plan = make_plan("test", ["--run", str(run)])
    assert (plan.run, plan.checkpoint) == (run, checkpoint(run, "best"))
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        make_plan("test", ["--run", "mine/first"])


@pytest.mark.parametrize("subcommand", ["test", "validate", "predict", "fit"])
def test_a_checkpoint_is_not_judged_in_the_folder_of_another_run(subcommand):
    mine, other = trained("demo", 1), trained("demo", 2)
    with pytest.raises(UsageError, match=r"version_1 is not of .*version_2.*best.ckpt.*leave out --run") as caught:
        make_plan(subcommand, ["--run", str(mine), "--ckpt_path", str(checkpoint(other))])
    assert str(caught.value).endswith(f"and they go into {other}") == (subcommand != "fit")
    (mine / CONFIG).unlink()  # as of a fit from Python
    Path("alone.ckpt").write_bytes(b"weights")
    for file in (Path("alone.ckpt"), checkpoint(other)):
        with pytest.raises(UsageError, match="is not of"):
            make_plan(subcommand, [f"--run={mine}", f"--ckpt_path={file}"])
    plan = make_plan(subcommand, ["--run", str(mine.resolve()), "--ckpt_path", str(checkpoint(mine))])
    assert (plan.run, plan.checkpoint) == (mine.resolve(), checkpoint(mine))


def test_a_folder_without_a_run_takes_the_results_of_one_checkpoint():
    run, place = trained("demo"), Path("results")
    named = ["--run", str(place), "--ckpt_path", str(checkpoint(run))]
    assert make_plan("test", named).run == place
    assert make_plan("fit", ["--config", "demo", *named]).arguments[1].endswith("demo.yaml")
    place.mkdir()
    for content, sha256 in (("{half", None), ("{}", "other"), ("", sha256_of(checkpoint(run)))):
        (place / "metrics.json").write_text(content or json.dumps({"tested": {"checkpoint_sha256": sha256}}))
        if content == "{}":
            with pytest.raises(UsageError, match="results is not of"):
                make_plan("test", named)
        else:
            assert make_plan("test", named).checkpoint == checkpoint(run)
    (place / "metrics.json").unlink()
    (place / "plan.json").write_text("{}")
    with pytest.raises(UsageError, match="results is not of"):
        make_plan("test", named)


def test_a_file_is_taken_as_it_is_and_brings_its_run():
    run = trained("demo", 4)
    plan = make_plan("test", ["--ckpt_path", str(checkpoint(run, "last"))])
    assert (plan.checkpoint, plan.run) == (checkpoint(run, "last"), run)
    assert make_plan("test", ["--ckpt_path", str(checkpoint(run).resolve())]).run == run
    assert make_plan("fit", ["--ckpt_path", str(checkpoint(run))]).run is None


def test_a_file_from_elsewhere_has_no_run():
    Path("downloads").mkdir()
    Path("downloads/model.ckpt").write_bytes(b"weights")
    for subcommand in ("test", "fit"):
        plan = make_plan(subcommand, ["--ckpt_path", "downloads/model.ckpt"])
        assert (plan.checkpoint, plan.run) == (Path("downloads/model.ckpt"), None)


@pytest.mark.parametrize("subcommand", ["fit", "test", "validate", "predict"])
@pytest.mark.parametrize(
    "url", ["http://host/a.ckpt", "https://host/a.ckpt", "s3://b/a.ckpt", "hf://x/y", "file:///a.ckpt"]
)
def test_urls_are_refused(url, subcommand):
    with pytest.raises(CheckpointError, match=f"^{url}: .*local file"):
        make_plan(subcommand, ["--ckpt_path", url])
    with pytest.raises(CheckpointError, match=f"^{url}: "):
        make_plan(subcommand, ["--config", str(config("url.yaml", f"ckpt_path: {url}\n"))])


@pytest.mark.parametrize("path", ["nowhere.ckpt", "lightning_logs", "hpc", "registry", "registry:model"])
def test_missing_checkpoint_is_named(path):
    Path("lightning_logs").mkdir()
    with pytest.raises(CheckpointError, match=f"{path}: no such checkpoint"):
        make_plan("test", ["--ckpt_path", path])


@pytest.mark.parametrize("arguments", [["--weights_only", "false"], ["--weights_only=False"], ["--weights_only", "0"]])
@pytest.mark.parametrize("subcommand", ["fit", "test"])
def test_unsafe_loading_is_refused_before_anything_else(subcommand, arguments):
    with pytest.raises(UsageError, match="would run code"):
        make_plan(subcommand, ["--config", "nowhere", "--ckpt_path", "http://host/a", *arguments])


@pytest.mark.parametrize("value", ["true", "True", "null"])
def test_safe_loading_may_be_asked_for(value):
    assert make_plan("fit", ["--weights_only", value]).arguments == []


def test_checkpoint_of_a_configuration_file():
    run = trained("demo")
    Path("mine.ckpt").write_bytes(b"weights")
    mine = config("a.yaml", "ckpt_path: mine.ckpt\n")
    last = config("demo.yaml", "ckpt_path: last\n")
    null = config("b.yaml", "ckpt_path: null\n")
    assert make_plan("fit", ["-c", str(mine)]).checkpoint == Path("mine.ckpt")
    assert make_plan("fit", ["-c", str(mine), "-c", str(null)]).checkpoint == Path("mine.ckpt")
    assert make_plan("fit", ["-c", str(mine), "-c", str(last)]).checkpoint == checkpoint(run, "last")
    assert make_plan("fit", ["-c", str(last)]).run == run
    assert make_plan("fit", ["-c", str(last), "--ckpt_path", "mine.ckpt"]).checkpoint == Path("mine.ckpt")
    assert make_plan("fit", ["-c", str(null)]).checkpoint is None


@pytest.mark.parametrize("subcommand", ["test", "validate", "predict"])
def test_nothing_trained_names_the_fix(subcommand):
    with pytest.raises(CheckpointError) as caught:
        make_plan(subcommand, [])
    assert str(caught.value) == (
        "No best.ckpt in lightning_logs. "
        "Train first: dfdetect fit --config mobilenetv2, or name a file: --ckpt_path FILE"
    )


def test_nothing_to_continue_names_the_fix():
    with pytest.raises(CheckpointError, match=r"No last.ckpt in lightning_logs. Start one: dfdetect fit --config \w+$"):
        make_plan("fit", ["--ckpt_path", "last"])


def test_nothing_of_that_name_names_the_others_and_its_own_fix():
    trained("demo")
    trained("night")
    with pytest.raises(CheckpointError) as caught:
        make_plan("test", ["--config", "resnet18"])
    assert "of the name 'resnet18' in lightning_logs; there are runs of demo, night. " in str(caught.value)
    assert "dfdetect fit --config resnet18," in str(caught.value)


def test_help_needs_no_run():
    assert make_plan("test", ["--help"]).checkpoint is None


def test_other_processes_of_a_run_take_the_checkpoint_that_was_chosen(monkeypatch):
    """Processes for further devices run the command line again, when the first may have opened a newer run."""
    first = trained("demo", 0, when=1_000)
    assert make_plan("test", []).run == first
    newer = trained("demo", 1, when=2_000)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert make_plan("test", []).run == first
    monkeypatch.delenv("LOCAL_RANK")
    assert make_plan("test", []).run == newer


def test_run_of_a_checkpoint(tmp_path):
    run = trained("demo", 7)
    assert run_of(checkpoint(run)) == run
    (run / CONFIG).unlink()
    assert run_of(checkpoint(run)) is None
    (run / "best.ckpt").touch()
    assert run_of(run / "best.ckpt") is None


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_linked_checkpoint_brings_the_run_it_lies_in():
    run = trained("demo", 7)
    os.symlink(checkpoint(run), "favourite.ckpt")
    assert run_of(Path("favourite.ckpt")) == run


def test_run_outside_the_working_folder_keeps_its_whole_path(tmp_path, monkeypatch):
    run = trained("demo").resolve()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run_of(checkpoint(run)) == run


def test_newest_checkpoint_in_another_root(tmp_path):
    run = trained("demo")
    os.rename("lightning_logs", "runs")
    assert newest_checkpoint("best") is None
    assert newest_checkpoint("best", root="runs") == Path("runs", *checkpoint(run).parts[1:])
    assert newest_checkpoint("best", "other", tmp_path / "runs") is None
