"""The stack that a thread handles signals on, which a library must not leave too small."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class SignalStack(ctypes.Structure):
    """C's `stack_t`: where it begins, SS_DISABLE or 0, its bytes."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack() -> SignalStack:
    """This thread's, on Linux."""
    found = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give this thread back the signal stack that it had before the block.

    OpenVINO asks the kernel for AMX when it first looks for devices, and for that sets a stack of the least size that
    the kernel then takes. Python's own handlers overflow it: Ctrl-C became a segmentation fault.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    before = signal_stack()
    try:
        yield
    finally:
        ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)
