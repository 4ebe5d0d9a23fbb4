"""Images of a training are known again under another root, in a part of it and in a larger collection."""

import os
import shutil

import numpy as np
import pytest

from dfdetect.data import seen
from dfdetect.data.samples import load_samples
from dfdetect.data.seen import find_seen, note_seen, refusal
from dfdetect.errors import CheckpointError


def note_of(samples):
    return note_seen(samples, np.arange(len(samples)))


@pytest.fixture
def trained(generated_faces):
    samples = load_samples(generated_faces)
    return samples.select(np.arange(0, len(samples), 2))


def test_what_was_noted_is_found_and_nothing_else(generated_faces, trained):
    samples, note = load_samples(generated_faces), note_of(trained)
    assert [samples.paths[i] for i in find_seen(samples, note)] == trained.paths
    rest = samples.select(np.arange(1, len(samples), 2))
    assert find_seen(rest, note) == []
    assert refusal(rest, note) is None
    assert refusal(samples, None) is None


def test_a_part_of_it_in_another_folder_is_refused(trained, tmp_path):
    for index in range(0, len(trained), 7):
        kept = tmp_path / "part" / trained.paths[index].split("/")[0] / trained.paths[index].rpartition("/")[2]
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained.file(index), kept)
    samples = load_samples(tmp_path / "part")
    said = refusal(samples, note_of(trained))
    assert said is not None
    assert f"saw at least {len(samples)} of its {len(samples)} images ({samples.paths[0]} and more)" in said


def test_the_same_names_with_other_content_are_other_images(trained, tmp_path):
    for index in range(len(trained)):
        other = tmp_path / "other" / trained.paths[index]
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(b"something else")
    assert find_seen(load_samples(tmp_path / "other"), note_of(trained)) == []


def test_a_note_stays_small_and_still_knows_a_part(generated_faces, trained, monkeypatch):
    monkeypatch.setattr(seen, "MOST_NOTED", 40)
    note = note_of(trained)
    assert len(note) == 4 * 40 * 12 / 3
    found = find_seen(load_samples(generated_faces), note)
    assert len(found) == 40
    monkeypatch.setattr(seen, "MOST_READ", 10)
    assert set(find_seen(load_samples(generated_faces), note)) < set(found)


def test_files_that_are_gone_or_none_are_passed_over(trained, tmp_path):
    shutil.copytree(trained.root, tmp_path / "faces")
    samples = load_samples(tmp_path / "faces")
    for path in samples.paths[:2]:
        (tmp_path / "faces" / path).unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "faces" / samples.paths[1])
    note = note_of(samples)
    assert find_seen(samples, note) == list(range(2, len(samples)))


def test_no_note():
    with pytest.raises(ValueError, match=r"."):
        find_seen(load_samples_of_none(), "no note")
    with pytest.raises(CheckpointError, match="note of the images that it was trained on is damaged"):
        refusal(load_samples_of_none(), "AAAA")


def load_samples_of_none():
    from pathlib import Path

    from dfdetect.data.samples import Samples

    return Samples(Path(), [], np.empty(0, np.int8))
