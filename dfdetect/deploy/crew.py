"""Many files over a few threads: answers in order, a bounded number in hand, and none that hangs stops the others."""

import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import Generic, TypeVar

from dfdetect.errors import DecodeError, DFDetectError

Task = TypeVar("Task")
Result = TypeVar("Result")
Work = Callable[[Task, Callable[[], None]], Result]
"""Does one task; calls its second argument between its steps."""

IN_HAND = 64
"""Tasks between the first that is not done and the last that was begun."""
_MOST_HANGING = 32
_LOOK_S, _FAREWELL_S = 0.5, 2.0
_THREAD = "scan"


class _Job(Generic[Task, Result]):
    """A task on its way. `beat` is when it last gave a sign of life, None before it begins."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.thread = 0
        self.beat: float | None = None
        self.queued: tuple[float, float] | None = None
        self.result: Result | None = None
        self.error: DFDetectError | None = None
        self.done = False

    def silence(self) -> float:
        """Seconds since the last sign of life, without those that its thread waited for a processor (on Linux).

        On a machine that is busy with other work a thread hardly runs, and does not hang.
        """
        beat, now = self.beat, time.monotonic()
        if beat is None or now - beat < _LOOK_S:
            return 0.0
        if self.queued is None or self.queued[0] != beat:
            self.queued = beat, _queued_s(self.thread)
        return now - beat - (_queued_s(self.thread) - self.queued[1])


class Crew(Generic[Task, Result]):
    """Threads that work through tasks.

    A thread cannot be stopped, so one whose task gives no sign of life for `limit_s` is left to itself: its task is
    answered by `give_up` and another thread takes its place. The process does not wait for it at its end.

    Args:
        work: called in the threads; the function it is given raises when the pass is stopped. A `DecodeError` and any
            unexpected error are answered by `give_up`; any other `DFDetectError` (a broken model) ends the pass.
        give_up: makes the result of a task that could not be done, from the cause.
        threads: at work at once.
        limit_s: seconds between two signs of life.
    """

    def __init__(
        self, work: Work[Task, Result], give_up: Callable[[Task, str], Result], threads: int, limit_s: float
    ) -> None:
        self._work, self._give_up, self._threads, self._limit_s = work, give_up, threads, limit_s
        self._waiting: SimpleQueue[_Job[Task, Result] | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._hanging, self._stopped = 0, False
        self._jobs: deque[_Job[Task, Result]] = deque()
        self._all_drawn, self._drawing_failed = False, list[Exception]()
        self._running: set[_Job[Task, Result]] = set()
        self._started: list[threading.Thread] = []

    def run(self, tasks: Iterable[Task]) -> Generator[Result]:
        """Results in the order of their tasks, as soon as each can be given; `tasks` are drawn by a thread of its own.

        So a result does not wait for the next task, which may come whenever somebody types it.
        """
        for _ in range(self._threads):
            self._start_thread()
        threading.Thread(target=self._draw, args=(tasks,), name="scan's tasks", daemon=True).start()
        try:
            while (job := self._first_done()) is not None:
                if job.error is not None:
                    raise job.error
                assert job.result is not None  # noqa: S101 - done and no error
                yield job.result
        finally:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            for _ in range(self._threads):
                self._waiting.put(None)
            self._finish_up()

    def _draw(self, tasks: Iterable[Task]) -> None:
        """Take tasks in hand while there is room."""
        try:
            upcoming = iter(tasks)
            while self._wait_for_room():
                try:
                    job: _Job[Task, Result] = _Job(next(upcoming))
                except StopIteration:
                    return
                with self._changed:
                    self._jobs.append(job)
                self._waiting.put(job)
        except Exception as error:  # of whoever lists them: raised where the results are awaited
            self._drawing_failed.append(error)
        finally:
            with self._changed:
                self._all_drawn = True
                self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        """Wait until another task may be taken in hand; False once the pass is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._jobs) < IN_HAND)
            return not self._stopped

    def _first_done(self) -> _Job[Task, Result] | None:
        """The first job in hand, as soon as it is done; None after the last."""
        with self._changed:
            while not (self._jobs and self._jobs[0].done):
                if self._all_drawn and not self._jobs:
                    if self._drawing_failed:
                        raise self._drawing_failed[0]
                    return None
                self._changed.wait(_LOOK_S)
                self._leave_hanging()
            self._changed.notify_all()
            return self._jobs.popleft()

    def _leave_hanging(self) -> None:
        """Answer for jobs that show no sign of life; called with the lock held."""
        for job in [one for one in self._running if one.silence() > self._limit_s]:
            self._running.discard(job)
            job.result, job.done = self._give_up(job.task, f"not finished: no answer for {self._limit_s:g} s"), True
            self._hanging += 1
            if self._hanging > _MOST_HANGING:
                raise DFDetectError(f"{self._hanging} files gave no answer for {self._limit_s:g} s: is the disk there?")
            self._start_thread()

    def _finish_up(self) -> None:
        """Let threads close what they write; one that hangs is not waited for long."""
        until = time.monotonic() + _FAREWELL_S
        for thread in self._started[-self._threads :]:
            thread.join(max(0.0, until - time.monotonic()))

    def _start_thread(self) -> None:
        self._started.append(threading.Thread(target=self._loop, name=_THREAD, daemon=True))
        self._started[-1].start()

    def _loop(self) -> None:
        while (job := self._waiting.get()) is not None and not self._stopped:
            job.thread, job.beat = threading.get_native_id(), time.monotonic()
            with self._changed:
                self._running.add(job)
            result, error = self._attempt(job)
            with self._changed:
                if job.done:  # given up meanwhile, and another thread works in this one's place
                    return
                self._running.discard(job)
                job.result, job.error, job.done = result, error, True
                self._changed.notify_all()

    def _attempt(self, job: _Job[Task, Result]) -> tuple[Result | None, DFDetectError | None]:
        def beat() -> None:
            job.beat = time.monotonic()
            if self._stopped:
                raise InterruptedError("stopped")

        try:
            return self._work(job.task, beat), None
        except DecodeError as error:
            return self._give_up(job.task, error.cause), None
        except DFDetectError as error:
            return None, error
        except MemoryError:
            return self._give_up(job.task, "not enough memory"), None
        except Exception as error:  # one bad file never stops a scan, whatever a library makes of it
            return self._give_up(job.task, f"unexpected {type(error).__name__}: {error}"), None


def leave_hanging_threads(code: int) -> None:
    """Have this process end at once, with an exit code, at its end if threads of a crew are still at work then.

    One that is in the midst of a library's code would otherwise be torn out of it, and take the process down.
    """

    def end() -> None:
        if _at_work():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    if _at_work():
        atexit.register(end)


def _at_work() -> bool:
    return any(thread.name == _THREAD for thread in threading.enumerate())


def _queued_s(thread: int) -> float:
    """Seconds that a thread of this process was ready to run and waited for a processor; 0 where nobody counts them."""
    try:
        with open(f"/proc/self/task/{thread}/schedstat", "rb") as stream:
            return int(stream.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
