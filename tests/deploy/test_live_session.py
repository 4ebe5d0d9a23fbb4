"""What becomes of a camera's pictures, and that a recording keeps both its pictures and its time."""

import json
import time

import numpy as np
import pytest

from dfdetect.deploy import video
from dfdetect.deploy.film import open_film
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.live_session import Session, recording
from dfdetect.deploy.photos import Settings
from dfdetect.errors import CopyError

from .standin import Standin, find_marked, marked


@pytest.fixture(autouse=True)
def marked_faces(monkeypatch):
    monkeypatch.setattr(video, "search", find_marked)


def ground(*boxes):
    return marked(np.full((240, 320, 3), 90, np.uint8), *boxes)


def levels(path):
    with open_film(str(path)) as film:
        return [int(image.mean()) for _, image in film.frames(lambda s: True) if image is not None], film.rate


def test_each_picture_is_judged_or_followed_drawn_and_posted():
    board, detector = Board(), Standin()
    session = Session(Settings(detector, "m"), board)
    for i in range(51):
        image = ground((20 + i, 60, 80, 210))
        plain = image.copy()
        session.take(image, i / 25)
        assert (image != plain).any()
        assert (board.picture(i, 0) or (0, b""))[0] == i + 1
    assert (session.pictures, session.seconds, session.size) == (51, 2.0, (320, 240))
    assert session.watcher.judged == len(detector.batches) == 11
    state = json.loads(board.state())
    assert state["rate"] == pytest.approx(25)
    assert (state["seconds"], state["judged"]) == (2.0, 11)
    (only,) = state["faces"]
    assert only == {
        "number": 1, "inView": True, "verdict": "fake", "pFake": pytest.approx(210 / 255, abs=0.02), "reason": "",
        "frames": 11,
    }  # fmt: skip


def test_judging_that_takes_long_takes_half_of_the_time_at_most():
    class Slow(Standin):
        def judge(self, batch):
            time.sleep(0.3)
            return super().judge(batch)

    detector = Slow()
    session = Session(Settings(detector, "m"), Board())
    for i in range(51):
        session.take(ground((20, 60, 80, 210)), i / 25)
    assert 3 <= len(detector.batches) <= 4  # of 2 s, each 0.3 s


def test_a_steady_camera_is_recorded_picture_by_picture(tmp_path):
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, 40)
    with recording(tmp_path, "0", (64, 48), 20.0) as (path, write):
        for i in range(40):
            write(np.full((48, 64, 3), 5 * i, np.uint8), max(0.0, i / 20 + jitter[i]))
    assert path == tmp_path / "camera-0.mp4"
    shown, rate = levels(path)
    assert rate == 20
    assert shown == pytest.approx([5 * i for i in range(40)], abs=4)


def test_a_camera_that_pauses_is_shown_still_and_one_faster_than_it_said_loses_nothing(tmp_path):
    with recording(tmp_path, "0", (64, 48), 20.0) as (path, write):
        for seconds, value in ((0.0, 50), (0.05, 100), (2.0, 200)):
            write(np.full((48, 64, 3), value, np.uint8), seconds)
    shown, _ = levels(path)
    assert 36 <= len(shown) <= 41
    assert shown == pytest.approx([50, *[100] * (len(shown) - 2), 200], abs=4)
    with recording(tmp_path, "0", (64, 48), 20.0) as (path, write):
        for i in range(30):
            write(np.full((48, 64, 3), 8 * i, np.uint8), i / 60)
    assert path.name == "camera-0-2.mp4"
    assert levels(path)[0] == pytest.approx([8 * i for i in range(30)], abs=4)


def test_a_camera_that_changes_its_size_is_fitted(tmp_path):
    with recording(tmp_path, "a/clip.mp4", (64, 48), 20.0) as (path, write):
        write(np.full((48, 64, 3), 50, np.uint8), 0.0)
        write(np.full((96, 128, 3), 150, np.uint8), 0.05)
    assert path.name == "camera-clip.mp4"
    assert levels(path)[0] == pytest.approx([50, 150], abs=4)


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(CopyError, match=r"file/camera-0: cannot be written"),
        recording(tmp_path / "file", "0", (64, 48), 20.0),
    ):
        pass
