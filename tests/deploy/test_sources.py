"""What a scan looks at, in which order, and how odd names are shown."""

import io
import os
import sys
import threading
import tracemalloc

import pytest

from dfdetect.deploy.sources import Sources, holds_video, is_playlist, is_video, natural, shown
from tests.data.helpers import touch
from tests.fuzz_seeds import image_seeds, video_seeds

posix = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


def paths(*named, **options):
    return [one.path for one in Sources(named, **options)]


def test_folders_in_natural_order_at_any_depth(tmp_path):
    touch(tmp_path, "10.jpg", "9.jpg", "C.png", "a.mp4", "b2/x.JPG", "b2/deep/er/y.webm", "b10/z.gif")
    touch(tmp_path, "notes.txt", "b2/more.txt", "README", "__MACOSX/a.jpg", ".h.jpg", ".g/a.jpg")
    sources = Sources([str(tmp_path)])
    found = [os.path.relpath(one.path, tmp_path) for one in sources]
    assert found == ["9.jpg", "10.jpg", "a.mp4", "b2/deep/er/y.webm", "b2/x.JPG", "b10/z.gif", "C.png"]
    assert sources.passed_over == {".txt": 2, "": 1}


def test_named_files_are_taken_whatever_their_ending(tmp_path):
    touch(tmp_path, "a.txt")
    assert paths(str(tmp_path / "a.txt"), "missing.jpg") == [str(tmp_path / "a.txt"), "missing.jpg"]


@posix
def test_a_folder_deeper_than_a_path_may_be_long_is_a_row(tmp_path, monkeypatch):
    touch(tmp_path, "last.jpg")
    monkeypatch.chdir(tmp_path)
    for _ in range(25):
        os.mkdir("d" * 200)
        monkeypatch.chdir("d" * 200)
    first, second = Sources([str(tmp_path)])
    assert first.problem == "folder cannot be listed (File name too long)"
    assert second.path == str(tmp_path / "last.jpg")
    for _ in range(25):
        monkeypatch.chdir("..")
        os.rmdir("d" * 200)


@posix
def test_links_round_in_a_circle_are_named_and_the_others_followed(tmp_path):
    touch(tmp_path, "set/a.jpg", "other/b.jpg")
    os.symlink("..", tmp_path / "set" / "up")
    os.symlink(".", tmp_path / "set" / "here")
    os.symlink(tmp_path / "other", tmp_path / "set" / "there")
    os.symlink("self", tmp_path / "set" / "self.jpg")
    found = {os.path.relpath(one.path, tmp_path / "set"): one.problem for one in Sources([str(tmp_path / "set")])}
    assert found.pop("a.jpg") == found.pop("there/b.jpg") == found.pop("self.jpg") == ""
    assert sorted(found) == ["here", "up"]
    assert all("leads round in a circle" in problem for problem in found.values())


def test_a_folder_that_cannot_be_listed_is_a_row(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def refuse(folder):
        if os.path.basename(folder) == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    first, second = Sources([str(tmp_path)])
    assert (os.path.basename(first.path), first.problem) == ("a", "folder cannot be listed (Permission denied)")
    assert second.path.endswith("2.jpg")


def test_lists_and_standard_input(tmp_path, monkeypatch):
    touch(tmp_path, "in/1.jpg", "in/2.jpg")
    (tmp_path / "list.txt").write_bytes(b"a.jpg\r\n\nb c.jpg\n" + os.fsencode(tmp_path / "in") + b"\nnot-\xff.jpg")
    expected = ["a.jpg", "b c.jpg", str(tmp_path / "in" / "1.jpg"), str(tmp_path / "in" / "2.jpg"), "not-\udcff.jpg"]
    assert paths(lists=[str(tmp_path / "list.txt")]) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x\ny.jpg\0z.jpg\0\0last")))
    assert paths("first", "-", "end", separator="\0") == ["first", "x\ny.jpg", "z.jpg", "last", "end"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\nb.jpg\n")))
    assert paths("first", lists=["-"]) == ["first", "a.jpg", "b.jpg"]
    (missing,) = Sources([], lists=["missing.txt"])
    assert missing.problem == "list cannot be read (No such file or directory)"


def test_the_pass_is_a_stream(tmp_path, monkeypatch):
    """A path is there as soon as it is written: a list may be a pipe that goes on for days."""
    for separator in ("\n", "\0"):
        read, write = os.pipe()
        with open(read) as stdin, open(write, "wb", buffering=0) as pipe:
            monkeypatch.setattr(sys, "stdin", stdin)
            stream = iter(Sources(["-"], separator=separator))
            for name in ("0.jpg", "1.jpg"):
                pipe.write(f"{name}{separator}".encode())
                assert next(stream).path == name


def test_standard_input_that_is_not_waited_for(monkeypatch):
    """A parent process may have set its pipe so; it has no more for now, and not no more at all."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with open(read) as stdin, open(write, "wb", buffering=0) as pipe:
        monkeypatch.setattr(sys, "stdin", stdin)

        def write_later():
            pipe.write(b"a.jpg\nb")
            pipe.close()

        later = threading.Timer(0.2, write_later)
        later.start()
        assert paths("-") == ["a.jpg", "b"]
        later.join()


def test_of_a_folder_only_names_are_held(tmp_path):
    touch(tmp_path, *(f"photo-{i}.jpg" for i in range(3000)))
    tracemalloc.start()
    found = sum(1 for _ in Sources([str(tmp_path)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == 3000
    assert peak / found < 300, "bytes a file"


def test_natural_order():
    names = ["img10", "IMG2", "img2", "a", "img02", "img1b", "1", "x" + "9" * 5000]
    assert sorted(names, key=natural) == ["1", "a", "img1b", "IMG2", "img02", "img2", "img10", "x" + "9" * 5000]


@pytest.mark.parametrize("name", sorted(image_seeds()))
def test_images_are_no_videos(name, tmp_path):
    assert not holds_video(image_seeds()[name][:400])
    file = tmp_path / "wrong.mp4"
    file.write_bytes(image_seeds()[name])
    assert not is_video(str(file))


@pytest.mark.parametrize("name", sorted(video_seeds()))
def test_videos_are_told_by_their_content(name, tmp_path):
    assert holds_video(video_seeds()[name][:400])
    file = tmp_path / "wrong.jpg"
    file.write_bytes(video_seeds()[name])
    assert is_video(str(file))


def test_playlists_and_missing_files_are_no_videos(tmp_path):
    for text in (b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", b"ffconcat version 1.0\nfile a\n", b"v=0\n"):
        (tmp_path / "a.mp4").write_bytes(text)
        assert not is_video(str(tmp_path / "a.mp4"))
    assert not is_video("missing.mp4")
    assert not is_video(str(tmp_path))


@pytest.mark.parametrize("text", [
    b"#EXTM3U\nhttp://127.0.0.1/a.ts\n",
    b"\xef\xbb\xbf#EXTM3U\n\0",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"[playlist]\nFile1=a.mp4\n",
    b'<?xml version="1.0"?>\n<!-- made by hand --> <MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
    b'<asx version="3.0">',
])  # fmt: skip
def test_playlists_are_told_by_their_content(text, tmp_path):
    (tmp_path / "a.mp4").write_bytes(text)
    assert is_playlist(str(tmp_path / "a.mp4"))


def test_what_is_no_playlist(tmp_path):
    for content in (b"", b"notes on #EXTM3U", b"<html>", *image_seeds().values(), *video_seeds().values()):
        (tmp_path / "a.mp4").write_bytes(content)
        assert not is_playlist(str(tmp_path / "a.mp4"))
    assert not is_playlist("missing.mp4")


def test_names_cannot_play_with_the_terminal():
    assert shown("plain-ümlaut-😀.jpg") == "plain-ümlaut-😀.jpg"
    assert shown("a\nb\x1b[31m\u202e\udcff\x00") == r"a\nb\x1b[31m\u202e\udcff\x00"
