"""A process prepared for training keeps its memory, and leaves alone what its user has set."""

import os
import platform
import subprocess
import sys

import pytest

from dfdetect.process import forbid_telemetry, give_back

PROGRAM = """
import os, resource
from dfdetect.process import prepare_process
prepare_process()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = bytearray(64 * 2**20)
    del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults(), os.environ["OMP_WAIT_POLICY"])
"""


def run(**environment: str) -> tuple[int, str]:
    """Page faults of a second large allocation, and the wait policy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "OMP_"))}
    command = [sys.executable, "-c", PROGRAM]
    out = subprocess.run(command, env={**kept, **environment}, check=True, capture_output=True, text=True).stdout
    faults, policy = out.split()
    return int(faults), policy


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")
def test_freed_memory_is_kept():
    assert run()[0] < 100
    assert run(MALLOC_MMAP_THRESHOLD_="1000000")[0] > 1000


def test_a_wait_policy_of_the_user_stands():
    assert run()[1] == "PASSIVE"
    assert run(OMP_WAIT_POLICY="ACTIVE")[1] == "ACTIVE"


def test_the_runtime_reports_nothing_unless_its_user_wants_it_to(monkeypatch):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.delenv("ORT_TELEMETRY_DISABLED", raising=False)
    forbid_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == os.environ["ORT_TELEMETRY_DISABLED"] == "1"
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    forbid_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")
def test_a_server_gives_large_memory_back():
    program = PROGRAM.replace("\nprepare_process()\n", "\nprepare_process()\nprepare_server()\n")
    program = program.replace("import prepare_process", "import prepare_process, prepare_server")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "OMP_"))}
    out = subprocess.run([sys.executable, "-c", program], env=kept, check=True, capture_output=True, text=True).stdout
    assert int(out.split()[0]) > 1000  # each page of a block that went back is asked for anew
    give_back()
