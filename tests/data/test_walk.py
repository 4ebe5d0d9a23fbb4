"""Files below a folder, with links that lead anywhere and folders that may not be read."""

import errno
import os
import time

import pytest

from dfdetect.data.samples import load_samples
from dfdetect.data.walk import walk
from dfdetect.errors import DataLayoutError

from .helpers import touch

links = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def test_any_depth_hidden_ones_left_out(tmp_path):
    touch(tmp_path, "a.png", "x/b.JPG", "x/y/notes.txt", ".h.png", "x/.git/c.png", "__MACOSX/d.png")
    assert sorted(walk(tmp_path, "")) == [("a.png", True), ("x/b.JPG", True), ("x/y/notes.txt", False)]
    assert sorted(walk(tmp_path, "x")) == [("x/b.JPG", True), ("x/y/notes.txt", False)]


@links
@pytest.mark.parametrize("target", ["..", ".", "../.."])
def test_links_that_lead_upwards_are_named_at_once(target, tmp_path):
    """Beside each other they would be followed 2 ** 40 times before the system gave up."""
    touch(tmp_path / "set", "real/r.png", "fake/f.png")
    for name in ("one", "two", "three"):
        os.symlink(target, tmp_path / "set" / "real" / name)
    start = time.monotonic()
    with pytest.raises(
        DataLayoutError, match=r"real.(one|two|three): cannot be followed \(link leads round in a circle\)"
    ):
        load_samples(tmp_path / "set")
    assert time.monotonic() - start < 5


@links
def test_what_cannot_be_listed_is_set_aside_where_that_is_asked_for(tmp_path, monkeypatch):
    touch(tmp_path, "a.png", "x/b.png", "secret/c.png")
    os.symlink("round", tmp_path / "round")
    os.symlink("..", tmp_path / "x" / "up")
    scandir = os.scandir

    def guarded(folder):
        if str(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    unlisted: list[tuple[str, str]] = []
    assert sorted(walk(tmp_path, "", unlisted)) == [("a.png", True), ("x/b.png", True)]
    assert sorted(unlisted) == [
        ("round", f"cannot be followed ({os.strerror(errno.ELOOP)})"),
        ("secret", "folder cannot be listed (Permission denied)"),
        ("x/up", "cannot be followed (link leads round in a circle)"),
    ]
    with pytest.raises(DataLayoutError) as caught:
        list(walk(tmp_path, ""))
    assert "Errno" not in str(caught.value)


@links
def test_a_link_round_to_itself_beside_the_classes_harms_nobody(tmp_path):
    touch(tmp_path, "real/r.png", "fake/f.png")
    os.symlink("round", tmp_path / "round")
    assert load_samples(tmp_path).paths == ["fake/f.png", "real/r.png"]


@links
def test_a_circle_over_two_links_in_two_trees(tmp_path):
    touch(tmp_path, "set/real/r.png", "set/fake/f.png", "other/x.png")
    os.symlink(tmp_path / "other", tmp_path / "set" / "fake" / "away")
    assert "fake/away/x.png" in load_samples(tmp_path / "set").paths
    os.symlink(tmp_path / "set", tmp_path / "other" / "back")
    with pytest.raises(DataLayoutError, match="circle"):
        load_samples(tmp_path / "set")


@links
def test_two_links_to_one_folder_are_no_circle(tmp_path):
    touch(tmp_path, "set/real/r.png", "set/fake/f.png", "other/x.png", "set/real/deep/d.png")
    for place in ("fake/one", "fake/two", "real/deep/three"):
        os.symlink(tmp_path / "other", tmp_path / "set" / place)
    paths = load_samples(tmp_path / "set").paths
    assert {path for path in paths if path.endswith("x.png")} == {
        "fake/one/x.png",
        "fake/two/x.png",
        "real/deep/three/x.png",
    }


@links
def test_a_root_that_is_itself_a_link(tmp_path):
    touch(tmp_path, "set/real/r.png", "set/fake/f.png")
    os.symlink(tmp_path / "set", tmp_path / "linked")
    assert load_samples(tmp_path / "linked").paths == ["fake/f.png", "real/r.png"]


@links
def test_a_dead_link_is_listed_and_found_missing_when_it_is_read(tmp_path):
    touch(tmp_path, "real/r.png", "fake/f.png")
    os.symlink(tmp_path / "gone.png", tmp_path / "real" / "dead.png")
    assert "real/dead.png" in load_samples(tmp_path).paths


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "real/r.png", "real/secret/x.png", "fake/f.png")
    scandir = os.scandir

    def guarded(folder):
        if str(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(DataLayoutError, match=r"real.secret: folder cannot be listed \(Permission denied\); mend it"):
        load_samples(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_folder_without_rights(tmp_path):
    touch(tmp_path, "real/r.png", "real/secret/x.png", "fake/f.png")
    (tmp_path / "real/secret").chmod(0)
    try:
        with pytest.raises(DataLayoutError, match="secret"):
            load_samples(tmp_path)
    finally:
        (tmp_path / "real/secret").chmod(0o755)
