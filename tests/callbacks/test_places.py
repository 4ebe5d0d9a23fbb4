"""Results of two data sets of one name do not overwrite each other."""

import json
import shutil
from pathlib import Path

import pytest

from dfdetect.callbacks.places import results_folder
from tests.fits import faces_data, quiet_trainer, tiny_detector


@pytest.fixture
def place(tmp_path, generated_faces):
    """The results' folder of ROOT for a detector that was trained on the generated faces."""
    shutil.copytree(generated_faces / "real", "x/faces/real")
    shutil.copytree(generated_faces / "fake/smoothed", "x/faces/fake")
    shutil.copytree("x", "y")
    detector = tiny_detector()
    detector.facts["split"] = faces_data(generated_faces).split_facts()
    trainer = quiet_trainer(tmp_path, callbacks=[], logger=False, default_root_dir="run")
    return lambda root: results_folder(trainer, detector, faces_data(root))


def leave(folder: Path, content: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(content))


@pytest.mark.parametrize("below", ["", "validation"])
def test_a_name_that_another_set_has_taken_gets_digits(place, below):
    first = place("x/faces")
    assert first == Path("run/cross-dataset/faces")
    leave(first / below, {"tested": {"location": str(Path("x/faces").resolve())}})
    second = place("y/faces")
    assert place("x/faces") == first
    assert place(Path("x/faces").resolve()) == first
    assert second.parent == first.parent
    assert second.name.startswith("faces-")
    assert len(second.name) == len("faces-") + 8
    leave(second, {"tested": {"location": str(Path("y/faces").resolve())}})
    assert (place("x/faces"), place("y/faces")) == (first, second)


def test_results_that_do_not_say_where_their_data_lay_are_known_by_its_root(place):
    leave(Path("run/cross-dataset/faces"), {"root": "x/faces"})
    assert place("x/faces").name == "faces"
    assert place("y/faces").name.startswith("faces-")


def test_damaged_results_are_written_over(place):
    leave(Path("run/cross-dataset/faces"), {})
    Path("run/cross-dataset/faces/metrics.json").write_text("{half")
    assert place("y/faces").name == "faces"


def test_the_own_data_goes_into_the_run(place, generated_faces):
    assert place(generated_faces) == Path("run")
