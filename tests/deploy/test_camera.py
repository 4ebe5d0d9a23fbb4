"""A camera's pictures, from a file that is played and from a driver that is made up."""

import contextlib
import os
import threading
import time

import numpy as np
import pytest

from dfdetect.deploy import camera
from dfdetect.deploy.camera import Feed, open_camera
from dfdetect.deploy.film import annotated_copy
from dfdetect.errors import CameraError, DecodeError

NEVER = threading.Event()


class Driver:
    """Stands in for `cv2.VideoCapture`: blue pictures, 200 a second, until it is unplugged."""

    def __init__(self, count, opened=True, hangs=False):
        self.count, self.opened, self.hangs = count, opened, hangs
        self.released, self.threads = 0, set()

    def __call__(self, number):
        self.threads.add(threading.get_ident())
        return self

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.opened

    def get(self, what):
        return 0.0

    def read(self):
        self.threads.add(threading.get_ident())
        if self.count == 0:
            while self.hangs:
                time.sleep(0.01)
            return False, None
        self.count -= 1
        time.sleep(0.005)
        return True, np.full((24, 32, 3), (200, 0, 0), np.uint8)

    def release(self):
        self.threads.add(threading.get_ident())
        self.released += 1


@pytest.fixture
def driver(monkeypatch):
    def make(count, **how):
        made = Driver(count, **how)
        monkeypatch.setattr("cv2.VideoCapture", made)
        return made

    return make


@pytest.fixture
def clip(tmp_path):
    with annotated_copy(tmp_path / "clip.mp4", (64, 48), 25.0) as write:
        for i in range(15):
            write(np.full((48, 64, 3), 10 * i, np.uint8))
    return str(tmp_path / "clip.mp4")


def test_a_file_is_played_in_real_time(clip):
    start = time.monotonic()
    with Feed(clip, keep_all=True, silence_s=5) as feed:
        came = [(seconds, time.monotonic() - start) for seconds, _ in feed.pictures(NEVER)]
    assert feed.rate == 25
    assert [seconds for seconds, _ in came] == pytest.approx([i / 25 for i in range(15)], abs=0.002)
    assert all(when >= seconds for seconds, when in came)


def test_a_cameras_pictures_are_rgb_and_all_of_it_happens_in_one_thread(driver):
    made = driver(5)
    came: list[camera.Picture] = []

    def read():
        with Feed("0", keep_all=True, silence_s=5) as feed:
            came.extend(feed.pictures(NEVER))

    with pytest.raises(CameraError, match=r"camera:0: gives no more pictures\. Is it plugged in"):
        read()
    assert [image[0, 0].tolist() for _, image in came] == [[0, 0, 200]] * 5
    times = [seconds for seconds, _ in came]
    assert times[0] == 0
    assert times == sorted(times)
    assert made.released == 1
    assert len(made.threads) == 1
    assert threading.get_ident() not in made.threads


def test_late_pictures_are_left_out_unless_all_are_wanted(driver):
    for keep_all in (True, False):
        driver(60)
        came = []
        feed = Feed("0", keep_all, silence_s=5)
        with feed, contextlib.suppress(CameraError):
            for _ in feed.pictures(NEVER):
                came.append(1)
                time.sleep(0.015)
        assert len(came) + feed.skipped == 60
        assert (feed.skipped == 0) == keep_all
        assert len(came) >= 3


def test_stopping_needs_no_picture(driver):
    made = driver(3, hangs=True)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with Feed("0", keep_all=False, silence_s=60) as feed:
        assert len(list(feed.pictures(stop))) == 3
        made.hangs = False


def test_a_camera_that_falls_silent_is_given_up(driver):
    made = driver(3, hangs=True)
    feed = Feed("0", keep_all=False, silence_s=0.3)
    with feed:
        with pytest.raises(CameraError, match=r"no picture for 0\.3 s\. Is it plugged in"):
            list(feed.pictures(NEVER))
        made.hangs = False


def test_a_driver_that_breaks_is_one_clear_error(driver):
    made = driver(1)
    made.read = lambda: 1 / 0
    feed = Feed("0", keep_all=False, silence_s=5)
    with feed, pytest.raises(CameraError, match="camera:0: unexpected ZeroDivisionError"):
        list(feed.pictures(NEVER))


def test_no_such_camera(driver):
    made = driver(0, opened=False)
    with pytest.raises(CameraError, match="camera:63: "), open_camera("63"):
        pass
    assert made.released == 1


def test_neither_playlists_nor_addresses_are_opened(tmp_path):
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.mp4\n")
    with pytest.raises(DecodeError, match="no video"), open_camera(str(tmp_path / "list.mp4")):
        pass
    for address in ("rtsp://127.0.0.1/a", "http://127.0.0.1/a.mp4", "-1", "100", "٣"):
        with pytest.raises(DecodeError, match="no such file"), open_camera(address):
            pass


@pytest.mark.skipif(os.name == "nt", reason="devices are no files there")
def test_why_a_camera_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")

    def why(number):
        return camera._why_closed(number, str(tmp_path))

    assert why(0).endswith("There is no camera at all")
    (tmp_path / "video2").touch()
    (tmp_path / "video10").touch()
    assert why(0).endswith("There are: 2, 10")
    assert "cannot be opened. Is it plugged in" in why(2)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "usermod -aG video" in why(2)
    monkeypatch.setattr("sys.platform", "darwin")
    assert "May this terminal use cameras?" in why(2)
