"""A module is imported only where the environment lists it; every mistake names its cause and what to type."""

import re
import sys
from fractions import Fraction

import pytest
import torch
import yaml

from dfdetect.errors import UsageError
from dfdetect.extensions import is_import_path, load_extension
from dfdetect.main import main
from dfdetect.models.checkpoint import read_checkpoint
from tests.extensions import write_extension

CODE = "from fractions import Fraction\nhalf = Fraction(1, 2)\nword = 'half'\n"


def said(path: str) -> str:
    with pytest.raises(UsageError) as caught:
        load_extension(path, Fraction, "model.backbone")
    return str(caught.value)


@pytest.mark.parametrize(("name", "expected"), [
    ("ideas.net", True),
    ("my.own.ideas.net", True),
    ("net", False),
    ("timm:resnet18.a1_in1k", False),
    ("../ideas.net", False),
    ("ideas..net", False),
    ("ideas.", False),
])  # fmt: skip
def test_an_import_path_has_dots_between_names(name, expected):
    assert is_import_path(name) is expected


def test_a_listed_module_gives_its_object(tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, CODE)
    assert load_extension(f"{name}.half", Fraction, "model.backbone") == Fraction(1, 2)


def test_a_package_is_listed_by_its_first_name(tmp_path, monkeypatch):
    (tmp_path / "written_package").mkdir()
    (tmp_path / "written_package" / "nets.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DFDETECT_EXTENSIONS", " written_package ")
    assert load_extension("written_package.nets.half", Fraction, "model.backbone") == Fraction(1, 2)


def test_a_module_that_is_not_listed_is_not_imported(tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, CODE, allowed=False)
    monkeypatch.setenv("DFDETECT_EXTENSIONS", "another")
    assert said(f"{name}.half").endswith(f"export DFDETECT_EXTENSIONS=another,{name}")
    monkeypatch.delenv("DFDETECT_EXTENSIONS")
    assert said(f"{name}.half").endswith(f"export DFDETECT_EXTENSIONS={name}")
    assert name not in sys.modules


def test_one_that_python_does_not_find_either_is_told_how_to_be_found(monkeypatch):
    monkeypatch.delenv("DFDETECT_EXTENSIONS", raising=False)
    assert said("no_such_idea.half").endswith("export DFDETECT_EXTENSIONS=no_such_idea PYTHONPATH=.")
    monkeypatch.setenv("DFDETECT_EXTENSIONS", "no_such_idea")
    assert "finds no module no_such_idea" in said("no_such_idea.half")
    assert "export PYTHONPATH=." in said("no_such_idea.half")


@pytest.mark.parametrize(("code", "cause"), [
    ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ("half = \n", "SyntaxError: invalid syntax"),
    ("raise ValueError('no luck')\n", "ValueError: no luck"),
])  # fmt: skip
def test_a_module_that_fails_says_why(code, cause, tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, code)
    assert f"{name} cannot be imported ({cause}" in said(f"{name}.half")


def test_a_name_that_is_not_there_is_told_what_is(tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, CODE)
    assert re.search(r"has no hafl; of the kind Fraction it has half; did you mean half\?$", said(f"{name}.hafl"))


def test_an_object_of_another_kind_is_refused(tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, CODE)
    assert f"{name}.word is a str, not a Fraction of fractions" in said(f"{name}.word")


@pytest.mark.parametrize(("command", "place"), [
    ("test", "model.backbone"),
    ("predict", "model.frontend"),
    ("fit", "data.layout"),
    ("fit", "data.augment"),
])  # fmt: skip
def test_a_checkpoint_has_nothing_imported(command, place, fitted_run, tmp_path, monkeypatch, capsys):
    code = "import albumentations as A\n\nclass Own(A.NoOp):\n    pass\n"
    name = write_extension(tmp_path, monkeypatch, code, allowed=False)
    monkeypatch.delenv("DFDETECT_EXTENSIONS", raising=False)
    checkpoint, (part, setting) = read_checkpoint(fitted_run / "checkpoints" / "last.ckpt"), place.split(".")
    kept = checkpoint["hyper_parameters" if part == "model" else "datamodule_hyper_parameters"]
    kept[setting] = [{"class_path": f"{name}.Own"}] if setting == "augment" else f"{name}.Own"
    torch.save(checkpoint, tmp_path / "foreign.ckpt")
    assert main([command, "--ckpt_path", "foreign.ckpt"]) in (1, 2)
    assert name not in sys.modules
    error = capsys.readouterr().err
    assert f"DFDETECT_EXTENSIONS={name}" in error or (setting == "augment" and "names classes to import" in error)


def test_an_own_layout_is_that_of_the_runs_own_root(tmp_path, capsys):
    from dfdetect.cli import _for_another_root

    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": {"root": "photos", "layout": "ideas.by_name"}}))
    base = tmp_path / "config.yaml"
    assert _for_another_root(base, ["--data.root=photos"]) == ["--data.root=photos"]
    assert "--data.layout=null" in _for_another_root(base, ["--data.root", "other"])
    assert _for_another_root(base, ["--data.root", "other", "--data.layout", "ideas.x"])[-1] == "ideas.x"
