"""The newest picture for any number of viewers."""

import threading
import time

import cv2
import numpy as np

from dfdetect.deploy import live_board
from dfdetect.deploy.drawing import as_jpeg
from dfdetect.deploy.live_board import Board


def grey(value, height=48, width=64):
    return np.full((height, width, 3), value, np.uint8)


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_the_newest_picture_is_given_once_to_each():
    board = Board()
    assert board.picture(0, 0.01) is None
    for value in (50, 100, 200):
        board.post(grey(value), b"[1]" if value == 50 else None)
    number, content = board.picture(0, 0.01) or (0, b"")
    assert number == 3
    assert abs(int(decoded(content).mean()) - 200) <= 2
    assert board.picture(3, 0.01) is None
    assert board.state() == b"[1]"


def test_a_picture_is_encoded_once_for_all_viewers_and_never_without_one(monkeypatch):
    encoded = []

    def counted(image):
        encoded.append(1)
        return as_jpeg(image)

    monkeypatch.setattr(live_board, "as_jpeg", counted)
    board = Board()
    for value in range(20):
        board.post(grey(value))
    assert encoded == []
    board.post(grey(99))
    barrier, got = threading.Barrier(8), []

    def view():
        barrier.wait()
        got.append(board.picture(0, 1))

    viewers = [threading.Thread(target=view) for _ in range(8)]
    for one in viewers:
        one.start()
    for one in viewers:
        one.join()
    assert len(set(got)) == 1
    assert encoded == [1]


def test_who_waits_gets_the_next_one_or_is_let_go():
    board = Board()
    board.post(grey(1))
    got = []
    waiting = threading.Thread(target=lambda: got.append(board.picture(1, 10)))
    waiting.start()
    board.post(grey(2))
    waiting.join(5)
    assert [found and found[0] for found in got] == [2]
    waiting = threading.Thread(target=lambda: got.append(board.picture(2, 10)))
    waiting.start()
    start = time.monotonic()
    board.close()
    waiting.join(5)
    assert got[1] is None
    assert time.monotonic() - start < 5


def test_large_pictures_are_shrunk():
    board = Board()
    board.post(grey(80, 1080, 1920))
    _, content = board.picture(0, 1) or (0, b"")
    assert decoded(content).shape == (720, 1280, 3)
