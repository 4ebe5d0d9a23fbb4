"""Smaller forests: what they have to find here is planted."""

import pytest

from dfdetect.data.audit import shortcuts


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(shortcuts, "_TREES", 25)
    monkeypatch.setattr(shortcuts, "REPEATS", 2)
