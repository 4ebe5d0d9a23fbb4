"""The audit's manifest is one that `load_samples` takes, from wherever it lies."""

import csv
import os

import numpy as np
import pytest

from dfdetect.data.audit.examine import examine
from dfdetect.data.audit.manifest import can_be_listed, refuse_foreign, write_manifest
from dfdetect.data.audit.measure import Settings
from dfdetect.data.decode import decode
from dfdetect.data.samples import load_samples
from dfdetect.errors import UsageError
from tests.data.helpers import draw_classes


@pytest.fixture(scope="module")
def found(pictures):
    return examine(load_samples(pictures), Settings())


def rows_of(file) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twelve noise pictures, one of them broken, one twice under both labels."""
    root = draw_classes(tmp_path_factory.mktemp("pictures") / "a b" / "set", 12, size=(64, 64))
    (root / "real/000.png").write_bytes(b"")
    (root / "fake/copy.png").write_bytes((root / "real/002.png").read_bytes())
    return root


@pytest.mark.parametrize("out", ["audit", "a b/audit", "far/away/audit", "PICTURES/../audit", "PICTURES/audit"])
def test_read_again_it_names_the_same_files(out, found, pictures, tmp_path):
    file = tmp_path / out.replace("PICTURES", str(pictures)) / "manifest.csv"
    write_manifest(file, found)
    again = load_samples("elsewhere", file)
    assert len(again) == 12
    expected = {os.path.realpath(found.samples.file(i)): int(found.labels[i]) for i in range(12)}
    assert {os.path.realpath(again.file(i)): int(again.labels[i]) for i in range(12)} == expected
    assert not any(os.path.isabs(path) for path in again.paths)
    for i in range(12):
        decode(again.file(i))


def test_columns(found, tmp_path):
    write_manifest(tmp_path / "m.csv", found)
    rows = rows_of(tmp_path / "m.csv")
    assert list(rows[0])[:5] == ["path", "label", "group", "split", "source"]
    assert all(name.startswith("audit_") for name in list(rows[0])[5:])
    copy = next(row for row in rows if row["path"].endswith("copy.png"))
    first = next(row for row in rows if row["path"].endswith("002.png"))
    assert copy["group"] == first["group"] == "fake/copy.png"
    assert first["audit_duplicate_of"] == "fake/copy.png"
    assert sum(row["group"] != "" for row in rows) == 2
    assert (first["audit_format"], first["audit_width"], first["audit_height"]) == ("PNG", "64", "64")
    assert float(first["audit_brightness"]) == pytest.approx(128, abs=10)
    assert "audit_faces" not in rows[0]


def test_the_users_own_columns_stay_and_an_audit_of_an_audit_adds_nothing(pictures, tmp_path):
    lines = ["path,label,group,split,source,age,format"]
    for i, file in enumerate(sorted(pictures.rglob("*.png"))):
        inner = file.relative_to(pictures)
        lines.append(f"{inner},{inner.parts[0]},p{i // 2},{('train', 'val', 'test')[i % 3]},cam,{i},mine")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    write_manifest(tmp_path / "1.csv", examine(load_samples(pictures, tmp_path / "own.csv"), Settings()))
    write_manifest(tmp_path / "2.csv", examine(load_samples(tmp_path / "1.csv"), Settings()))
    first, second = rows_of(tmp_path / "1.csv"), rows_of(tmp_path / "2.csv")
    assert {row["format"] for row in first} == {"mine"}
    assert {row["audit_format"] for row in first} == {"PNG"}
    assert {row["source"] for row in first} == {"cam"}
    assert list(first[0]) == list(second[0])
    for name in ("path", "label", "split", "age", "audit_sharpness"):
        assert [row[name] for row in first] == [row[name] for row in second]
    assert all(row["group"] for row in first)


def test_with_links_in_the_way(pictures, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    if os.name == "nt":
        pytest.skip("links need rights there")
    os.symlink(tmp_path / "deep" / "er", tmp_path / "out")
    os.symlink(pictures, tmp_path / "linked")
    write_manifest(tmp_path / "out" / "manifest.csv", examine(load_samples(tmp_path / "linked"), Settings()))
    again = load_samples(tmp_path / "out" / "manifest.csv")
    assert all(os.path.isfile(again.file(i)) for i in range(len(again)))


@pytest.mark.parametrize(
    ("path", "listed"),
    [("a/b.png", True), ('a b/é,".png', True), ("a\\b.png", False), ("a.png ", False), ("./a", False)],
)
def test_names_that_a_manifest_cannot_hold(path, listed):
    assert can_be_listed(path) == listed


def test_a_manifest_of_somebody_elses_is_not_overwritten(tmp_path):
    file = tmp_path / "manifest.csv"
    refuse_foreign(file)
    for content in (b"path,label\na,0\n", b"\xff\xfe", b""):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=r"manifest\.csv is there.*--out DIR"):
            refuse_foreign(file)
    file.write_text("path,label,audit_width\n")
    refuse_foreign(file)


def test_an_examination_knows_what_was_planted(found):
    assert found.broken == [("real/000.png", "empty file")]
    assert len(found.conflicts) == 1
    assert np.isfinite(found.statistics["noise"]).all()
