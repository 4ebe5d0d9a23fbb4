"""Reading frames and times of videos, and writing annotated ones."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from dfdetect.deploy import film
from dfdetect.deploy.film import annotated_copy, free_name, open_film
from dfdetect.errors import CopyError, DecodeError
from tests.fuzz_seeds import video_seeds

WHOLE = ("mpeg4.mp4", "mpeg4.mov", "motion-jpeg.avi", "vp8.webm", "motion-jpeg.mkv", "variable-rate.mp4")


def put(folder, name, content=None):
    path = folder / name
    path.write_bytes(video_seeds()[name] if content is None else content)
    return str(path)


@pytest.mark.parametrize("name", WHOLE)
def test_frames_and_their_times(name, tmp_path):
    with open_film(put(tmp_path, name)) as opened:
        frames = list(opened.frames(lambda seconds: True))
    assert opened.size == (96, 96)
    assert opened.read == len(frames) == 12
    times = [seconds for seconds, _ in frames]
    assert times == sorted(times)
    steps = np.diff(times)
    if name == "variable-rate.mp4":
        assert steps.max() > 2.5 * steps.min()
    else:
        assert times == pytest.approx([i / 12 for i in range(12)], abs=0.002)
    for _, image in frames:
        assert image is not None
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8


def test_colours_are_rgb_and_unwanted_frames_are_not_decoded(tmp_path):
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    with annotated_copy(tmp_path / "red.mp4", (64, 64), 10.0) as write:
        for _ in range(6):
            write(red)
    with open_film(str(tmp_path / "red.mp4")) as opened:
        frames = list(opened.frames(lambda seconds: seconds > 0.25))
    assert [image is None for _, image in frames] == [True] * 3 + [False] * 3
    image = frames[-1][1]
    assert image is not None
    assert image.mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=12)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty file"),
        (b"\0\0\0\x18ftypmp42" + bytes(500), "no video, or damaged"),
        (video_seeds()["cut-in-the-middle.mp4"], "no video, or damaged"),
        (b"#EXTM3U\n#EXTINF:1,\na.mp4\n", "no video, or damaged"),
    ],
)
def test_what_is_no_video(content, cause, tmp_path):
    with pytest.raises(DecodeError) as caught, open_film(put(tmp_path, "a.mp4", content)):
        pass
    assert caught.value.cause == cause


def test_a_playlist_that_names_a_real_video_is_not_followed(tmp_path):
    put(tmp_path, "mpeg4.mp4")
    for text in (
        b"ffconcat version 1.0\nfile mpeg4.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nmpeg4.mp4\n",
    ):
        with pytest.raises(DecodeError, match="no video"), open_film(put(tmp_path, "list.mp4", text)):
            pass


def test_no_regular_file(tmp_path):
    for name, cause in [("missing.mp4", "no such file"), (".", "not a regular file")]:
        with pytest.raises(DecodeError, match=cause), open_film(str(tmp_path / name)):
            pass


def test_frames_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "MOST_PIXELS", 96 * 95)
    with pytest.raises(DecodeError, match="too large: frames of 96 x 96"), open_film(put(tmp_path, "mpeg4.mp4")):
        pass


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/not-\xff.mp4")
    Path(path).write_bytes(video_seeds()["mpeg4.mp4"])
    with open_film(path) as opened:
        assert len(list(opened.frames(lambda seconds: True))) == 12


def test_times_that_stand_still_are_counted():
    class Capture:
        left = 4

        def grab(self):
            self.left -= 1
            return self.left >= 0

        def get(self, what):
            return {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_FRAME_COUNT: -5.0}.get(what, 0.0)

    opened = film.Film("a", Capture())  # type: ignore[arg-type]
    assert [seconds for seconds, _ in opened.frames(lambda s: False)] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert (opened.count, opened.seconds) == (0, 0.0)


def test_an_annotated_copy_is_whole_even_when_stopped(tmp_path):
    path = tmp_path / "deep" / "copy.mp4"

    def stopped():
        with annotated_copy(path, (64, 48), 12.5) as write:
            for i in range(8):
                write(np.full((48, 64, 3), 20 * i, np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with open_film(str(path)) as opened:
        assert (opened.size, opened.rate) == ((64, 48), 12.5)
        assert len(list(opened.frames(lambda s: True))) == 8
    assert list(path.parent.iterdir()) == [path]


def test_a_copy_without_frames_is_none(tmp_path):
    with annotated_copy(free_name(tmp_path, "a/b.avi"), (64, 48), 12.5):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_nobody_a_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("somebody's")
    (tmp_path / "b.mp4").touch()  # claimed

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(CopyError, match="No space left"):
        free_name(tmp_path, "x/a.mp4")
    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(CopyError, match="No space left"), annotated_copy(tmp_path / "b.mp4", (64, 48), 12.5):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_copy_of_which_frames_are_missing_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "_frames_in", lambda file: 2)

    def copied():
        with annotated_copy(tmp_path / "a.mp4", (64, 48), 12.5) as write:
            for _ in range(3):
                write(np.zeros((48, 64, 3), np.uint8))

    with pytest.raises(CopyError, match="3 frames could not all be written"):
        copied()
    assert list(tmp_path.iterdir()) == []


def test_free_names(tmp_path):
    names = [free_name(tmp_path / "out", name).name for name in ("x/a.mp4", "y/a.avi", "z/b.mov", "a")]
    assert names == ["a.mp4", "a-2.mp4", "b.mp4", "a-3.mp4"]
