"""Data that a function of somebody's own lists: the same table, the same errors as a manifest's."""

import numpy as np
import pytest

from dfdetect.data.own_layout import list_samples
from dfdetect.data.samples import load_samples
from dfdetect.errors import DataLayoutError, UsageError
from dfdetect.main import main
from tests.extensions import write_extension
from tests.fits import faces_data

from .helpers import draw, touch

HEAD = "from dfdetect.data.own_layout import Layout\n"
BY_NAME = f"""{HEAD}
@Layout
def by_name(root):
    for file in sorted(root.glob("*.png"), reverse=True):
        person, kind = file.stem.split("-")
        yield {{"path": file.name, "label": int(kind != "real"), "group": person, "camera": "c" + person}}
"""
NAMES = [f"{person}-{kind}.png" for person in "abcdefghijkl" for kind in ("real", "swap")]


def rows_extension(tmp_path, monkeypatch, rows: str) -> str:
    return write_extension(tmp_path, monkeypatch, f"{HEAD}layout = Layout(lambda root: {rows})\n") + ".layout"


@pytest.fixture
def by_name(tmp_path, monkeypatch) -> str:
    return write_extension(tmp_path, monkeypatch, BY_NAME) + ".by_name"


def test_rows_become_the_table_that_a_manifest_gives(tmp_path, by_name):
    root = touch(tmp_path / "photos", *NAMES)
    lines = [f"{name},{'real' if 'real' in name else 'fake'},{name[0]},c{name[0]}" for name in NAMES]
    (root / "list.csv").write_text("\n".join(["path,label,group,camera", *lines]))
    own, listed = list_samples(root, None, by_name), load_samples(root / "list.csv")
    assert own.paths == listed.paths == sorted(NAMES)
    assert np.array_equal(own.labels, listed.labels)
    assert own.columns == listed.columns
    assert own.root == root
    assert own.layout == f"layout {by_name}"


def test_a_manifest_in_the_folder_does_not_decide(tmp_path, by_name):
    root = touch(tmp_path / "photos", *NAMES)
    (root / "manifest.csv").write_text("path,label\nz.png,real\ny.png,fake\n")
    assert list_samples(root, None, by_name).paths == sorted(NAMES)
    assert list_samples(root, None, None).paths == ["y.png", "z.png"]


def test_a_root_may_be_a_file_beside_the_images(tmp_path, monkeypatch):
    rows = "[dict(zip(('path', 'label'), line.split(':'))) for line in root.read_text().split()]"
    layout = rows_extension(tmp_path, monkeypatch, rows)
    root = touch(tmp_path / "photos", "a.png", "b.png")
    (root / "verdicts.txt").write_text("a.png:real\nb.png:fake\n")
    samples = list_samples(root / "verdicts.txt", None, layout)
    assert samples.root == root
    assert samples.labels.tolist() == [0, 1]


@pytest.mark.parametrize(("rows", "cause"), [
    ("[]", "no image"),
    ("[{'path': 'a'}]", "no column label; found path"),
    ("[{'path': 'a', 'label': 'odd'}]", "row 1: label 'odd' is neither real"),
    ("[{'path': '', 'label': 0}]", "row 1: no path"),
    ("[{'path': 'a', 'label': 0}, {'path': 'a', 'label': 1}]", "row 2: a stands twice, first in row 1"),
    ("[{'path': 'a', 'label': 0}, {'path': './a', 'label': 1}]", "row 2: a stands twice"),
    ("[{'path': 'a', 'label': 0}, {'path': 'b', 'label': 1, 'group': 'x'}]", "row 2: path, label, group; path, label"),
    ("[{'path': 'a', 'label': 0, 'split': 'x'}]", "row 1: split 'x' is none of train, val, test"),
    ("[{'path': 'a', 'label': 0}]", "every row is real; both classes"),
    ("[('a', 0)]", "row 1: a tuple, not a dict"),
    ("None", "fails: TypeError: 'NoneType'"),
    ("(1 / 0 for _ in 'x')", "fails: ZeroDivisionError: division by zero"),
])  # fmt: skip
def test_bad_rows_are_refused_by_their_number(rows, cause, tmp_path, monkeypatch):
    layout = rows_extension(tmp_path, monkeypatch, rows)
    with pytest.raises(DataLayoutError) as caught:
        list_samples(tmp_path, None, layout)
    assert cause in str(caught.value)
    assert layout in str(caught.value)


def test_a_root_that_is_not_there_is_named(tmp_path, by_name):
    with pytest.raises(DataLayoutError, match="nowhere: no such folder or file"):
        list_samples(tmp_path / "nowhere", None, by_name)


def test_a_plain_function_is_refused(tmp_path, monkeypatch):
    name = write_extension(tmp_path, monkeypatch, "def rows(root):\n    raise SystemExit('was run')\n")
    with pytest.raises(UsageError, match="is a function, not a Layout"):
        list_samples(tmp_path, None, f"{name}.rows")


@pytest.mark.parametrize(("settings", "cause"), [
    ({"layout": "by_name"}, "'by_name' is not MODULE.NAME"),
    ({"layout": "ideas.by_name", "manifest": "list.csv"}, "list.csv and data.layout ideas.by_name both list"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused_at_once(settings, cause, tmp_path):
    with pytest.raises(UsageError, match=cause):
        faces_data(tmp_path, **settings)


def test_the_data_module_splits_it_by_its_groups(tmp_path, by_name):
    data = faces_data(draw(tmp_path / "photos", *NAMES), layout=by_name)
    persons = [{path[0] for path in data.part(name).paths} for name in ("train", "val", "test")]
    assert sum(map(len, persons)) == len(set().union(*persons)) == 12
    assert data.split_facts()["layout"] == f"layout {by_name}"
    assert dict(data.hparams)["layout"] == by_name


def test_an_audit_of_it_writes_a_manifest_of_the_same(tmp_path, by_name, capsys):
    root = draw(tmp_path / "photos", *NAMES)
    assert main(["audit", str(root), "--layout", by_name, "--out", str(tmp_path / "audit"), "--workers=1"]) == 0
    assert f"(layout {by_name})" in capsys.readouterr().out
    samples = load_samples(tmp_path / "audit" / "manifest.csv")
    assert [path.rpartition("/")[2] for path in samples.paths] == sorted(NAMES)
    assert len(set(samples.groups())) == 12
