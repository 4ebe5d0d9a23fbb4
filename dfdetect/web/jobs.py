"""A few threads behind a bounded queue: what is too much is refused at once, what takes too long is given up."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from dfdetect.errors import RequestError

Result = TypeVar("Result")
Beat = Callable[[], None]
"""Called between the steps of a job; raises when nobody waits for it any more."""
Work = Callable[[Beat], Result]

MOST_HANGING = 8
"""Threads that a library never gave back; with more, the server takes nothing on until it is started anew."""
_LOOK_S, _GRACE_S = 0.1, 1.0
_log = logging.getLogger("dfdetect.web")


class Job(Generic[Result]):
    """Work that was taken on.

    Attributes:
        future: its result, or the `RequestError` that it came to.
    """

    def __init__(self, work: Work[Result], due: float) -> None:
        self.work, self.due = work, due
        self.future: Future[Result] = Future()
        self.abandoned = False

    def abandon(self) -> None:
        """Nobody waits any more: it does not begin, or ends at its next step."""
        self.abandoned = True
        self.future.cancel()

    def beat(self) -> None:
        """Raises when it has to end."""
        if self.abandoned:
            raise RequestError("unavailable", "nobody waits for this any more")
        if time.monotonic() > self.due:
            raise _timed_out()


class Pool:
    """Threads that work through jobs; a context.

    A thread cannot be stopped. A job that passes its time ends by itself at its next step; one that hangs within a
    step is answered for, left to itself, and another thread takes its place, up to `MOST_HANGING` times.

    Args:
        threads: at work at once.
        queue: jobs that wait at most.
        seconds: from taking a job on to giving it up.
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self.threads, self.queue, self.seconds = threads, queue, seconds
        self.hanging = 0
        self._workers = 0
        self._waiting: deque[Job[object]] = deque()
        self._running: set[Job[object]] = set()
        self._changed = threading.Condition()
        self._closed = False
        for _ in range(threads):
            self._start_thread()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        with self._changed:
            return self._count_waiting()

    @property
    def running(self) -> int:
        """Jobs at work."""
        return len(self._running)

    @property
    def stuck(self) -> bool:
        """Whether too many threads hang for anything to be taken on."""
        return self.hanging > MOST_HANGING

    def submit(self, works: Sequence[Work[Result]]) -> list[Job[Result]]:
        """Take all of the works on, or none.

        Raises:
            RequestError: `queue_full`; `too_many_files` for more than ever fit; `unavailable` when too many threads
                hang or the pool is closed.
        """
        if len(works) > (most := self.queue + self.threads):
            raise RequestError("too_many_files", f"more than {most} files in one request, which is all that fits here")
        due = time.monotonic() + self.seconds
        with self._changed:
            if self._closed or self.stuck:
                raise RequestError("unavailable", "the server is stopping" if self._closed else "the server is stuck")
            free = self.threads - len(self._running)
            if self._count_waiting() + len(works) > self.queue + max(0, free):
                raise RequestError("queue_full", f"{self.queue} files wait already; try again in a moment")
            jobs = [Job(work, due) for work in works]
            self._waiting.extend(jobs)  # type: ignore[arg-type]
            self._changed.notify_all()
        return jobs

    def close(self) -> None:
        """Take nothing on any more; what was taken on is finished."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _count_waiting(self) -> int:
        if any(job.future.done() for job in self._waiting):
            self._waiting = deque(job for job in self._waiting if not job.future.done())
        return len(self._waiting)

    def _start_thread(self) -> None:
        self._workers += 1
        threading.Thread(target=self._loop, name="judge", daemon=True).start()

    def _loop(self) -> None:
        while (job := self._next()) is not None:
            result, error = _attempt(job)
            with self._changed:
                if job not in self._running:  # given up meanwhile; most likely another works in this one's place
                    self.hanging -= 1
                    if self._workers >= self.threads:
                        return
                    self._workers += 1
                    continue
                self._running.discard(job)
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)

    def _next(self) -> Job[object] | None:
        with self._changed:
            while True:
                while self._waiting:
                    job = self._waiting.popleft()
                    if not job.future.done() and job.future.set_running_or_notify_cancel():
                        self._running.add(job)
                        return job
                if self._closed:
                    return None
                self._changed.wait()

    def _watch(self) -> None:
        """The watchdog: answers for jobs that wait too long, and for those that hang."""
        while not self._closed or self._running or self._waiting:
            time.sleep(_LOOK_S)
            now = time.monotonic()
            with self._changed:
                late = [job for job in self._waiting if now > job.due]
                self._waiting = deque(job for job in self._waiting if now <= job.due)
                late = [job for job in late if not job.future.done() and job.future.set_running_or_notify_cancel()]
                hanging = [job for job in self._running if now > job.due + _GRACE_S]
                for job in hanging:
                    self._leave(job)
            for job in late + hanging:
                job.future.set_exception(_timed_out())

    def _leave(self, job: Job[object]) -> None:
        """Leave a thread that hangs to itself, and start another unless there are too many already; with the lock."""
        self._running.discard(job)
        self.hanging += 1
        self._workers -= 1
        if not self.stuck:
            self._start_thread()


def _attempt(job: Job[object]) -> tuple[object, Exception | None]:
    try:
        job.beat()
        return job.work(job.beat), None
    except RequestError as error:
        return None, error
    except MemoryError:
        return None, RequestError("unavailable", "not enough memory for this file")
    except Exception:  # one bad file never stops a server, whatever a library makes of it
        _log.exception("a file could not be judged")
        return None, RequestError("internal", "this file could not be judged; the server's log says why")


def _timed_out() -> RequestError:
    return RequestError("timed_out", "not finished within the time limit")
