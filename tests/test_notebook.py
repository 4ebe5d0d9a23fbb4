"""The quickstart notebook runs from top to bottom, on fewer faces."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs/notebooks/quickstart.ipynb"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the notebook's own process has its own warnings
def test_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cell = next(cell for cell in notebook.cells if "FACES, EPOCHS" in cell.source)
    cell.source = cell.source.replace("2800, 9", "120, 1")
    NotebookClient(
        notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output["data"]["text/plain"] for output in notebook.cells[-2].outputs if "data" in output]
    assert "p_fake 0." in shown[-1]
    assert (tmp_path / "lightning_logs/quickstart/version_0/mistakes.png").exists()


def test_notebook_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
