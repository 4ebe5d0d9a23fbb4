import json
import shutil

import numpy as np
import pytest

from dfdetect.data.samples import load_samples
from dfdetect.data.synthetic import generate_faces
from dfdetect.deploy.checkpoint_facts import facts_of_checkpoint
from dfdetect.errors import ExplainError, UsageError
from dfdetect.explain.score_data import Chosen, checkpoint_of, choose
from dfdetect.files import sha256_of
from dfdetect.models.checkpoint import read_detector_checkpoint


@pytest.fixture(scope="module")
def facts(tiny_checkpoint):
    return facts_of_checkpoint(read_detector_checkpoint(tiny_checkpoint), tiny_checkpoint)


@pytest.fixture(scope="module")
def split(tiny_checkpoint):
    return read_detector_checkpoint(tiny_checkpoint)["dfdetect"]["split"]


def test_the_trainings_own_test_part_is_the_default(facts, split, tiny_checkpoint):
    test = choose(facts, tiny_checkpoint, None, ["test"])
    both = choose(facts, tiny_checkpoint, None, ["test", "val"])
    assert (len(test.samples), len(both.samples)) == (split["n_test"], split["n_test"] + split["n_val"])
    assert set(test.samples.paths) < set(both.samples.paths)
    assert "test part of faces" in test.title
    assert "test and validation part" in both.title


def test_data_that_was_moved_gives_the_same_part(facts, tiny_checkpoint, generated_faces, tmp_path):
    shutil.copytree(generated_faces, tmp_path / "moved")
    test = choose(facts, tiny_checkpoint, str(tmp_path / "moved"), ["test"])
    assert test.samples.paths == choose(facts, tiny_checkpoint, None, ["test"]).samples.paths


def test_of_other_data_all_is_taken(facts, tiny_checkpoint, tmp_path):
    generate_faces(tmp_path / "other", 20, seed=3, size=64, progress=False)
    for checkpoint in (tiny_checkpoint, None):
        found = choose(facts, checkpoint, str(tmp_path / "other"), ["test"])
        assert len(found.samples) == 20
        assert found.title == "all images of other"


def test_the_trainings_images_are_refused_where_their_parts_are_not_known(facts, generated_faces):
    with pytest.raises(ExplainError, match="--ckpt_path FILE --data ROOT"):
        choose(facts, None, str(generated_faces), ["test"])


def test_the_trainings_images_divided_in_another_way_are_refused(facts, tiny_checkpoint, generated_faces, tmp_path):
    samples = load_samples(generated_faces)
    rows = [
        f"{generated_faces / path},{label},{i % 5}"
        for i, (path, label) in enumerate(zip(samples.paths, samples.labels.tolist(), strict=True))
    ]
    (tmp_path / "list.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    with pytest.raises(ExplainError, match="divided in another way"):
        choose(facts, tiny_checkpoint, str(tmp_path / "list.csv"), ["test"])


def test_neither_data_nor_checkpoint(facts):
    with pytest.raises(UsageError, match="--ckpt_path FILE, or other images: --data ROOT"):
        choose(facts, None, None, ["test"])


def test_a_draw_is_in_order_and_says_so(generated_faces):
    chosen = Chosen(load_samples(generated_faces), "all")
    assert chosen.take(500) is chosen
    few = chosen.take(10)
    assert few.samples.paths == sorted(few.samples.paths)
    assert len(set(few.samples.paths)) == 10
    assert few.title == "10 of the 240 images of all"
    assert np.isin(few.samples.paths, chosen.samples.paths).all()


def test_an_exports_checkpoint_is_the_one_it_noted(tmp_path):
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    model = tmp_path / "run" / "export" / "net.onnx"
    for file in (checkpoint, model):
        file.parent.mkdir(parents=True)
        file.write_bytes(file.name.encode())
    assert checkpoint_of(checkpoint) == checkpoint
    assert checkpoint_of(model) is None
    noted = model.with_name("net.onnx.parity.json")
    for named in (str(checkpoint), "run/checkpoints/best.ckpt", "elsewhere/checkpoints/best.ckpt"):
        noted.write_text(json.dumps({"checkpoint": named, "checkpoint_sha256": sha256_of(checkpoint)}))
        found = checkpoint_of(model)
        assert found is not None
        assert found.resolve() == checkpoint
    checkpoint.write_bytes(b"trained on since")
    assert checkpoint_of(model) is None
    for text in ("no json", "[]", "{}"):
        noted.write_text(text)
        assert checkpoint_of(model) is None
