"""Many files over a few threads: answers in order, a bounded number in hand, and none that hangs stops the others."""

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


class _Job(Generic[Task, Result]):
    """A task on its way. `beat` is when it last gave a sign of life, None before it begins."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.beat: float | None = None
        self.result: Result | None = None
        self.error: DFDetectError | None = None
        self.done = False


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
        self._running: set[_Job[Task, Result]] = set()
        self._started: list[threading.Thread] = []

    def run(self, tasks: Iterable[Task]) -> Generator[Result]:
        """Results in the order of their tasks, as soon as each can be given."""
        jobs: deque[_Job[Task, Result]] = deque()
        for _ in range(self._threads):
            self._start_thread()
        try:
            for task in tasks:
                jobs.append(_Job(task))
                self._waiting.put(jobs[-1])
                while len(jobs) >= IN_HAND or (jobs and jobs[0].done):
                    yield self._result_of(jobs.popleft())
            while jobs:
                yield self._result_of(jobs.popleft())
        finally:
            self._stopped = True
            for _ in range(self._threads):
                self._waiting.put(None)
            self._finish_up()

    def _result_of(self, job: _Job[Task, Result]) -> Result:
        with self._changed:
            while not job.done:
                self._changed.wait(_LOOK_S)
                self._leave_hanging()
        if job.error is not None:
            raise job.error
        assert job.result is not None  # noqa: S101 - done and no error
        return job.result

    def _leave_hanging(self) -> None:
        """Answer for jobs that show no sign of life; called with the lock held."""
        now = time.monotonic()
        for job in [one for one in self._running if one.beat is not None and now - one.beat > self._limit_s]:
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
        self._started.append(threading.Thread(target=self._loop, name="scan", daemon=True))
        self._started[-1].start()

    def _loop(self) -> None:
        while (job := self._waiting.get()) is not None and not self._stopped:
            job.beat = time.monotonic()
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
