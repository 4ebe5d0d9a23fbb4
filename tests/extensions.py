"""Modules outside of the package, as a user would write them, each of a name of its own."""

import itertools
import textwrap
from pathlib import Path

_COUNT = itertools.count()


def write_extension(folder: Path, monkeypatch, code: str, allowed: bool = True) -> str:
    """Write a module, make it importable and allow it; returns its name."""
    name = f"written_idea_{next(_COUNT)}"
    (folder / f"{name}.py").write_text(textwrap.dedent(code))
    monkeypatch.syspath_prepend(folder)
    if allowed:
        monkeypatch.setenv("DFDETECT_EXTENSIONS", f"another,{name}")
    return name
