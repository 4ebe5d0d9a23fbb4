import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dfdetect.data.division import divide
from dfdetect.data.samples import load_samples
from dfdetect.deploy.benchmark.images import choose_images, judge
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.errors import ResultsError, UsageError

FACTS = ModelFacts("tiny", 0.5, 1.0, True, 32, "onnx", "fp32", "NCHW", "resize", "any", "0.1.0")


def trained(fingerprint=None, note=None) -> ModelFacts:
    return replace(FACTS, data_fingerprint=fingerprint, images_seen=note)


@pytest.fixture
def division(generated_faces):
    return divide(load_samples(generated_faces), seed=7, ratios=(0.6, 0.2, 0.2))


@pytest.fixture
def fingerprint(division):
    return division.facts["data_fingerprint"]


def test_the_trainings_own_data_gives_the_runs_test_part(generated_faces, division, fingerprint, tmp_path):
    division.save(tmp_path)
    images = choose_images(str(generated_faces), [trained(fingerprint)], tmp_path / "split.csv", named=False)
    assert images.samples.paths == division.part("test").paths
    assert "test part of the training's own data" in images.which


def test_own_data_without_a_known_test_part_is_refused(generated_faces, fingerprint):
    with pytest.raises(UsageError, match=r"--split lightning_logs"):
        choose_images(str(generated_faces), [trained("another"), trained(fingerprint)], None, named=False)


def test_other_data_counts_whole(generated_faces):
    images = choose_images(str(generated_faces), [trained("another")], None, named=False)
    assert len(images.samples) == 240
    assert "not trained on" in images.which
    assert "does not say" not in images.which
    assert "does not say" in choose_images(str(generated_faces), [trained()], None, named=False).which


@pytest.mark.parametrize("own", [False, True])
def test_a_test_part_that_the_data_gives_is_taken(generated_faces, own):
    samples = load_samples(generated_faces)
    manifest = generated_faces.parent / f"given-{own}.csv"
    with open(manifest, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "split"])
        for number, (path, label) in enumerate(zip(samples.paths, samples.labels.tolist(), strict=True)):
            writer.writerow([f"faces/{path}", label, "test" if number % 4 == 0 else "train"])
    division = divide(load_samples(manifest), 0, (0.7, 0.15, 0.15))
    models = [trained(str(division.facts["data_fingerprint"]), division.images_seen())] if own else []
    images = choose_images(str(manifest), models, None, named=False)
    assert len(images.samples) == 60
    assert "the data itself" in images.which


def test_a_split_of_other_images_is_refused_where_it_was_named(generated_faces, division, tmp_path):
    half = division.samples.select(np.arange(0, 240, 2))
    divide(half, 0, (0.7, 0.15, 0.15)).save(tmp_path)
    with pytest.raises(UsageError, match="other images"):
        choose_images(str(generated_faces), [trained()], tmp_path / "split.csv", named=True)
    assert len(choose_images(str(generated_faces), [trained()], tmp_path / "split.csv", named=False).samples) == 240


def test_images_that_were_trained_on_are_known_whoever_lists_them(generated_faces, division, tmp_path):
    """A model that was trained by a manifest knows another fingerprint than its folder has."""
    listed = [f"{generated_faces}/{path},{'fake' if label else 'real'}" for path, label in _rows(division.samples)]
    (tmp_path / "own.csv").write_text("\n".join(["path,label", *listed]) + "\n")
    by_manifest = divide(load_samples(tmp_path / "own.csv"), seed=7, ratios=(0.6, 0.2, 0.2))
    model = trained(str(by_manifest.facts["data_fingerprint"]), by_manifest.images_seen())
    with pytest.raises(UsageError, match=r"--data .*: the detector's training saw at least 192 of its 240 images"):
        choose_images(str(generated_faces), [trained("another"), model], None, named=False)


def _rows(samples):
    return zip(samples.paths, samples.labels.tolist(), strict=True)


class Oracle:
    """Knows the label from the path, and cannot read every tenth image."""

    def __init__(self, reads: bool = True) -> None:
        self.asked: list[str] = []
        self.reads = reads

    def ask(self, do, paths):
        assert do == "judge"
        self.asked += paths
        scores = [0.9 if "/fake/" in path else 0.1 for path in paths]
        readable = [self.reads and int(Path(path).stem) % 10 != 0 for path in paths]
        return {"p_fake": [score if reads else None for score, reads in zip(scores, readable, strict=True)]}


def test_figures_are_those_of_the_one_evaluation_and_what_cannot_be_read_is_counted(generated_faces):
    samples = load_samples(generated_faces)
    oracle, steps = Oracle(), list[int]()
    quality = judge(oracle, FACTS, samples, steps.append)  # type: ignore[arg-type]
    assert oracle.asked == [samples.file(index) for index in range(240)]
    assert sum(steps) == 240
    assert quality["unreadable"] == 24
    assert quality["n"] == 216
    assert quality["auroc"] == quality["accuracy"] == 1.0
    rarer = min(quality["n_real"], quality["n_fake"])
    assert quality["intervals"]["auroc"] == pytest.approx([0.025 ** (1 / rarer), 1.0])


def test_nothing_readable_is_an_error(generated_faces):
    with pytest.raises(ResultsError, match="None of the 240"):
        judge(Oracle(reads=False), FACTS, load_samples(generated_faces), lambda _: None)  # type: ignore[arg-type]
