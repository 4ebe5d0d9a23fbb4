"""Broken and odd files through `dfdetect scan`: each is a row with a verdict or a cause; no crash, no hang."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dfdetect.data import face_model
from dfdetect.deploy import photos, scan, video
from dfdetect.main import main
from tests import fuzz_corpus
from tests.fuzz_corpus import MEASURED, MOST_SECONDS, make_corpus, measured, vanishing
from tests.fuzz_seeds import image_seeds

from .standin import find_marked

FACE_MODEL = os.environ.get("DFDETECT_FACE_MODEL")


def scan_corpus(count, model, monkeypatch, seed):
    """Through the real command line and a real model; without a face model, faces are where `find_marked` sees them."""
    options = ["--model", str(model), "--out=rows.jsonl", "--html=page.html"]
    if FACE_MODEL is None:
        monkeypatch.setattr(face_model, "face_model", lambda named: str(model))
        for room in (photos, video):
            monkeypatch.setattr(room, "search", find_marked)
    monkeypatch.setattr(scan, "judge", scan.judge)  # put back afterwards
    kinds, spent = make_corpus(Path("corpus"), count, seed), measured()
    with vanishing(Path("corpus/vanishing"), image_seeds()["jpeg.jpg"], 20) as more:
        code = main(["scan", "corpus", *options])
    assert code == 1
    assert {path: seconds for path, seconds in spent.items() if seconds > MOST_SECONDS} == {}
    found = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert {row["path"] for row in found} == set(spent)
    return kinds, more, found


def check(kinds, more, found):
    paths = Counter(row["path"] for row in found)
    assert max(paths.values()) == 1
    assert set(kinds) <= set(paths)
    assert set(paths) <= set(kinds) | set(more)
    for row in found:
        assert row["verdict"] in ("real", "fake", "uncertain", "error")
        assert row["reason"] or row["verdict"] in ("real", "fake"), row
        assert not row["reason"].startswith(("unexpected", "not finished")), row
    verdicts = {path: row["verdict"] for path, row in zip(paths, found, strict=True)}
    return {kind: Counter(verdicts[path] for path in kinds if kinds[path] == kind) for kind in set(kinds.values())}


def test_a_small_corpus(tiny_onnx, monkeypatch, capsys):
    found = check(*scan_corpus(320, tiny_onnx, monkeypatch, seed=1))
    for kind in ("zero bytes", "text", "playlist", "an archive", "bomb"):
        assert set(found[kind]) == {"error"}, kind
    assert "error" not in found["whole image"]
    assert found["whole video"]["error"] == 3  # without its index, or without a frame
    assert "error" not in found["odd name"]
    assert "error" not in found["in a folder named .jpg"]
    assert found["100 megapixels"] == {"error": 1, "uncertain": 2}


def test_the_corpus_is_the_same_for_the_same_seed(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for root in (first, second):
        make_corpus(root, 130, seed=3)
    files = [file for file in sorted((first / "mutated").rglob("*")) if file.is_file()]
    assert len(files) > 20
    for file in files:
        assert file.read_bytes() == (second / file.relative_to(first)).read_bytes()


@pytest.mark.parametrize(("reason", "spent", "code"), [
    ("no face found", 9.9, 0),
    ("unexpected ZeroDivisionError: by zero", 0.1, 1),
    ("not finished: no answer for 10 s", 0.1, 1),
    ("", 0.1, 1),
    ("no face found", 10.1, 1),
])  # fmt: skip
def test_the_scripts_exit_code_is_what_it_found(reason, spent, code, capsys):
    row = {"path": "a", "verdict": "error", "reason": reason, "seconds": 1.0}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    said = MEASURED + json.dumps({"peak": 2048, "spent": {"a": spent}})
    done = subprocess.CompletedProcess([], 1, b"", f"model{said}".encode())
    assert fuzz_corpus._tell({"a": "text"}, Path("rows.jsonl"), done, 2.0) == code
    assert fuzz_corpus._tell({"a": "text", "b": "text"}, Path("rows.jsonl"), done, 2.0) == 1


@pytest.mark.slow
def test_a_large_corpus(tiny_onnx, monkeypatch, capsys):
    check(*scan_corpus(5000, tiny_onnx, monkeypatch, seed=2))
