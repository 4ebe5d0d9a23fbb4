"""`dfdetect test --robustness` and `--config robustness` as they are typed."""

import json
from pathlib import Path

import pytest
import yaml

from dfdetect.evaluation.corruptions import DEFAULT_CORRUPTIONS
from dfdetect.main import main
from dfdetect.runs import make_plan
from tests.fits import copy_as_others
from tests.test_cli import CONFIG_FOLDER, rows_of, trained, work  # noqa: F401

FILES = ("robustness.json", "robustness.csv", "robustness.png")


def test_the_configuration_holds_the_defaults():
    settings = yaml.safe_load((CONFIG_FOLDER / "robustness.yaml").read_text())
    assert settings == {"robustness": {"enabled": True, "seed": 0, "corruptions": DEFAULT_CORRUPTIONS}}


def test_the_configuration_finds_the_newest_run_and_tries_everything(work, capsys):  # noqa: F811
    assert main(["test", "--config", "robustness"]) == 0
    assert all((work / file).stat().st_size > 0 for file in FILES)
    rows = rows_of(work / "robustness.csv")
    assert len(rows) == 1 + sum(map(len, DEFAULT_CORRUPTIONS.values()))
    assert len({row["corruption"] for row in rows}) == 10
    output = capsys.readouterr().out
    assert "Lowest AUROC of 36 points" in output
    assert f"Written to {work}: robustness.json robustness.csv robustness.png" in output
    assert [folder.name for folder in Path("lightning_logs").iterdir()] == ["mobilenetv2"]


def test_the_flag_takes_the_severities_asked_for(work, capsys):  # noqa: F811
    assert main(["test", "--robustness", "--robustness.corruptions={jpeg: [40], crop: [0.1, 0.3]}"]) == 0
    curves = json.loads((work / "robustness.json").read_text())["corruptions"]
    assert {name: [p["severity"] for p in curve["severities"]] for name, curve in curves.items()} == {
        "jpeg": [40],
        "crop": [0.1, 0.3],
    }


def test_a_users_own_configuration_stands_alone(work):  # noqa: F811
    Path("mine.yaml").write_text("robustness:\n  enabled: true\n  corruptions: {blur: [3.0]}\n")
    assert main(["test", "--config", "mine.yaml"]) == 0
    assert list(json.loads((work / "robustness.json").read_text())["corruptions"]) == ["blur"]


def test_other_data_has_its_curves_in_its_own_folder(work, generated_faces, tmp_path):  # noqa: F811
    other = tmp_path / "other"
    copy_as_others(generated_faces, other)
    for photo in list((other / "real").iterdir()):
        photo.rename(photo.with_stem(f"other-{photo.stem}"))
    assert main(["test", f"--data.root={other}", "--robustness", "--robustness.corruptions={jpeg: [40]}"]) == 0
    assert all((work / "cross-dataset/other" / file).exists() for file in FILES)
    assert not any((work / file).exists() for file in FILES)


@pytest.mark.parametrize("wrong", ["{jepg: [40]}", "{jpeg: [0]}", "{}"])
def test_a_wrong_corruption_is_a_usage_error(wrong, work, capsys):  # noqa: F811
    assert main(["test", "--robustness", f"--robustness.corruptions={wrong}"]) == 2
    assert "robustness.corruptions" in capsys.readouterr().err


def test_only_a_configuration_of_robustness_alone_names_no_run(work):  # noqa: F811
    packaged = str(CONFIG_FOLDER / "robustness.yaml")
    assert make_plan("test", ["--config", "robustness"]).run == work
    assert make_plan("fit", ["--config", "robustness"]).name == "dfdetect"
    assert make_plan("fit", ["--config", "resnet18", "--config", packaged]).name == "resnet18"
    Path("mixed.yaml").write_text("robustness: {enabled: true}\ndata: {batch_size: 4}\n")
    assert make_plan("fit", ["--config", "mixed.yaml"]).name == "mixed"
