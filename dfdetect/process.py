"""Settings of the operating system's process under which training on a CPU is fast."""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # <malloc.h>
_LARGE, _USUAL_MAPS = 4 * 2**20, 65_536


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
    _mallopt({_M_TRIM_THRESHOLD: -1, _M_MMAP_MAX: 0})


def prepare_server() -> None:
    """Prepare this process for running long and holding little: memory of a large picture is given back at once."""
    _mallopt({_M_TRIM_THRESHOLD: _LARGE, _M_MMAP_THRESHOLD: _LARGE, _M_MMAP_MAX: _USUAL_MAPS})


def give_back() -> None:
    """Give memory that was freed in small pieces back to the kernel, where that can be done."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _mallopt(settings: dict[int, int]) -> None:
    """Set glibc's allocator; what the user's environment says of it stands."""
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            for name, value in settings.items():
                mallopt(name, value)
