import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dfdetect.errors import RequestError
from dfdetect.web import jobs
from dfdetect.web.jobs import Pool


@contextmanager
def pool(threads: int = 2, queue: int = 4, seconds: float = 5.0) -> Iterator[Pool]:
    made = Pool(threads, queue, seconds)
    try:
        yield made
    finally:
        made.close()


def test_results_and_errors_come_back():
    def fail(beat):
        raise RequestError("unreadable", "no picture")

    with pool() as workers:
        good, bad = workers.submit([lambda beat: 7, fail])
        assert good.future.result(5) == 7
        with pytest.raises(RequestError, match="no picture"):
            bad.future.result(5)


def test_all_works_are_taken_or_none():
    gate = threading.Event()
    with pool(threads=1, queue=2) as workers:
        workers.submit([lambda beat: gate.wait(5)])
        _until(lambda: workers.running == 1)
        with pytest.raises(RequestError, match="2 files wait already") as refused:
            workers.submit([lambda beat: 0] * 3)
        assert refused.value.kind == "queue_full"
        assert workers.waiting == 0
        assert len(workers.submit([lambda beat: 0] * 2)) == 2
        gate.set()


def test_idle_threads_count_as_room():
    with pool(threads=2, queue=0) as workers:
        assert [job.future.result(5) for job in workers.submit([lambda beat: 1] * 2)] == [1, 1]
        with pytest.raises(RequestError, match="more than 2 files") as refused:
            workers.submit([lambda beat: 1] * 3)
        assert refused.value.kind == "too_many_files", "trying again would help nobody"


def test_work_ends_at_its_next_step_when_its_time_is_over():
    def slow(beat):
        while True:
            beat()
            time.sleep(0.01)

    with pool(threads=1, seconds=0.2) as workers:
        [job] = workers.submit([slow])
        with pytest.raises(RequestError, match="time limit") as late:
            job.future.result(5)
        assert late.value.kind == "timed_out"
        assert workers.hanging == 0
        assert workers.submit([lambda beat: 3])[0].future.result(5) == 3


def test_what_waits_too_long_never_begins():
    gate, begun = threading.Event(), []
    with pool(threads=1, seconds=0.3) as workers:
        workers.submit([lambda beat: gate.wait(5)])
        _until(lambda: workers.running == 1)
        [job] = workers.submit([lambda beat: begun.append(1)])
        with pytest.raises(RequestError, match="time limit"):
            job.future.result(5)
        gate.set()
        _until(lambda: workers.running == 0)
        assert begun == []


def test_a_hanging_thread_is_replaced_and_comes_back_uncounted(monkeypatch):
    monkeypatch.setattr(jobs, "_GRACE_S", 0.1)
    gate = threading.Event()
    with pool(threads=1, seconds=0.2) as workers:
        [job] = workers.submit([lambda beat: gate.wait(10)])
        with pytest.raises(RequestError, match="time limit"):
            job.future.result(5)
        assert workers.hanging == 1
        assert workers.submit([lambda beat: 5])[0].future.result(5) == 5
        gate.set()
        _until(lambda: workers.hanging == 0)
        assert workers.submit([lambda beat: 6])[0].future.result(5) == 6


def test_with_too_many_hanging_threads_nothing_is_taken_on(monkeypatch):
    monkeypatch.setattr(jobs, "_GRACE_S", 0.1)
    monkeypatch.setattr(jobs, "MOST_HANGING", 1)
    gate = threading.Event()
    with pool(threads=2, seconds=0.2) as workers:
        workers.submit([lambda beat: gate.wait(10)] * 2)
        _until(lambda: workers.hanging == 2)
        with pytest.raises(RequestError, match="stuck") as refused:
            workers.submit([lambda beat: 0])
        assert refused.value.kind == "unavailable"
        assert workers.stuck
        gate.set()
        _until(lambda: workers.hanging == 0)
        both = threading.Barrier(2, timeout=5)  # passed only if two are at work again
        for job in workers.submit([lambda beat: both.wait()] * 2):
            job.future.result(5)


def test_many_that_wait_too_long_harm_no_thread():
    gate = threading.Event()
    with pool(threads=2, queue=2000, seconds=0.2) as workers:
        workers.submit([lambda beat: gate.wait(5)] * 2)
        _until(lambda: workers.running == 2)
        late = workers.submit([lambda beat: 0] * 2000)
        time.sleep(0.2)
        gate.set()  # the threads and the watchdog reach for the same jobs
        for job in late:
            with pytest.raises(RequestError, match="time limit"):
                job.future.result(5)
        both = threading.Barrier(2, timeout=5)
        for job in workers.submit([lambda beat: both.wait()] * 2):
            job.future.result(5)


def test_abandoned_work_gives_its_place_back_and_ends():
    gate, ended = threading.Event(), threading.Event()

    def endless(beat):
        gate.set()
        try:
            while True:
                beat()
                time.sleep(0.01)
        finally:
            ended.set()

    with pool(threads=1, queue=1) as workers:
        [running] = workers.submit([endless])
        assert gate.wait(5)
        [waiting] = workers.submit([lambda beat: 0])
        waiting.abandon()
        assert workers.waiting == 0
        running.abandon()
        assert ended.wait(5)


def test_closing_finishes_what_was_taken_on():
    with pool(threads=1, queue=4) as workers:
        taken = workers.submit([lambda beat: time.sleep(0.05)] * 3)
        workers.close()
        with pytest.raises(RequestError, match="stopping"):
            workers.submit([lambda beat: 0])
        for job in taken:
            job.future.result(5)


def test_an_unexpected_error_is_logged_and_says_nothing(caplog):
    with pool() as workers:
        [job] = workers.submit([lambda beat: 1 // 0])
        with pytest.raises(RequestError, match="could not be judged") as failed:
            job.future.result(5)
    assert failed.value.kind == "internal"
    assert "division" not in str(failed.value)
    assert "ZeroDivisionError" in caplog.text


def test_memory_that_runs_out_is_said():
    def greedy(beat):
        raise MemoryError

    with pool() as workers, pytest.raises(RequestError, match="not enough memory"):
        workers.submit([greedy])[0].future.result(5)


def _until(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)
