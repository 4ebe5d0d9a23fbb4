"""A module is imported only where the environment lists it; every mistake names its cause and what to type."""

import re
import sys
from fractions import Fraction

import pytest

from dfdetect.errors import UsageError
from dfdetect.extensions import is_import_path, load_extension
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
