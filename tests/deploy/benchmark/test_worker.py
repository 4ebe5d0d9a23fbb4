import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from dfdetect.deploy.benchmark.worker import time_calls


class Sleeper:
    facts = SimpleNamespace(input_size=8)

    def __init__(self, seconds: float) -> None:
        self.seconds, self.shapes = seconds, list[tuple[int, ...]]()

    def judge(self, batch):
        assert batch.dtype == np.uint8
        self.shapes.append(batch.shape)
        time.sleep(self.seconds)


@pytest.mark.parametrize(
    ("call", "seconds", "least", "low", "high"),
    [
        (0.002, 0.06, 1, 5, 30),  # as long as asked
        (0.002, 0.02, 40, 40, 40),  # longer, for enough calls
        (0.01, 0.005, 40, 2, 5),  # but no more than ten times as long
        (0.03, 0.001, 1, 1, 1),  # one in any case
    ],
)
def test_a_turn_lasts_as_long_as_it_should(call, seconds, least, low, high):
    sleeper = Sleeper(call)
    taken = time_calls(sleeper, 3, seconds, least)  # type: ignore[arg-type]
    assert low <= len(taken) <= high
    assert min(taken) >= call
    assert set(sleeper.shapes) == {(3, 8, 8, 3)}


HOLD = """
import sys
from dfdetect.deploy.benchmark.worker import peak_bytes
before = peak_bytes()
held = bytearray(b"x" * 60_000_000)
after = peak_bytes()
print(before or 0, after or 0)
"""


def test_peak_memory_is_this_process_own_and_follows_what_it_holds():
    ballast = np.ones(25_000_000)  # of the parent, 200 MB: none of the child's
    done = subprocess.run([sys.executable, "-c", HOLD], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    if not before:
        pytest.skip("this system does not tell")
    assert before < 100_000_000 < ballast.nbytes
    assert after - before > 50_000_000
