import shutil

import numpy as np
import pytest

from dfdetect.data.cache import Decoder
from dfdetect.data.decode import decode
from dfdetect.deploy.export.pictures import Pictures, originals_of, part_of, pictures_in, training_data
from dfdetect.errors import DataLayoutError, ExportError
from dfdetect.models.checkpoint import read_detector_checkpoint
from tests.extensions import write_extension


@pytest.fixture
def checkpoint(tiny_checkpoint):
    return read_detector_checkpoint(tiny_checkpoint)


def test_parts_are_those_of_the_training(checkpoint):
    data = training_data(checkpoint, None)
    split = checkpoint["dfdetect"]["split"]
    train, val = part_of(data, "train"), part_of(data, "val")
    assert (len(train), len(val)) == (split["n_train"], split["n_val"])
    assert not set(train.paths) & set(val.paths)
    tested = data.part("test").paths
    assert not set(tested) & {*train.paths, *val.paths}


def test_originals_are_as_they_lie_there(checkpoint):
    data = training_data(checkpoint, None)
    prepared, originals = part_of(data, "train"), originals_of(data, "train")
    assert originals.paths == prepared.paths
    assert prepared.load(3).shape == (32, 32, 3)
    assert np.array_equal(originals.load(3), decode(data.part("train").file(3)))
    assert originals.load(3).shape == (80, 80, 3)


def test_data_that_was_moved_is_found_by_its_new_name(checkpoint, generated_faces, tmp_path):
    checkpoint["datamodule_hyper_parameters"]["root"] = "gone"
    with pytest.raises(ExportError, match=r"gone: no such folder.*--data ROOT"):
        training_data(checkpoint, None)
    moved = tmp_path / "moved"
    shutil.copytree(generated_faces, moved)
    assert len(part_of(training_data(checkpoint, str(moved)), "val")) == checkpoint["dfdetect"]["split"]["n_val"]


def test_an_own_layout_lists_data_that_was_moved(checkpoint, generated_faces, tmp_path, monkeypatch):
    code = """
    from dfdetect.data.own_layout import Layout

    @Layout
    def faces(root):
        for file in root.rglob("*.jpg"):
            label, *kind = file.relative_to(root).parts[:-1]
            yield {"path": file.relative_to(root), "label": label, "source": "".join(kind)}
    """
    moved, manifest = tmp_path / "moved", tmp_path / "list.csv"
    shutil.copytree(generated_faces, moved)
    monkeypatch.chdir(tmp_path)
    kept = checkpoint["datamodule_hyper_parameters"]
    kept["layout"] = write_extension(tmp_path, monkeypatch, code) + ".faces"
    data = training_data(checkpoint, str(moved))
    assert data.division.samples.layout == f"layout {kept['layout']}"
    names = [
        f"{path},{label}" for path, label in zip(data.division.samples.paths, data.division.samples.labels, strict=True)
    ]
    manifest.write_text("\n".join(["path,label", *names]))
    with pytest.raises(ExportError, match="divides them in another way"):  # read as a manifest, without its sources
        training_data(checkpoint, str(manifest))


@pytest.mark.parametrize("change", ["split", "images"])
def test_other_images_or_another_split_are_refused(change, checkpoint, generated_faces, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(generated_faces, moved)
    if change == "split":
        checkpoint["datamodule_hyper_parameters"]["split_seed"] = 5
    else:
        next(moved.rglob("real/*.*")).unlink()
    with pytest.raises(ExportError, match="images of its test part might be used"):
        training_data(checkpoint, str(moved))


def test_a_draw_keeps_labels_and_groups_beside_their_pictures():
    labels = np.arange(50) % 2
    names = [str(i) for i in range(50)]
    drawn = Pictures("all", names, labels, names, lambda place: np.full((2, 2, 3), place, np.uint8)).take(20)
    assert len(drawn) == 20
    assert drawn.name == "20 of 50 images of all"
    assert drawn.paths == sorted(drawn.paths, key=int)
    assert drawn.labels is not None
    for place, path in enumerate(drawn.paths):
        assert drawn.groups[place] == path
        assert drawn.labels[place] == int(path) % 2
        assert drawn.load(place)[0, 0, 0] == int(path)
    assert drawn.take(20) is drawn
    assert drawn.take(7).load(3)[0, 0, 0] == int(drawn.take(7).paths[3])


def test_broken_files_are_left_out_of_batches_wherever_they_stand(tmp_path, photos):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(7):
        shutil.copy(photos[number], folder / f"{number}{photos[number][-4:]}")
    for number in (0, 3, 6):
        next(folder.glob(f"{number}.*")).write_bytes(b"broken")
    found = list(pictures_in(str(folder), Decoder(16)).batches(2))
    assert [places for places, _ in found] == [[1, 2], [4, 5]]
    assert all(pixels.shape == (2, 16, 16, 3) for _, pixels in found)


def test_a_folder_has_labels_where_its_layout_says_so(generated_faces, tmp_path):
    labelled = pictures_in(str(generated_faces), Decoder(16))
    assert labelled.labels is not None
    assert set(labelled.labels.tolist()) == {0, 1}
    assert pictures_in(str(generated_faces / "real"), Decoder(16)).labels is None
    with pytest.raises(DataLayoutError):
        pictures_in(str(tmp_path / "missing"), Decoder(16))
