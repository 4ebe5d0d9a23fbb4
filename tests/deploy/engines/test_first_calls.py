"""Many threads make a model's first calls at once: none may wait for another without end."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
import numpy as np
from dfdetect.deploy import Detector
detector = Detector.load(sys.argv[1], threads=1)
size = detector.facts.input_size
batch, together = np.zeros((1, size, size, 3), np.uint8), threading.Barrier(8)
def judge():
    together.wait()
    detector.judge(batch)
threads = [threading.Thread(target=judge, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""
PROCESSES, PATIENCE_S = 4, 60


@pytest.mark.parametrize("kind", ["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)])
def test_the_first_calls_of_many_threads_all_return(kind, request):
    """Only a fresh process has first calls; a hang is a matter of chance, so there are some of them."""
    model = str(request.getfixturevalue(f"tiny_{kind}"))
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, model], stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        said = [process.communicate(timeout=PATIENCE_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert said == ["done\n"] * PROCESSES
