"""An audit is found by what it says of the data, wherever it lies near the training or the data."""

import json
from pathlib import Path

import pytest

from dfdetect.errors import ResultsError
from dfdetect.models.audit_of_run import TrainedOn, checked_findings, find_audit, torn_pairs


def put(file: Path, **content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"findings": []} | content))
    return file


@pytest.fixture
def run(tmp_path) -> Path:
    folder: Path = tmp_path / "project/lightning_logs/demo/version_0"
    folder.mkdir(parents=True)
    return folder


def trained(root: Path, **split: object) -> TrainedOn:
    counts = {"n_train": 70, "n_val": 15, "n_test": 15}
    return TrainedOn({"root": str(root), "data_fingerprint": "abc"} | counts | split, {"root": "photos"})


@pytest.mark.parametrize("place", ["project/audit", "project/photos-audit", "data/audit", "data/photos", "far/away"])
def test_the_audit_of_a_plain_root_is_found_by_its_fingerprint(run, tmp_path, place, monkeypatch):
    put(tmp_path / "project/audit-of-others/findings.json", data_fingerprint="xyz", root="photos")
    file = put(tmp_path / place / "findings.json", data_fingerprint="abc")
    found = find_audit(run, trained(tmp_path / "data/photos"))
    if place == "far/away":
        assert found == (None, False)
        monkeypatch.chdir(tmp_path / place)
        found = find_audit(run, trained(tmp_path / "data/photos"))
    assert found == (file, False)


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ({"root": "photos", "n_listed": 100}, True),
        ({"root": "photos", "n_listed": 101}, False),
        ({"root": "pictures", "n_listed": 100}, False),
        ({"root": "photos", "n_listed": 100, "data_fingerprint": "other"}, False),
        ({"n_listed": 100}, False),
    ],
)
def test_an_older_audit_is_known_by_place_and_number(run, tmp_path, content, known):
    file = put(tmp_path / "project/audit/findings.json", **content)
    assert find_audit(run, trained(tmp_path / "project/photos")) == (file if known else None, False)


def test_what_is_damaged_or_unreadable_is_passed_over_in_the_search(run, tmp_path):
    (tmp_path / "project/a").mkdir()
    (tmp_path / "project/a/findings.json").write_text("{")
    put(tmp_path / "project/b/findings.json")
    file = put(tmp_path / "project/c/findings.json", data_fingerprint="abc")
    assert find_audit(run, trained(Path("relative")))[0] == file
    assert find_audit(run, TrainedOn({}, {})) == (None, False)


def test_the_one_beside_the_manifest_counts_first_and_where_the_test_saw_it_before_all(run, tmp_path):
    beside = put(tmp_path / "project/audit/findings.json")
    put(tmp_path / "project/other/findings.json", data_fingerprint="abc")
    data = TrainedOn({"data_fingerprint": "abc"}, {"manifest": "audit/manifest.csv"})
    assert find_audit(run, data) == (beside, True)
    moved = put(tmp_path / "moved/findings.json")
    located = TrainedOn(data.split, data.settings, str(tmp_path / "moved/manifest.csv"))
    assert find_audit(run, located) == (moved, True)
    own = TrainedOn(data.split, {"manifest": "audit/list.csv"})
    assert find_audit(run, own) == (beside, False)


def test_pairs_are_looked_up_in_the_runs_own_split(tmp_path):
    homes = {"a": "train", "b": "test", "c": "val", "d": "train", "e": "train"}
    split = tmp_path / "split.csv"
    split.write_text("path,label,split\n" + "".join(f"{path},real,{part}\n" for path, part in homes.items()))
    words = {"severity": "leak", "title": "t", "meaning": "m", "remedy": "r"}
    pairs = {"twins": ["ab", "cd", "de", "ba"], "kept": ["de"], "other": ["ax"], "few": ["ab"], "none": []}
    found = [words | {"kind": k, "n": len(p) + (k == "few"), "evidence": {"pairs": p}} for k, p in pairs.items()]
    findings = checked_findings(put(tmp_path / "findings.json", findings=found))
    assert torn_pairs(findings, split) == {"twins": (3, 2), "kept": (0, 0)}
    found[0]["evidence"] = {"pairs": ["abc"]}
    with pytest.raises(ResultsError, match="pairs of other than two images"):
        torn_pairs(checked_findings(put(tmp_path / "findings.json", findings=found)), split)


def test_findings_are_checked(tmp_path):
    finding = {"kind": "k", "severity": "leak", "title": "t", "meaning": "m", "remedy": "r", "n": 1}
    file = put(tmp_path / "findings.json", findings=[finding])
    assert checked_findings(file)["file"] == str(file)
    put(file, findings=[finding | {"severity": "dreadful"}])
    with pytest.raises(ResultsError, match="unknown severity"):
        checked_findings(file)
