"""Shared fixtures: everything is drawn on the spot, nothing is downloaded, and caches stay in temporary folders."""

import os
import signal
from pathlib import Path

# before torch is loaded: one thread is enough for tiny images, and threads that spin slow down everything beside them
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from dfdetect.data.synthetic import generate_faces

# a shell starts background jobs with Ctrl-C ignored, and so would every command be that is tested
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def generated_faces(tmp_path_factory) -> Path:
    """240 generated faces of 80 pixels: ROOT/real and ROOT/fake/<kind>."""
    root = tmp_path_factory.mktemp("data") / "faces"
    generate_faces(root, 240, size=80, progress=False)
    return Path(root)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Each test works in a folder of its own, with a pixel cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DFDETECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DFDETECT_CHOSEN_CHECKPOINT", raising=False)


@pytest.fixture(scope="session")
def fitted_run(tmp_path_factory, generated_faces) -> Path:
    """Folder of a finished run of two epochs with all callbacks, for tests that only look at what it left."""
    from tests.fits import fit_run

    return fit_run(tmp_path_factory.mktemp("fitted"), generated_faces, max_epochs=2)
