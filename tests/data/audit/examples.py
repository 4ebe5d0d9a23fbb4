"""Examinations made up of chosen parts, so that findings are tested without measuring anything."""

from pathlib import Path
from typing import Any

import numpy as np

from dfdetect.data.audit.duplicates import label_conflicts
from dfdetect.data.audit.examine import Examination, chains
from dfdetect.data.audit.facts import FACT_NAMES
from dfdetect.data.audit.groups import join_groups
from dfdetect.data.audit.measure import LayoutSums, Settings
from dfdetect.data.audit.shortcuts import Shortcut
from dfdetect.data.audit.statistics import STATISTICS
from dfdetect.data.audit.twins import Twin
from dfdetect.data.samples import Samples

NUMBERS = {"file_bytes", "width", "height", "quality", "orientation"}
PLAIN = {"format": "JPEG", "mode": "RGB", "ending": "fits", "width": 200, "height": 200, "quality": 92}


def shortcut(auroc: float | None = 0.5, low: float | None = 0.4, high: float = 0.6, **more: Any) -> Shortcut:
    """A result of `judge`."""
    return Shortcut(10, 10, auroc, None if low is None else (low, high), **more)


def example(
    labels: list[int],
    twins: tuple[tuple[int, int], ...] = (),
    duplicates: tuple[list[int], ...] = (),
    facts: dict[str, list[Any]] | None = None,
    columns: dict[str, list[str]] | None = None,
    **parts: Any,
) -> Examination:
    """An examination of images 0.png, 1.png, ... that differ in nothing but what is said."""
    count = len(labels)
    paths = [f"{i}.png" for i in range(count)]
    samples = Samples(Path("nowhere"), paths, np.array(labels, np.int8), columns or {})
    pairs = [*twins, *chains(list(duplicates))]
    table = {}
    for name in FACT_NAMES:
        values = (facts or {}).get(name) or [PLAIN.get(name, 0 if name in NUMBERS else "")] * count
        table[name] = np.array(values, dtype=np.int64 if name in NUMBERS else str)
    whole: dict[str, Any] = {
        "listed": samples,
        "samples": samples,
        "broken": [],
        "facts": table,
        "statistics": {name: np.zeros(count, np.float32) for name in STATISTICS},
        "faces": np.full(count, -1),
        "layouts": (LayoutSums(), LayoutSums()),
        "duplicates": list(duplicates),
        "conflicts": label_conflicts(duplicates, labels),
        "twins": [Twin(min(pair), max(pair), 30, False, 1.0, 1.0) for pair in twins],
        "groups": join_groups(count, pairs, samples.column("group"), paths),
        "by_facts": shortcut(),
        "by_size": shortcut(),
        "by_pixels": shortcut(),
        "settings": Settings(),
    }
    return Examination(**whole | parts)
