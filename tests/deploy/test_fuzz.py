"""Broken and odd files through `dfdetect scan`: each is a row with a verdict or a cause; no crash, no hang."""

import json
from collections import Counter
from pathlib import Path

import pytest

from dfdetect.deploy import face_model, photos, runtime, video
from dfdetect.main import main
from tests.fuzz_corpus import make_corpus, vanishing
from tests.fuzz_seeds import image_seeds

from .standin import Standin, find_marked


def scan_corpus(count, monkeypatch, seed):
    Path("model.onnx").write_bytes(b"model")
    monkeypatch.setattr(runtime.Detector, "load", classmethod(lambda cls, path, threads=None: Standin()))
    monkeypatch.setattr(face_model, "face_model", lambda named: "model.onnx")
    for room in (photos, video):
        monkeypatch.setattr(room, "search", find_marked)
    kinds = make_corpus(Path("corpus"), count, seed)
    with vanishing(Path("corpus/vanishing"), image_seeds()["jpeg.jpg"], 20) as more:
        code = main(["scan", "corpus", "--model=model.onnx", "--out=rows.jsonl", "--html=page.html", "--timeout=60"])
    assert code == 1
    found = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
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


def test_a_small_corpus(monkeypatch, capsys):
    found = check(*scan_corpus(320, monkeypatch, seed=1))
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


@pytest.mark.slow
def test_a_large_corpus(monkeypatch, capsys):
    check(*scan_corpus(5000, monkeypatch, seed=2))
