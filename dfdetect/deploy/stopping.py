"""Ctrl-C and SIGTERM while files are judged: the first one ends the work, further ones let it put its outputs away."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The user or the system wants this process to end.

    Attributes:
        exit_code: 128 and the signal's number, as shells have it: 130 or 143.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Raise `Stopped` in the main thread at the first signal, and never again.

    A process that was stopped takes no further ones even after the block, since its end takes a moment, too, and an
    interpreter that is interrupted there aborts. SIGQUIT still ends it at once. What it was told to ignore,
    as a shell tells its background jobs, stays ignored.

    Yields:
        To be called when the work is done and only outputs are left to put away: then no signal raises any more.
    """
    finishing = stopped = False

    def finish() -> None:
        nonlocal finishing
        finishing = True

    def stop(number: int, frame: object) -> None:
        nonlocal finishing, stopped
        stopped = True
        if not finishing:
            finishing = True
            raise Stopped(number)

    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS if in_main}
    taken = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in taken:
        signal.signal(number, stop)
    try:
        yield finish
    finally:
        for number, handler in taken.items():
            signal.signal(number, signal.SIG_IGN if stopped else handler)
