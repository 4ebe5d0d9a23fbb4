"""Settings of the operating system's process under which training on a CPU is fast."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # <malloc.h>


def forbid_telemetry() -> None:
    """Keep ONNX Runtime from reporting to its maker; call it before that library is loaded.

    Its recent builds for Linux and macOS do so unless a variable says otherwise, whose name has changed once.
    """
    for name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
        os.environ.setdefault(name, "1")


def prepare_process() -> None:
    """Prepare this process for training; call it before torch is loaded.

    Threads that spin while they wait would take the cores from the loader's workers, so they sleep, unless
    OMP_WAIT_POLICY says otherwise. And glibc gives every large tensor back to the kernel when it is freed and asks for
    it anew, page by page, in the next step; here it keeps what it has. Elsewhere than on glibc that is left alone.
    """
    forbid_telemetry()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(_M_TRIM_THRESHOLD, -1)
            mallopt(_M_MMAP_MAX, 0)
