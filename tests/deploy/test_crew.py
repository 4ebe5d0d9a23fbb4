"""Threads: order, bounds, hangs, errors, stops."""

import hashlib
import itertools
import os
import subprocess
import sys
import threading
import time

import pytest

from dfdetect.deploy import crew
from dfdetect.deploy.crew import Crew
from dfdetect.errors import DecodeError, DFDetectError, ModelFileError


def gave_up(task, cause):
    return f"{task}: {cause}"


def run(work, tasks, threads=3, limit_s=60.0):
    return list(Crew(work, gave_up, threads, limit_s).run(tasks))


def test_results_come_in_the_order_of_their_tasks():
    def work(task, beat):
        time.sleep(0.002 * (task % 5))
        return task * task

    assert run(work, range(100)) == [n * n for n in range(100)]
    assert run(work, []) == []


def test_work_is_shared_by_threads():
    both = threading.Barrier(2, timeout=10)
    assert run(lambda task, beat: both.wait() >= 0, range(4), threads=2) == [True] * 4


def test_a_bounded_number_is_in_hand_however_many_come():
    """100,000 files must not pile up while the first one takes long."""
    drawn, begun = itertools.count(), threading.Event()
    taken = []

    def tasks():
        for number in range(100_000):
            taken.append(next(drawn))
            yield number

    def work(task, beat):
        if task == 0:
            begun.wait(10)
        return task

    results = Crew(work, gave_up, 2, 60.0).run(tasks())
    threading.Timer(0.3, begun.set).start()
    assert next(results) == 0
    assert len(taken) <= crew.IN_HAND + 1
    assert next(results) == 1
    results.close()
    assert len(taken) <= 2 * crew.IN_HAND


def test_what_hangs_is_given_up_and_others_go_on():
    stuck = threading.Event()

    def work(task, beat):
        if task in (1, 4):
            stuck.wait(30)
        return task

    start = time.monotonic()
    results = run(work, range(8), threads=1, limit_s=0.3)
    assert time.monotonic() - start < 10
    assert results == [0, "1: not finished: no answer for 0.3 s", 2, 3, "4: not finished: no answer for 0.3 s", 5, 6, 7]
    stuck.set()


def test_signs_of_life_keep_a_long_task_alive():
    def work(task, beat):
        for _ in range(10):
            time.sleep(0.1)
            beat()
        return "done"

    assert run(work, [1], threads=1, limit_s=0.6) == ["done"]


def test_too_many_that_hang_end_the_pass(monkeypatch):
    monkeypatch.setattr(crew, "_MOST_HANGING", 2)
    monkeypatch.setattr(crew, "_FAREWELL_S", 0.1)
    stuck = threading.Event()
    with pytest.raises(DFDetectError, match="is the disk there"):
        run(lambda task, beat: stuck.wait(30), range(9), threads=3, limit_s=0.1)
    stuck.set()


def test_results_do_not_wait_for_the_next_task():
    """Paths may come from a pipe whenever somebody finds one."""
    go_on = threading.Event()

    def tasks():
        yield 1
        assert go_on.wait(30)
        yield 2

    results = Crew(lambda task, beat: task, gave_up, 2, 60.0).run(tasks())
    assert next(results) == 1
    go_on.set()
    assert list(results) == [2]


def test_what_goes_wrong_with_listing_the_tasks_ends_the_pass():
    def tasks():
        yield 1
        raise OSError("the list is gone")

    results = Crew(lambda task, beat: task, gave_up, 2, 60.0).run(tasks())
    assert next(results) == 1
    with pytest.raises(OSError, match="the list is gone"):
        next(results)


def test_a_pass_that_waits_for_its_next_task_can_be_closed():
    never = threading.Event()

    def tasks():
        yield 1
        never.wait(30)

    results = Crew(lambda task, beat: task, gave_up, 2, 60.0).run(tasks())
    assert next(results) == 1
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 2
    never.set()


def test_waiting_for_a_processor_is_no_silence(monkeypatch):
    """On a machine that is busy with other work a thread may get a tenth of a processor."""
    waited = itertools.count()
    monkeypatch.setattr(crew, "_queued_s", lambda thread: next(waited) * 10.0)

    def work(task, beat):
        time.sleep(1.5)
        return "done"

    assert run(work, [1], threads=1, limit_s=0.6) == ["done"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody counts it")
def test_the_time_that_a_thread_waits_for_a_processor_is_counted():
    """A machine with threads enough: those on one processor together run as long as one alone."""
    found = {}

    def work(name):
        os.sched_setaffinity(threading.get_native_id(), {min(os.sched_getaffinity(0))})
        queued, start, used = crew._queued_s(threading.get_native_id()), time.monotonic(), time.thread_time()
        while time.thread_time() - used < 0.2:
            hashlib.sha256(bytes(1_000_000)).digest()
        waited, passed = crew._queued_s(threading.get_native_id()) - queued, time.monotonic() - start
        found[name] = passed - (time.thread_time() - used), waited

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for idle, waited in found.values():
        assert 0.1 < waited < idle + 0.1
    assert crew._queued_s(2**22 + 1) == 0.0


def test_a_process_ends_well_though_a_thread_hangs_in_a_librarys_code():
    """An interpreter that winds down would tear it out of there, which C++ answers with an abort."""
    script = """
import sys, threading, time
from dfdetect.deploy import crew
from dfdetect.deploy.crew import Crew, leave_hanging_threads
crew._FAREWELL_S = 0.1
results = Crew(lambda task, beat: time.sleep(30 * task) or "done", lambda task, cause: cause, 2, 0.5).run([0, 1])
print(list(results))
leave_hanging_threads(7)
sys.exit(3)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=25)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == "['done', 'not finished: no answer for 0.5 s']\n"


def test_errors_of_one_file_are_its_result():
    def work(task, beat):
        raise [DecodeError("x", "empty file"), MemoryError(), ZeroDivisionError("by zero")][task]

    assert run(work, range(3)) == ["0: empty file", "1: not enough memory", "2: unexpected ZeroDivisionError: by zero"]


def test_a_broken_model_ends_the_pass():
    def work(task, beat):
        raise ModelFileError("not finite")

    with pytest.raises(ModelFileError, match="not finite"):
        run(work, range(3))


def test_closing_stops_the_threads_and_lets_them_finish_what_they_write():
    ended = []

    def work(task, beat):
        try:
            for _ in range(1000):
                time.sleep(0.01)
                beat()
        finally:
            ended.append(task)
        return task

    results = Crew(lambda task, beat: task if task == 0 else work(task, beat), gave_up, 2, 60.0).run(range(50))
    assert next(results) == 0
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 2
    assert 1 <= len(ended) <= 2
