"""Rows written one by one, and gone on from after anything."""

import csv
import io
import json
from pathlib import Path

import pytest

from dfdetect.deploy.rows import COLUMNS, RowFile, csv_line, json_line, settings_digest
from dfdetect.deploy.verdicts import Row, unreadable
from dfdetect.errors import DFDetectError, ResultsError, UsageError

ODD = [
    "plain.jpg",
    "new\nline.jpg",
    "two\r\nlines.jpg",
    "com,ma.jpg",
    'quo"te.jpg',
    "smile-😀.jpg",
    "not-\udcff.jpg",
    " .jpg",
]


def row(path, verdict="real", p_fake=0.25):
    return Row(path, "photo", verdict, p_fake, 0.5, "", (), (640, 480))


def fill(path, *names, settings="abc", resume=False):
    rows = RowFile(Path(path), settings, resume)
    for name in names:
        rows.write(row(name))
    rows.close()
    return rows


@pytest.mark.parametrize("name", ODD)
def test_every_name_comes_back(name):
    assert json.loads(json_line(row(name), "s"))["path"] == name
    assert json_line(row(name), "s").isascii()
    assert json_line(row(name), "s").count("\n") == 1
    (values,) = csv.reader(io.StringIO(csv_line(row(name), "s"), newline=""))
    assert dict(zip(COLUMNS, values, strict=True)) == {
        "path": name,
        "kind": "photo",
        "verdict": "real",
        "p_fake": "0.25",
        "threshold": "0.5",
        "reason": "",
        "faces": "0",
        "width": "640",
        "height": "480",
        "settings": "s",
    }


def test_unreadable_files_in_csv():
    (values,) = csv.reader([csv_line(unreadable("a", "empty file", 0.5), "s")])
    assert values == ["a", "unreadable", "error", "", "0.5", "empty file", "0", "", "", "s"]


@pytest.mark.parametrize("name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@sum.jpg"])
def test_a_name_is_no_formula_of_a_spreadsheet_and_is_known_again(name):
    (values,) = csv.reader([csv_line(row(name), "s")])
    assert values[0] == f"./{name}"
    fill("rows.csv", name)
    assert name in fill("rows.csv", resume=True).earlier


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.csv"])
def test_resuming_knows_what_is_there(file):
    fill(file, *ODD[:5])
    rows = RowFile(Path(file), "abc", resume=True)
    assert len(rows.earlier) == 5
    assert rows.earlier.verdicts == {"real": 5}
    assert [name in rows.earlier for name in ODD] == [True] * 5 + [False] * 3
    for name in ODD[5:]:
        rows.write(row(name))
    rows.close()
    assert [name in fill(file, resume=True).earlier for name in ODD] == [True] * 8


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.csv"])
def test_a_file_cut_anywhere_is_gone_on_from(file):
    """Killed in the middle of a row, at any byte: what is whole stays, the rest is judged again, once."""
    fill("whole-" + file, *ODD)
    content = Path("whole-" + file).read_bytes()
    for end in range(0, len(content), 7 if "json" in file else 3):
        Path(file).write_bytes(content[:end])
        rows = RowFile(Path(file), "abc", resume=True)
        for name in ODD:
            if name not in rows.earlier:
                rows.write(row(name))
        rows.close()
        assert Path(file).read_bytes() == content, end


def test_rows_are_there_at_once():
    rows = RowFile(Path("rows.jsonl"), "abc", resume=False)
    rows.write(row("a.jpg"))
    assert json.loads(Path("rows.jsonl").read_text())["path"] == "a.jpg"
    rows.close()


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.csv"])
def test_refusals(file, tmp_path):
    fill(file, "a.jpg")
    with pytest.raises(UsageError, match=r"holds rows.*--resume"):
        RowFile(Path(file), "abc", resume=False)
    with pytest.raises(ResultsError, match="another model or with other settings"):
        RowFile(Path(file), "other", resume=True)
    for foreign in ("something,else\r\n{}\r\n", "my diary", '{"path": 3}\n', "path,kind\r\n", '{"path": "a"]\n'):
        Path(file).write_text(foreign, newline="")
        with pytest.raises(ResultsError, match=r"not rows of dfdetect scan|another model"):
            RowFile(Path(file), "abc", resume=True)
        assert Path(file).read_bytes() == foreign.encode()
    with pytest.raises(UsageError, match=r"ends in .jsonl, .json, .csv"):
        RowFile(Path("rows.txt"), "abc", resume=False)
    (tmp_path / "a-file").touch()
    with pytest.raises(DFDetectError, match="cannot be written"):
        RowFile(tmp_path / "a-file" / file, "abc", resume=False)


@pytest.mark.parametrize("file", ["rows.jsonl", "rows.csv"])
def test_an_empty_file_and_no_file_are_begun(file):
    Path(file).touch()
    assert len(fill(file, "a.jpg", resume=True).earlier) == 0
    assert len(fill(file, resume=True).earlier) == 1


def test_the_digest_tells_models_and_settings_apart():
    digests = {settings_digest("a", margin=0.3), settings_digest("b", margin=0.3), settings_digest("a", margin=0.2)}
    assert len(digests) == 3
    assert settings_digest("a", margin=0.3) in digests


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_is_named_with_the_option():
    rows = RowFile(Path("rows.jsonl"), "abc", resume=False)
    rows._stream.close()
    rows._stream = open("/dev/full", "w")  # noqa: SIM115 - closed below
    with pytest.raises(DFDetectError, match=r"--out rows.jsonl: cannot be written \(No space left on device\)"):
        rows.write(row("a.jpg"))
    rows.close()
