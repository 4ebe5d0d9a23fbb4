"""`dfdetect audit` as a user types it, and `fit` on what it leaves."""

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dfdetect.data.audit.findings import SMALL_SIDE
from dfdetect.data.division import divide
from dfdetect.data.samples import load_samples
from dfdetect.errors import DataLayoutError
from dfdetect.main import COMMANDS, main
from tests.data.audit.pictures import photo
from tests.data.helpers import draw_classes, touch


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Sixteen photos; four fakes are made from four of the reals, and only fakes are PNG."""
    from PIL import Image

    root = tmp_path_factory.mktemp("photos")
    for name in ("real", "fake"):
        (root / name).mkdir()
    for i in range(8):
        Image.fromarray(photo(i)).save(root / f"real/{i}.jpg", quality=92)
        Image.fromarray(photo(i if i < 4 else i + 20, "part_swap")).save(root / f"fake/{i}.png")
    return root


def audit(*arguments: Path | str) -> int:
    return main(["audit", *map(str, arguments), "--workers=1"])


def test_finds_what_was_planted_and_leaves_three_files(photos, capsys):
    assert audit(photos) == 0
    said = capsys.readouterr().out
    found = json.loads(Path("audit/findings.json").read_text())
    kinds = {finding["kind"]: finding for finding in found["findings"]}
    assert kinds["ungrouped_twins"]["n"] == 4
    assert kinds["ungrouped_twins"]["severity"] == "leak"
    assert kinds["file_facts"]["severity"] == "strong"
    assert "file format" in kinds["file_facts"]["title"]
    assert (found["n_real"], found["n_fake"], found["n_groups"], found["serious"]) == (8, 8, 12, True)
    assert found["data_fingerprint"] == divide(load_samples(photos), 0, (0.6, 0.2, 0.2)).facts["data_fingerprint"]
    assert "LEAK    4 pairs of twins have no common group" in said
    assert "-> Use the audit's manifest, whose groups keep them together: dfdetect fit --data.manifest audit" in said
    assert sorted(os.listdir("audit")) == ["findings.json", "manifest.csv", "report.html"]
    assert "<title>Audit of" in Path("audit/report.html").read_text()


def test_strict_fails_on_a_leak_and_passes_what_is_mended(photos, capsys):
    assert audit(photos, "--strict") == 1
    with open("audit/manifest.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["path"].endswith("png")]
    for i, row in enumerate(rows):  # the fakes alone, called both: no format and no twin tells anything
        row["label"] = ("real", "fake")[i % 2]
    with open("audit/pngs.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert audit("audit/pngs.csv", "--out=again", "--strict") == 0
    assert "No leak" in capsys.readouterr().out


def test_the_groups_it_found_are_given_groups_the_next_time(photos, capsys):
    audit(photos)
    capsys.readouterr()
    audit(photos, "--manifest=audit/manifest.csv", "--out=again", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(Path("again/findings.json").read_text())
    assert "ungrouped_twins" not in {finding["kind"] for finding in found["findings"]}
    assert "twins_held" in {finding["kind"] for finding in found["findings"]}


def test_fit_takes_the_manifest_as_it_is(photos, tmp_path):
    audit(photos, "--out=some where/audit")
    options = ["--data.image_size=32", "--data.batch_size=4", "--data.num_workers=0", "--model.weights=none"]
    options += ["--trainer.fast_dev_run=true", "--trainer.enable_progress_bar=false", "--data.normalise_encoding=80"]
    assert main(["fit", "--data.manifest=some where/audit/manifest.csv", "--config=mobilenetv2", *options]) == 0


def test_faces_are_counted_where_a_model_is_given(photos, tmp_path, monkeypatch, capsys):
    from dfdetect.data import face_model
    from dfdetect.data.audit import measure

    assert audit(photos) == 0
    assert "Faces were not counted: no face model is at hand" in capsys.readouterr().out
    (tmp_path / "model.onnx").write_bytes(b"x")
    monkeypatch.setattr(face_model, "check_model", lambda model: None)
    monkeypatch.setattr(measure, "count_faces", lambda image, model: int(image.mean() > 100))
    for named in ([f"--face-model={tmp_path / 'model.onnx'}"], []):
        assert audit(photos, "--out=counted", *named) == 0
        with open("counted/manifest.csv", newline="") as stream:
            assert {row["audit_faces"] for row in csv.DictReader(stream)} <= {"0", "1"}
        assert "with a face found" in Path("counted/report.html").read_text()
        assert "Faces were not counted" not in capsys.readouterr().out
        monkeypatch.setenv("DFDETECT_FACE_MODEL", str(tmp_path / "model.onnx"))


def test_broken_files_and_all_broken(tmp_path, capsys):
    root = draw_classes(tmp_path / "set", 6, size=(SMALL_SIDE, SMALL_SIDE))
    (root / "real/000.png").write_bytes(b"")
    assert audit(root) == 0
    assert "1 file of 6 cannot be read" in capsys.readouterr().out
    assert audit(root, "--strict") == 1
    for file in root.rglob("*.png"):
        file.write_bytes(b"x")
    capsys.readouterr()
    assert audit(root, "--out=all") == 1
    assert "6 files of 6 cannot be read" in capsys.readouterr().out
    assert Path("all/report.html").is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_what_cannot_be_listed_is_a_row_and_the_rest_is_audited(tmp_path, monkeypatch, capsys):
    root = draw_classes(tmp_path / "set", 6, size=(SMALL_SIDE, SMALL_SIDE))
    touch(root, "real/secret/a.png")
    os.symlink("round", root / "fake/round")
    os.symlink("..", root / "fake/up")
    try:
        for folder in (b"/real", b""):
            os.mkdir(os.fsencode(root) + folder + b"/caf\xe9")
        open(os.fsencode(root) + b"/real/caf\xe9/a.png", "wb").close()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    scandir = os.scandir

    def guarded(folder):
        if os.fspath(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    assert audit(root) == 0
    assert "STRONG  4 files or folders of 10 cannot be read" in capsys.readouterr().out
    found = json.loads(Path("audit/findings.json").read_text())
    assert [found[f"n_{name}"] for name in ("listed", "unlisted", "broken", "real", "fake")] == [6, 4, 4, 3, 3]
    broken = next(finding for finding in found["findings"] if finding["kind"] == "broken_files")
    assert sorted(broken["evidence"]["files"]) == [
        ["fake/round", f"cannot be followed ({os.strerror(errno.ELOOP)})"],
        ["fake/up", "cannot be followed (link leads round in a circle)"],
        ["real/caf\\xe9/a.png", "file name is not UTF-8"],
        ["real/secret", "folder cannot be listed (Permission denied)"],
    ]
    assert "A fit of this folder stops at what cannot be listed" in broken["meaning"]
    assert "caf\\xe9/a.png" in Path("audit/report.html").read_text()
    assert len(load_samples(root, "audit/manifest.csv")) == 6
    with pytest.raises(DataLayoutError):
        load_samples(root)


def test_one_image_of_each_class_is_not_passed(tmp_path, capsys):
    root = draw_classes(tmp_path / "set", 2, size=(SMALL_SIDE, SMALL_SIDE))
    assert audit(root, "--strict") == 1
    said = capsys.readouterr().out
    assert "Not judged: too few images or groups of each class to judge." in said
    assert "No leak and no shortcut" not in said
    assert "undefined" not in said
    assert "Not judged: too few images" in Path("audit/report.html").read_text()
    found = json.loads(Path("audit/findings.json").read_text())
    assert found["verdict"].startswith("Not judged: too few images")
    assert (found["serious"], found["findings"][0]["kind"]) == (True, "not_judged")


def test_one_readable_class(tmp_path, capsys):
    root = draw_classes(tmp_path / "set", 8, size=(SMALL_SIDE, SMALL_SIDE))
    for file in (root / "fake").iterdir():
        file.write_bytes(b"")
    assert audit(root, "--strict") == 1
    assert "Every readable image is real" in capsys.readouterr().out


def test_a_manifest_with_files_that_are_missing_and_a_group_in_two_parts(tmp_path, capsys):
    draw_classes(tmp_path / "set", 6, size=(SMALL_SIDE, SMALL_SIDE))
    lines = ["path,label,group,split", "set/real/000.png,0,a,train", "set/fake/001.png,1,a,test"]
    lines += ["set/real/002.png,0,b,val", "set/fake/003.png,1,c,val", "set/gone.png,1,d,train"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    assert audit("m.csv") == 0
    said = capsys.readouterr().out
    assert "1 given group lies in two parts of the given split" in said
    assert "1 file of 5 cannot be read" in said
    kinds = {f["kind"]: f for f in json.loads(Path("audit/findings.json").read_text())["findings"]}
    assert kinds["broken_files"]["evidence"]["files"] == [["set/gone.png", "no such file"]]
    assert kinds["groups_across_splits"]["evidence"]["groups"] == [["a", "train", "test"]]


WRONG = {
    "no such folder": (["nowhere"], 1, "no such folder"),
    "workers": (["set", "--workers=0"], 2, "--workers must be at least 1"),
    "quality": (["set", "--normalise-encoding=0"], 2, "from 1 to 100, not 0"),
    "face model": (["set", "--face-model=gone.onnx"], 2, "gone.onnx: no such file"),
    "out": (["set", "--out=file.txt"], 2, "is a file; name a folder"),
    "foreign manifest": (["set", "--out=own"], 2, "no audit wrote it"),
    "latin-1": (["latin1.csv"], 1, "not UTF-8"),
    "one class": (["one"], 1, "no fake folder"),
    "unknown label": (["label.csv"], 1, "neither real"),
    "path twice": (["twice.csv"], 1, "stands twice"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage_and_wrong_data_are_one_line(arguments, code, said, tmp_path, capsys):
    draw_classes(tmp_path / "set", 2)
    touch(tmp_path, "file.txt", "one/real/a.png")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/manifest.csv").write_text("path,label\n")
    (tmp_path / "latin1.csv").write_bytes("path,label\né,0\n".encode("latin-1"))
    (tmp_path / "label.csv").write_text("path,label\na,0\nb,maybe\n")
    (tmp_path / "twice.csv").write_text("path,label\na,0\na,1\n")
    assert main(["audit", *arguments]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "audit").exists()


def test_a_folder_that_takes_no_file(photos, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dfdetect.evaluation.tables.replacing", full)
    assert audit(photos) == 1
    assert "cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_measured(photos, tmp_path, monkeypatch, capsys):
    from dfdetect.data.audit import measure

    (tmp_path / "file").touch()
    monkeypatch.setattr(measure, "measure_file", None)
    assert audit(photos, "--out=file/audit") == 1
    assert "file/audit: cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["x", "--nonsense"], 2), ([], 2)])
def test_help_and_usage(arguments, code, capsys):
    with pytest.raises(SystemExit) as left:
        main(["audit", *arguments])
    assert left.value.code == code
    assert "audit" in COMMANDS


def test_help_loads_nothing_heavy():
    program = "import sys; from dfdetect.main import main\ntry: main(['audit', '--help'])\nexcept SystemExit: pass\n"
    program += "sys.exit(any(name in sys.modules for name in ('numpy', 'cv2', 'sklearn', 'torch')))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def test_an_audit_never_loads_torch(photos, tmp_path):
    program = f"import sys; from dfdetect.main import main; code = main(['audit', {str(photos)!r}, '--workers=1'])\n"
    program += "sys.exit(code or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
