"""Every accepted folder layout is recognised, and everything ambiguous is an error that lists what was found."""

from pathlib import Path

import pytest

from dfdetect.data.layouts import ACCEPTED, ClassFolder, find_class_folders, label_of, split_of
from dfdetect.data.samples import load_samples
from dfdetect.errors import DataLayoutError

from .helpers import touch

REAL_NAMES = ["real", "Real", "REALS", "0_real", "original", "Originals", "training_real", "test_real", "real_images"]
REAL_NAMES += [
    "authentic",
    "genuine",
    "pristine",
    "natural",
    "nature",
    "real-faces",
    "Real Photos",
    "0",
    "00_real_imgs",
]
FAKE_NAMES = ["fake", "FAKE", "fakes", "1_fake", "ai", "AI", "ai_generated", "AI-Generated Images", "training_fake"]
FAKE_NAMES += ["generated", "synthetic", "deepfake", "Deepfakes", "manipulated", "forged", "fake_faces", "1", "0_fake"]
NEITHER = ["", "data", "unreal", "faker", "real_and_fake", "realfake", "2", "00", "images", "train", "aid", "surreal"]


@pytest.mark.parametrize(
    ("name", "label"), [*((n, 0) for n in REAL_NAMES), *((n, 1) for n in FAKE_NAMES), *((n, None) for n in NEITHER)]
)
def test_label_of_a_name(name, label):
    assert label_of(name) == label
    assert label_of(f" {name}\n".upper()) == label


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", " TRAIN")),
        *((name, "val") for name in ("val", "VALID", "validation")),
        *((name, "test") for name in ("test", "Testing ")),
        *((name, None) for name in ("dev", "real", "", "train2")),
    ],
)
def test_split_of_a_name(name, split):
    assert split_of(name) == split


def folders(root: Path) -> set[tuple[str, int, str]]:
    return {(f.path, f.label, f.split) for f in find_class_folders(root)[0]}


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("real", "fake"),
        ("Real", "AI"),
        ("0_real", "1_fake"),
        ("original", "deepfake"),
        ("training_real", "training_fake"),
        ("0", "1"),
        ("nature", "ai"),
        ("1_real", "0_fake"),
    ],
)
def test_two_class_folders_in_any_spelling(real, fake, tmp_path):
    touch(tmp_path, f"{real}/a.jpg", f"{fake}/b.jpg", "readme.txt", "figures/c.png", ".hidden/real/d.jpg")
    assert folders(tmp_path) == {(real, 0, ""), (fake, 1, "")}
    assert find_class_folders(tmp_path)[1] == "{real,fake}; passed over: figures"


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_given_splits_with_names_that_differ_between_splits(val, tmp_path):
    touch(tmp_path, "Train/real/a.jpg", "Train/fake/a.jpg", f"{val}/0_real/a.jpg", f"{val}/1_fake/a.jpg")
    touch(tmp_path, "test/REAL/a.jpg", "test/AI/a.jpg", "notes/x.txt")
    assert folders(tmp_path) == {
        *(("Train/real", 0, "train"), ("Train/fake", 1, "train")),
        *((f"{val}/0_real", 0, "val"), (f"{val}/1_fake", 1, "val")),
        *(("test/REAL", 0, "test"), ("test/AI", 1, "test")),
    }
    assert find_class_folders(tmp_path)[1] == "{train,val,test}/{real,fake}"


def test_split_without_classes_beside_one_with_is_an_error(tmp_path):
    touch(tmp_path, "train/real/a.jpg", "train/fake/b.jpg", "test/unlabelled/c.jpg")
    with pytest.raises(DataLayoutError, match="Found: unlabelled/"):
        folders(tmp_path)


def test_splits_inside_the_class_folders_are_given_too(tmp_path):
    root = touch(tmp_path, *(f"{c}/{s}/1.png" for c in ("0_real", "1_fake") for s in ("training", "valid", "test")))
    folders, layout = find_class_folders(root)
    assert layout == "{real,fake}/{train,val,test}"
    assert {(f.path, f.label, f.split) for f in folders} >= {
        ("1_fake/valid", 1, "val"),
        ("0_real/training", 0, "train"),
    }
    assert load_samples(root).columns["split"].count("test") == 2


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["real/train/1.png", "real/gan/1.png", "fake/train/1.png"], "split folders beside others are ambiguous"),
        (["real/train/1.png", "fake/1.png"], "one class folder holds split folders and the other does not"),
        (["real/val/1.png", "real/valid/1.png", "fake/val/1.png"], "two split folders of one class mean the same"),
    ],
)
def test_splits_inside_the_class_folders_are_all_or_nothing(files, said, tmp_path):
    with pytest.raises(DataLayoutError, match=said):
        find_class_folders(touch(tmp_path, *files))


@pytest.mark.parametrize("below", ["real_and_fake_face", "real_vs_fake", "data set"])
def test_one_folder_deeper(below, tmp_path):
    touch(tmp_path, f"{below}/training_real/a.jpg", f"{below}/training_fake/b.jpg", "__MACOSX/real/x", ".complete/y")
    assert folders(tmp_path) == {(f"{below}/training_real", 0, ""), (f"{below}/training_fake", 1, "")}
    assert find_class_folders(tmp_path)[1] == f"{below}/{{real,fake}}"


def test_archive_that_holds_the_set_twice_at_different_depths(tmp_path):
    """CIPLAB's own archive does: the shallower copy is taken."""
    for below in ("real_and_fake_face", "real_and_fake_face_detection/real_and_fake_face"):
        touch(tmp_path, f"{below}/training_real/a.jpg", f"{below}/training_fake/b.jpg")
    assert {path.split("/")[0] for path, _, _ in folders(tmp_path)} == {"real_and_fake_face"}


def test_splits_one_folder_deeper(tmp_path):
    touch(tmp_path, "faces/train/real/a.jpg", "faces/train/fake/b.jpg")
    assert folders(tmp_path) == {("faces/train/real", 0, "train"), ("faces/train/fake", 1, "train")}


AMBIGUOUS = {
    "two reals": (["real/a", "originals/a", "fake/a"], ["originals and real", "mean real"]),
    "two fakes": (["real/a", "fake/a", "ai/a", "Deepfake/a"], ["Deepfake and ai and fake", "mean fake"]),
    "every split's own": (["train_real/a", "train_fake/a", "test_real/a", "test_fake/a"], ["test_real", "train_real"]),
    "splits beside classes": (["real/a", "fake/a", "train/real/a"], ["fake/, real/, train/", "ambiguous"]),
    "two validation parts": (
        ["train/real/a", "train/fake/a", "val/real/a", "val/fake/a", "valid/real/a", "valid/fake/a"],
        ["val and valid", "both mean val"],
    ),
    "two sets deeper": (["a/real/x", "a/fake/x", "b/real/x", "b/fake/x"], ["a and b", "name one"]),
}
MISSING = {
    "fake": (["real/a", "photos/b"], ["no fake folder", "photos/, real/"]),
    "real": (["fake/a", "unreal/b"], ["no real folder", "fake/, unreal/"]),
    "in one split": (["train/real/a", "train/fake/a", "test/real/a"], ["test", "no fake folder", "Found: real/"]),
    "unknown": (["cats/a", "dogs/b", "list.txt"], ["no real and fake folders", "cats/, dogs/, list.txt"]),
    "empty root": ([], ["no real and fake folders", "an empty folder"]),
    "two deeper": (["x/y/real/a", "x/y/fake/a"], ["no real and fake folders", "Found: x/"]),
    "loose files": (["a.jpg", "b.jpg"], ["a.jpg, b.jpg"]),
}


SPLIT = {("train/real", 0, "train"), ("val/real", 0, "val")}
INSIDE = {("real/train", 0, "train"), ("real/val", 0, "val")}
ALONE = {
    "classes": (["real/a.png"], {("real", 0, "")}, "real"),
    "deeper": (["set/originals/a.png"], {("set/originals", 0, "")}, "set/real"),
    "splits": (["train/real/a.png", "val/real/b.png"], SPLIT, "{train,val,test}/real"),
    "splits inside": (["real/train/a.png", "real/val/b.png"], INSIDE, "real/{train,val,test}"),
}


@pytest.mark.parametrize(("files", "found", "layout"), ALONE.values(), ids=ALONE)
def test_real_photos_alone_where_no_fake_is_needed(files, found, layout, tmp_path):
    touch(tmp_path, *files)
    there = find_class_folders(tmp_path, fakes_needed=False)
    assert ({(one.path, one.label, one.split) for one in there[0]}, there[1]) == (found, layout)
    assert load_samples(tmp_path, fakes_needed=False).labels.tolist() == [0] * len(files)
    with pytest.raises(DataLayoutError, match=r"no fake folder\. Real photos alone are enough for --data\.blending"):
        load_samples(tmp_path)


def test_fakes_alone_are_never_enough(tmp_path):
    with pytest.raises(DataLayoutError, match=r"no real folder\. Found: fake/"):
        load_samples(touch(tmp_path, "fake/a.png"), fakes_needed=False)
    (tmp_path / "list.csv").write_text("path,label\nfake/a.png,fake\n")
    with pytest.raises(DataLayoutError, match=r"every row is fake; both classes are needed$"):
        load_samples(tmp_path / "list.csv", fakes_needed=False)


def test_a_manifest_of_real_photos_alone(tmp_path):
    touch(tmp_path, "a.png", "b.png")
    (tmp_path / "list.csv").write_text("path,label\na.png,real\nb.png,real\n")
    assert load_samples(tmp_path / "list.csv", fakes_needed=False).labels.tolist() == [0, 0]
    with pytest.raises(DataLayoutError, match=r"every row is real; both classes are needed\. Real photos alone are"):
        load_samples(tmp_path / "list.csv")


@pytest.mark.parametrize(("files", "said"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguity_is_an_error_that_names_the_rivals(files, said, tmp_path):
    with pytest.raises(DataLayoutError) as caught:
        find_class_folders(touch(tmp_path, *files))
    for text in [str(tmp_path), *said]:
        assert text in str(caught.value)


@pytest.mark.parametrize(("files", "said"), MISSING.values(), ids=MISSING)
def test_missing_class_or_unknown_layout_lists_what_was_found_and_what_is_accepted(files, said, tmp_path):
    with pytest.raises(DataLayoutError) as caught:
        find_class_folders(touch(tmp_path, *files))
    for text in [str(tmp_path), ACCEPTED, *said]:
        assert text in str(caught.value)


def test_long_listings_are_cut(tmp_path):
    touch(tmp_path, *(f"person_{i:03d}/a.jpg" for i in range(40)))
    with pytest.raises(DataLayoutError, match=r"person_011/, \.\.\. \(40 entries\)") as caught:
        find_class_folders(tmp_path)
    assert "person_012" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_missing_root(name, tmp_path):
    touch(tmp_path, "file.txt")
    with pytest.raises(DataLayoutError, match="no such folder") as caught:
        find_class_folders(tmp_path / name)
    assert ACCEPTED in str(caught.value)


def test_class_folder_is_plain_data():
    assert ClassFolder("real", 0) == ClassFolder("real", 0, "")


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "real/a.png", "fake/b.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("dfdetect.data.layouts.os.scandir", refuse)
    with pytest.raises(DataLayoutError, match=r"cannot be listed \(Permission denied\)"):
        load_samples(tmp_path)
