"""Folders and manifests become one table, in a stable order, with nothing lost without a word."""

import os

import numpy as np
import pytest

from dfdetect.data.samples import CLASS_NAMES, FAKE, REAL, Samples, list_images, load_samples
from dfdetect.errors import DataLayoutError

from .helpers import table, touch


def rows(samples: Samples) -> dict[str, int]:
    return dict(zip(samples.paths, samples.labels.tolist(), strict=True))


def write(folder, text, name="manifest.csv", encoding="utf-8"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def test_fake_is_one():
    assert (REAL, FAKE) == (0, 1)
    assert CLASS_NAMES[FAKE] == "fake"


@pytest.mark.parametrize(("real", "fake"), [("real", "fake"), ("0", "1"), ("original", "ai"), ("1_real", "0_fake")])
def test_fake_is_one_whatever_the_alphabet_says(real, fake, tmp_path):
    samples = load_samples(touch(tmp_path, f"{real}/x.jpg", f"{fake}/x.jpg"))
    assert rows(samples) == {f"{real}/x.jpg": 0, f"{fake}/x.jpg": 1}
    assert samples.labels.dtype == np.int8
    assert samples.columns == {}


def test_order_is_by_path_not_by_the_file_system(tmp_path, monkeypatch):
    names = [f"{c}/{d}{i}.png" for i in (3, 10, 1) for c in ("real", "fake") for d in ("", "z/", "b/", "B/")]
    touch(tmp_path, *names)
    expected = load_samples(tmp_path).paths
    assert expected == sorted(names)

    class Backwards:
        def __init__(self, folder):
            with scandir(folder) as entries:
                self.entries = sorted(entries, key=lambda e: e.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            return None

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Backwards)
    assert load_samples(tmp_path).paths == expected


def test_hidden_files_are_passed_over_and_other_endings_counted(tmp_path):
    touch(
        tmp_path, "real/a.JPG", "real/b.jpeg", "real/.c.jpg", "real/.git/d.jpg", "real/__MACOSX/e.jpg", "real/Thumbs.db"
    )
    touch(tmp_path, "fake/f.WebP", "fake/g.tiff", "fake/notes.txt", "fake/clip.mp4", "fake/noending", "fake/h.jpg.part")
    samples = load_samples(tmp_path)
    assert samples.paths == ["fake/f.WebP", "fake/g.tiff", "real/a.JPG", "real/b.jpeg"]
    assert samples.ignored == 5


def test_nested_folders_and_sources(tmp_path):
    touch(
        tmp_path,
        "real/a.png",
        "real/cam/b.png",
        "fake/stylegan/x/y/c.png",
        "fake/stylegan/d.png",
        "fake/diffusion/e.png",
    )
    samples = load_samples(tmp_path)
    sources = dict(zip(samples.paths, samples.column("source"), strict=True))
    assert sources == {
        "real/a.png": "",
        "real/cam/b.png": "cam",
        "fake/stylegan/x/y/c.png": "stylegan",
        "fake/stylegan/d.png": "stylegan",
        "fake/diffusion/e.png": "diffusion",
    }


def test_given_splits_become_a_column(tmp_path):
    touch(tmp_path, *(f"{s}/{c}/gan/a.png" for s in ("train", "valid", "Test") for c in ("real", "fake")))
    samples = load_samples(tmp_path)
    assert dict(zip(samples.paths, samples.columns["split"], strict=True)) == {
        f"{s}/{c}/gan/a.png": part
        for s, part in {"train": "train", "valid": "val", "Test": "test"}.items()
        for c in ("real", "fake")
    }
    assert set(samples.columns["source"]) == {"gan"}


@pytest.mark.parametrize("files", [["real/a.png"], ["real/a.png", "fake/readme.txt"], ["real/a.png", "fake/.b.png"]])
def test_empty_class_folder_is_named(files, tmp_path):
    (tmp_path / "fake").mkdir()
    with pytest.raises(DataLayoutError, match=r"fake: the fake folder holds no image"):
        load_samples(touch(tmp_path, *files))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_and_a_circle_is_an_error(tmp_path):
    touch(tmp_path / "elsewhere", "a.png")
    touch(tmp_path / "set", "real/r.png", "fake/f.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "set" / "fake" / "linked")
    assert "fake/linked/a.png" in load_samples(tmp_path / "set").paths
    os.symlink("..", tmp_path / "set" / "real" / "circle")
    with pytest.raises(DataLayoutError, match="circle: cannot be followed"):
        load_samples(tmp_path / "set")
    samples = load_samples(tmp_path / "set", strict=False)
    assert samples.paths == ["fake/f.png", "fake/linked/a.png", "real/r.png"]
    assert samples.unlisted == [("real/circle", "cannot be followed (link leads round in a circle)")]


@pytest.mark.parametrize("find", [load_samples, list_images])
def test_file_names_that_are_no_utf8_are_named_not_crashed_on(find, tmp_path):
    touch(tmp_path, "real/a.png", "fake/b.png")
    try:
        open(os.fsencode(tmp_path) + b"/real/caf\xe9.png", "wb").close()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(DataLayoutError, match=r"caf\\xe9.png.*rename"):
        find(tmp_path)


def test_odd_but_legal_names(tmp_path):
    names = ["real/a b.png", 'real/ü,"x".png', "fake/日本.png", "fake/new\nline.png", "fake/%41.png"]
    assert sorted(load_samples(touch(tmp_path, *names)).paths) == sorted(names)


FULL = """\ufeffPath, Label ,group,SPLIT,source,age,licence
fake\\b.png,fake,g1,train,gan,31,CC0
real/a.png,0,,Validation,,,"a, b"

real/c.png, Real ,g1,TEST,cam,7,
"""


@pytest.mark.parametrize("how", ["folder", "file as root", "manifest"])
def test_manifest_in_all_its_liberties(how, tmp_path):
    touch(tmp_path, "fake/b.png", "real/a.png", "real/c.png")
    file = write(tmp_path, FULL)
    samples = {
        "folder": lambda: load_samples(tmp_path),
        "file as root": lambda: load_samples(str(file)),
        "manifest": lambda: load_samples("elsewhere", file),
    }[how]()
    assert rows(samples) == {"fake/b.png": 1, "real/a.png": 0, "real/c.png": 0}
    assert samples.columns == {
        "group": ["g1", "", "g1"],
        "split": ["train", "val", "test"],
        "source": ["gan", "", "cam"],
        "age": ["31", "", "7"],
        "licence": ["CC0", "a, b", ""],
    }
    assert samples.groups() == ["g1", "real/a.png", "g1"]
    assert samples.layout == "manifest manifest.csv"
    assert all(os.path.isfile(samples.file(i)) for i in range(3))


def test_manifest_in_the_root_wins_over_class_folders(tmp_path):
    touch(tmp_path, "real/a.png", "fake/b.png")
    write(tmp_path, "path,label\nreal/a.png,fake\nfake/b.png,real\n")
    assert rows(load_samples(tmp_path)) == {"real/a.png": 1, "fake/b.png": 0}


@pytest.mark.parametrize(("name", "base"), [("lists/m.csv", "lists"), ("lists/m.csv", "root")])
def test_relative_paths_start_from_the_manifest_or_from_the_root(name, base, tmp_path):
    touch(tmp_path / base, "x.png", "y.png")
    file = write(tmp_path / "lists", "path,label\nx.png,0\ny.png,1\n", "m.csv")
    samples = load_samples(tmp_path / "root", file)
    assert samples.file(0) == str(tmp_path / base / "x.png")


def test_manifest_beside_files_prefers_its_own_folder(tmp_path):
    touch(tmp_path / "lists", "x.png")
    touch(tmp_path / "root", "x.png")
    file = write(tmp_path / "lists", "path,label\nx.png,0\ny.png,1\n", "m.csv")
    assert load_samples(tmp_path / "root", file).root == tmp_path / "lists"


@pytest.mark.parametrize("missing", ["a.png", "y.png"])
def test_a_missing_file_does_not_decide_where_the_others_lie(missing, tmp_path):
    touch(tmp_path / "root", *{"a.png", "x.png", "y.png"} - {missing})
    file = write(tmp_path / "lists", "path,label\na.png,0\nx.png,0\ny.png,1\n", "m.csv")
    assert load_samples(tmp_path / "root", file).root == tmp_path / "root"


def test_nothing_found_is_looked_for_beside_the_manifest(tmp_path):
    far = f"{tmp_path}/root/far.png,0\n"
    file = write(tmp_path / "lists", f"path,label\n{far}x.png,0\ny.png,1\n", "m.csv")
    assert load_samples(tmp_path / "root", file).root == tmp_path / "lists"


def test_one_file_by_two_names_is_refused(tmp_path, monkeypatch):
    file = write(tmp_path / "lists", f"path,label\nx.png,0\ny.png,0\n{tmp_path}/lists/x.png,1\n", "m.csv")
    said = rf"line 4: {tmp_path}/lists/x\.png stands twice, first in line 2 as x\.png"
    monkeypatch.chdir(tmp_path)
    for name in (file, "lists/m.csv"):
        with pytest.raises(DataLayoutError, match=said):
            load_samples(name)


def test_absolute_paths_stay(tmp_path):
    touch(tmp_path / "far", "x.png")
    file = write(tmp_path / "lists", f"path,label\n{tmp_path}/far/x.png,0\n{tmp_path}/far/y.png,1\n", "m.csv")
    assert load_samples("data", file).file(0) == str(tmp_path / "far" / "x.png")


BAD_MANIFESTS = {
    "empty file": ("", ["no column label or path", "found nothing"]),
    "header alone": ("path,label\n", ["no row"]),
    "blank lines alone": ("path,label\n\n\n", ["no row"]),
    "no label": ("path,klass\na,0\n", ["no column label", "path, klass"]),
    "no path": ("file,label\na,0\n", ["no column path", "file, label"]),
    "semicolons": ("path;label\na;0\n", ["no column label or path", "path;label", "parted by semicolons"]),
    "tabs": ("path\tlabel\na\t0\n", ["no column label or path", "parted by tabs, not by commas"]),
    "column twice": ("path,label,Label\na,0,0\n", ["twice"]),
    "too few fields": ("path,label,group\na,0,g\nb,1\n", ["line 3", "2 fields, 3 expected"]),
    "too many fields": ("path,label\na,0\n\nb,1,x,y\n", ["line 4", "4 fields, 2 expected"]),
    "bad label": ("path,label\na,0\nb,2\n", ["line 3: label '2'", "real (0)", "fake (1)"]),
    "empty label": ("path,label\na,\n", ["line 2: label ''"]),
    "bad split": ("path,label,split\na,0,train\nb,1,dev\n", ["line 3: split 'dev'", "train, val, test"]),
    "empty split": ("path,label,split\na,0,train\nb,1,\n", ["line 3: split ''"]),
    "path twice": ("path,label\na,0\nb,1\n a ,1\n", ["line 4: a stands twice, first in line 2"]),
    "path twice, other slash": ("path,label\nx/a,0\nb,1\nx\\a,1\n", ["x/a stands twice"]),
    "path twice, by a detour": ("path,label\nx/a,0\nb,1\n./x//y/../a,1\n", ["x/a stands twice"]),
    "bad label below an empty line": ("path,label\na,0\n\nb,2\n", ["line 4: label '2'"]),
    "bad label below a broken line": ('path,label,note\na,0,"x\ny"\nb,2,\n', ["line 4: label '2'"]),
    "bad split below a broken line": ('path,label,note,split\na,0,"x\ny",val\nb,1,,dev\n', ["line 4: split 'dev'"]),
    "too few fields below a broken line": ('path,label,note\na,0,"x\ny"\nb,1\n', ["line 4: 2 fields"]),
    "path twice below an empty line": ("path,label\n\na,0\nb,1\na,1\n", ["line 5: a stands twice, first in line 3"]),
    "empty path": ("path,label\na,0\n,1\n", ["line 3: no path"]),
    "one class": ("path,label\na,1\nb,fake\n", ["every row is fake", "both"]),
}


@pytest.mark.parametrize(("text", "said"), BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_bad_manifest_says_where_and_why(text, said, tmp_path):
    file = write(tmp_path, text)
    with pytest.raises(DataLayoutError) as caught:
        load_samples(file)
    for words in [str(file), *said]:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("path,label\né,0\nb,1\n".encode("latin-1"), "not UTF-8.*CSV UTF-8"),
        ("path,label\na,0\n".encode("utf-16"), "not UTF-8.*CSV UTF-8"),
        ("path,label\na,0\n".encode("utf-16-le"), "no column label or path|cannot be read"),
        (b"path\0", "no column label or path|cannot be read"),
    ],
    ids=["latin-1", "utf-16", "utf-16 without a mark", "zero byte"],
)
def test_manifest_that_is_no_utf8_text(data, said, tmp_path):
    (tmp_path / "m.csv").write_bytes(data)
    with pytest.raises(DataLayoutError, match=rf"m\.csv.*({said})"):
        load_samples(tmp_path / "m.csv")


def test_columns_that_are_empty_throughout_say_nothing(tmp_path):
    """As `dfdetect audit` writes them where nothing is known; own columns are kept."""
    file = write(tmp_path, "path,label,group,split,source,note\na,0,,,,\nb,1,, ,,\n")
    assert load_samples(file).columns == {"note": ["", ""]}


@pytest.mark.slow
def test_a_manifest_of_a_million_rows(tmp_path):
    count, parts = 1_000_000, ("train", "val", "test")
    with open(tmp_path / "m.csv", "w") as stream:
        stream.write("path,label,group,split\n")
        stream.writelines(f"photos/{i:07d}.jpg,{i % 2},video{i // 20},{parts[i // 20 % 3]}\n" for i in range(count))
    samples = load_samples(tmp_path / "m.csv")
    assert len(samples) == count
    assert int(samples.labels.sum()) == count // 2
    assert len(set(samples.groups())) == count // 20
    with open(tmp_path / "m.csv", "a") as stream:
        stream.write("photos/0500000.jpg,1,video25000,train\n")
    with pytest.raises(DataLayoutError, match=r"photos/0500000\.jpg stands twice"):
        load_samples(tmp_path / "m.csv")


def test_missing_manifest(tmp_path):
    with pytest.raises(DataLayoutError, match=r"no-such\.csv: the manifest cannot be read"):
        load_samples(tmp_path, tmp_path / "no-such.csv")


def test_select_keeps_rows_together():
    samples = table(["a", "b", "c"], [0, 1, 0], group=["x", "y", "z"])
    chosen = samples.select(np.array([2, 0]))
    assert chosen.paths == ["c", "a"]
    assert chosen.labels.tolist() == [0, 0]
    assert chosen.columns == {"group": ["z", "x"]}
    assert samples.column("source") == ["", "", ""]
    assert len(samples.select(np.array([], np.intp))) == 0


def test_images_to_predict(tmp_path):
    touch(tmp_path, "b.png", "x/a.JPG", "x/.h.png", "notes.txt")
    samples = list_images(tmp_path)
    assert samples.paths == ["b.png", "x/a.JPG"]
    one = list_images(tmp_path / "b.png")
    assert (len(one), one.file(0)) == (1, str(tmp_path / "b.png"))


@pytest.mark.parametrize(("name", "said"), [("nowhere", "no such folder"), ("empty", "no image.*jpg")])
def test_nothing_to_predict(name, said, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataLayoutError, match=said):
        list_images(tmp_path / name)
