"""How many pixels are in hand at once."""

import threading
import time

import pytest

from dfdetect.deploy import room as module
from dfdetect.deploy.room import Room


def held(room, pixels, entered, leave, beat=lambda: None):
    def hold():
        with room.place(beat) as wait:
            wait(pixels)
            entered.append(pixels)
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    return thread


def settle(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("did not come about")


def test_first_come_first_served_as_far_as_they_fit():
    room, entered = Room(100), list[int]()
    leave = {pixels: threading.Event() for pixels in (60, 30, 90, 5)}
    threads = []
    for pixels in leave:  # 5 would fit beside 60 and 30, but 90 came before it
        threads.append(held(room, pixels, entered, leave[pixels]))
        settle(lambda: len(entered) + len(room._queue) == len(threads))
    assert entered == [60, 30]
    leave[60].set()
    time.sleep(0.1)
    assert entered == [60, 30]
    leave[30].set()
    settle(lambda: entered == [60, 30, 90, 5])
    for event in leave.values():
        event.set()
    for thread in threads:
        thread.join()
    assert not room._held
    assert not room._queue


def test_a_picture_larger_than_the_room_is_in_it_alone():
    room, entered, leave = Room(100), list[int](), threading.Event()
    first = held(room, 500, entered, leave)
    settle(lambda: entered == [500])
    second = held(room, 1, entered, leave)
    time.sleep(0.1)
    assert entered == [500]
    leave.set()
    first.join()
    second.join()
    assert entered == [500, 1]


def test_waiting_shows_life_and_can_be_ended(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    room, beats = Room(100), []

    def beat():
        beats.append(1)
        if len(beats) == 3:
            raise InterruptedError("stopped")

    with room.place() as wait:
        wait(100)
        with pytest.raises(InterruptedError), room.place(beat) as second:
            second(1)
    assert len(beats) == 3
    with room.place() as third:
        third(100)


def test_what_hangs_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.01)
    monkeypatch.setattr(module, "_FORGOTTEN_S", 0.05)
    room = Room(100)
    with room.place() as hanging:
        hanging(100)
        with room.place() as wait:
            wait(100)
