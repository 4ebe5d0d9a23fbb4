"""A run's folder is read whole; what is missing is empty, what is damaged is named, what is stale is left out."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from dfdetect.errors import ResultsError
from dfdetect.evaluation.limits import find_limits
from dfdetect.evaluation.run_report import render
from dfdetect.models.run_contents import read_run
from tests.test_report import reported, run  # noqa: F401


def change(file: Path, **values) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_everything_of_a_run_is_read(run):  # noqa: F811
    contents = read_run(run)
    checkpoint = torch.load(run / "checkpoints/best.ckpt", weights_only=True)
    assert contents.name == "run/version_0"
    assert contents.metrics == json.loads((run / "metrics.json").read_text())
    assert contents.facts == checkpoint["dfdetect"]
    assert contents.model["backbone"] == "tiny"
    assert contents.data["image_size"] == 32
    assert not any(name.startswith("_") for name in (*contents.model, *contents.data))
    assert [(count.part, count.n_real + count.n_fake) for count in contents.counts] == [
        (name, contents.split()[f"n_{name}"]) for name in ("train", "val", "test")
    ]
    assert contents.counts[0].sources["part_swap"] == 28
    assert contents.counts[0].n_groups is None
    assert contents.robustness is not None
    assert set(contents.robustness["corruptions"]) == {"jpeg", "blur"}
    assert set(contents.figures) == {
        *("confusion_matrix", "roc", "pr", "reliability", "abstention", "robustness", "mistakes", "curves")
    }
    assert contents.split()["layout"] == "{real,fake}"
    assert contents.troubles == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.json", "{"),
        ("metrics.json", '{"n": 3}'),
        ("metrics.json", '{"n": 3, "n_real": 1, "n_fake": 2, "threshold": 0.5, "confusion_matrix": [[9, 9], [9, 9]]}'),
        ("robustness.json", "[]"),
        ("robustness.json", '{"corruptions": {"jpeg": {"severities": [{}]}}}'),
        ("roc.png", "not a picture"),
        ("split.csv", "path\na.png\n"),
        ("config.yaml", "trainer: ["),
        ("config.yaml", "[]"),
        ("checkpoints/best.ckpt", "no checkpoint"),
    ],
)
def test_what_is_damaged_is_named_and_the_rest_is_shown(run, file, content):  # noqa: F811
    (run / file).write_text(content)
    contents = read_run(run)
    (trouble,) = contents.troubles
    assert trouble.startswith(str(run / file))
    assert "Left out of this report" in render(contents, find_limits(contents))


@pytest.mark.parametrize("file", ["metrics.json", "robustness.json", "roc.png", "split.csv", "checkpoints/best.ckpt"])
def test_what_is_missing_is_left_empty(run, file):  # noqa: F811
    (run / file).unlink()
    contents = read_run(run)
    assert contents.troubles == []
    render(contents, find_limits(contents))


def test_results_of_another_checkpoint_are_left_out(run):  # noqa: F811
    change(run / "metrics.json", tested={"checkpoint_sha256": "4567"})
    other = run / "cross-dataset/other"
    other.mkdir(parents=True)
    (other / "metrics.json").write_bytes((run / "metrics.json").read_bytes())
    assert set(read_run(run).others) == {"other"}
    change(other / "metrics.json", tested={"checkpoint_sha256": "0123"})
    change(run / "robustness.json", threshold=0.123)
    contents = read_run(run)
    assert (contents.others, contents.robustness) == ({}, None)
    assert "robustness" not in contents.figures
    assert len(contents.troubles) == 2


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="no results of a test and no checkpoint"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("content", "known", "troubles"),
    [
        ({"findings": [{"kind": "k", "severity": "leak", "title": "t", "meaning": "m", "remedy": "r", "n": 1}]}, 1, 0),
        ({"findings": [{"kind": "k", "severity": "dreadful", "title": "t", "meaning": "m", "remedy": "r"}]}, 0, 1),
        ({"findings": [{"kind": "k"}]}, 0, 1),
        ([], 0, 1),
        (None, 0, 0),
    ],
)
def test_findings_beside_the_manifest_are_read(run, tmp_path, content, known, troubles):  # noqa: F811
    file = run / "checkpoints/best.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["manifest"] = str(tmp_path / "audit/manifest.csv")
    torch.save(checkpoint, file)
    (tmp_path / "audit").mkdir()
    if content is not None:
        (tmp_path / "audit/findings.json").write_text(json.dumps(content))
    contents = read_run(run)
    assert len((contents.audit or {}).get("findings", ())) == known
    assert len(contents.troubles) == troubles
    assert contents.grouped_by_audit == (content is not None)


def test_a_relative_manifest_is_looked_for_where_the_training_was_typed(run, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "project/audit").mkdir(parents=True)
    moved = tmp_path / "project/lightning_logs/demo/version_0"
    shutil.copytree(run, moved)
    file = moved / "checkpoints/best.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["datamodule_hyper_parameters"]["manifest"] = "audit/manifest.csv"
    torch.save(checkpoint, file)
    finding = {"kind": "k", "severity": "leak", "title": "t", "meaning": "m", "remedy": "r", "n": 1}
    (tmp_path / "project/audit/findings.json").write_text(json.dumps({"findings": [finding]}))
    monkeypatch.chdir(tmp_path)
    assert len((read_run(moved).audit or {})["findings"]) == 1


def test_curves_on_another_set_are_read_with_their_figure_unless_they_are_stale(run):  # noqa: F811
    other = run / "cross-dataset/other"
    other.mkdir(parents=True)
    for name in ("metrics.json", "robustness.json", "robustness.png"):
        (other / name).write_bytes((run / name).read_bytes())
    contents = read_run(run)
    assert set(contents.others_robustness) == {"other"}
    assert contents.figures["robustness of other"] == (run / "robustness.png").read_bytes()
    change(other / "robustness.json", threshold=0.123)
    contents = read_run(run)
    assert (contents.others_robustness, "robustness of other" in contents.figures) == ({}, False)
    assert contents.troubles[0].startswith("cross-dataset/other/robustness.json")
