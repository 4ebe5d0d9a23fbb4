"""Ctrl-C must reach Python's handler after a model was compiled, not end in a segmentation fault."""

import subprocess
import sys

import pytest

from dfdetect.deploy.engines.signal_stack import kept_signal_stack, signal_stack

SCRIPT = """
import faulthandler, signal, sys
faulthandler.enable()
import numpy as np
from dfdetect.deploy import Detector
from dfdetect.deploy.engines.signal_stack import signal_stack
before = signal_stack()
detector = Detector.load(sys.argv[1])
size = detector.facts.input_size
detector.judge(np.zeros((1, size, size, 3), np.uint8))
after = signal_stack()
assert (before.start, before.flags, before.size) == (after.start, after.flags, after.size), (before.size, after.size)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("caught")
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there no engine changes it")


@pytest.mark.parametrize("kind", ["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def test_an_engine_leaves_the_stack_of_signals_as_it_was(kind, request):
    model = request.getfixturevalue(f"tiny_{kind}")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(model)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "caught\n"), done.stderr


def test_what_the_block_sets_is_taken_back():
    import ctypes

    from dfdetect.deploy.engines.signal_stack import SignalStack

    before, memory = signal_stack(), ctypes.create_string_buffer(1 << 16)
    with kept_signal_stack():
        other = SignalStack(ctypes.addressof(memory), 0, len(memory))
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(other), None) == 0
        assert signal_stack().size == len(memory)
    assert (signal_stack().start, signal_stack().size) == (before.start, before.size)
