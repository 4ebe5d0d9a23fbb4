"""Files, balance, faces, and the verdict over all findings."""

from dataclasses import replace

import numpy as np
import pytest

from dfdetect.data.audit.finding import SEVERITIES, Finding, by_severity
from dfdetect.data.audit.findings import find_all, is_serious, verdict

from .examples import example


def found(labels, **parts) -> dict[str, Finding]:
    return {finding.kind: finding for finding in find_all(example(labels, **parts), "m.csv")}


def made(*severities) -> list[Finding]:
    return [Finding("x", severity, "", 1, "") for severity in severities]


@pytest.mark.parametrize(("count", "severity"), [(1, "weak"), (5, "weak"), (6, "strong"), (90, "strong")])
def test_broken_files_are_as_bad_as_a_fit_takes_them(count, severity):
    whole = example([0, 1] * 50)
    broken = [(f"{i}.png", "damaged or unsupported (x)" if i else "empty file") for i in range(count)]
    rest = example([0, 1] * 2)
    kinds = {f.kind: f for f in find_all(replace(rest, listed=whole.samples, broken=broken), "m.csv")}
    assert kinds["broken_files"].severity == severity
    assert kinds["broken_files"].n == count
    assert "1 empty file" in kinds["broken_files"].meaning
    assert kinds["broken_files"].evidence["files"][0] == ["0.png", "empty file"]


def test_all_broken_is_a_row_and_no_crash():
    whole, rest = example([0, 1]), example([])
    broken = [("0.png", "empty file"), ("1.png", "empty file")]
    findings = find_all(replace(rest, listed=whole.samples, broken=broken), "m.csv")
    assert [finding.kind for finding in findings] == ["broken_files"]
    assert is_serious(findings)


def test_odd_files_are_listed_by_what_is_odd():
    facts = {
        "ending": ["differs", "fits", "fits", "fits"],
        "mode": ["RGB", "L", "CMYK", "RGBA"],
        "animated": ["", "yes", "", ""],
        "orientation": [0, 1, 6, 0],
        "width": [200, 200, 200, 30],
    }
    odd = found([0, 1, 0, 1], facts=facts)["odd_files"]
    assert odd.n == 4
    assert odd.severity == "info"
    assert odd.evidence["in grey"] == ["1.png"]
    assert odd.evidence["turned by EXIF"] == ["2.png"]
    assert odd.evidence["smaller than 64 pixels"] == ["3.png"]
    assert "odd_files" not in found([0, 1, 0, 1])


@pytest.mark.parametrize(("fakes", "severity"), [(50, None), (41, None), (30, "info"), (10, "weak"), (90, "weak")])
def test_balance(fakes, severity):
    finding = found([1] * fakes + [0] * (100 - fakes)).get("class_balance")
    assert (finding and finding.severity) == severity
    if finding:
        assert "--data.class_balance weighted_loss" in finding.remedy


def test_one_readable_class_is_strong():
    findings = found([1, 1, 1])
    assert findings["one_class"].severity == "strong"
    assert "fake" in findings["one_class"].title
    assert "class_balance" not in findings


def test_one_source_of_fakes():
    assert "one_fake_source" in found([0, 1, 1], columns={"source": ["", "gan", "gan"]})
    assert "one_fake_source" not in found([0, 1, 1], columns={"source": ["", "gan", "other"]})
    assert "one_fake_source" not in found([0, 1, 1], columns={"source": ["", "gan", ""]})


def test_faces_where_they_were_looked_for():
    labels = [0] * 20 + [1] * 20
    faces = np.ones(40, np.int64)
    assert not {"no_face", "several_faces"} & set(found(labels, faces=faces))
    faces[[0, 25]] = 0
    faces[20:30] = 2
    findings = found(labels, faces=faces)
    assert findings["no_face"].severity == "info"
    assert findings["no_face"].evidence["files"] == ["0.png"]
    assert "5.0% of the reals, 0.0% of the fakes" in findings["no_face"].title
    assert findings["no_face"].meaning.startswith("No difference between the classes beyond chance")
    assert (findings["several_faces"].severity, findings["several_faces"].n) == ("weak", 10)
    assert "0.0% of the reals, 50.0% of the fakes" in findings["several_faces"].title


def test_the_worst_comes_first():
    findings = by_severity(made("info", "leak", "weak", "strong"))
    assert [finding.severity for finding in findings] == list(SEVERITIES)


@pytest.mark.parametrize(
    ("severities", "words", "serious"),
    [
        (["leak", "strong"], "1 leak and 1 strong shortcut or defect:", True),
        (["leak", "leak", "weak"], "2 leaks: figures", True),
        (["strong", "strong"], "No leak, but 2 strong shortcuts", True),
        (["weak", "info"], "1 weak one", False),
        (["info"], "No leak and no shortcut was found", False),
        ([], "No leak and no shortcut was found", False),
    ],
)
def test_verdict(severities, words, serious):
    assert words in verdict(made(*severities))
    assert is_serious(made(*severities)) == serious


def test_the_verdict_says_that_nothing_was_judged():
    unjudged = Finding("not_judged", "strong", "Shortcuts were not judged: too few images", 2, "")
    assert verdict([unjudged]).startswith("Not judged: too few images. No leak was found")
    assert is_serious([unjudged])
    said = verdict([*made("leak"), unjudged])
    assert said.startswith("1 leak: figures")
    assert said.endswith("Shortcuts were not judged: too few images.")
