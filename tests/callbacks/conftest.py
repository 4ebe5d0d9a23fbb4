"""One small fit with all callbacks, shared by the modules here that only look at what it left."""

from pathlib import Path

import pytest

from tests.fits import fit_run


@pytest.fixture(scope="session")
def fitted_run(tmp_path_factory, generated_faces) -> Path:
    """Folder of a finished run of two epochs."""
    return fit_run(tmp_path_factory.mktemp("fitted"), generated_faces, max_epochs=2)
