"""What a figure was measured on, without which it says nothing."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfdetect import __version__
from dfdetect.deploy.benchmark.process import cores_for
from dfdetect.deploy.benchmark.processor import has_vnni
from dfdetect.deploy.engines.engine import usable_cores


def machine_facts(threads: Sequence[int]) -> dict[str, Any]:
    """Processor, whether it has VNNI, cores, system, versions, time, other load, and which cores were kept to."""
    return {
        "processor": _processor(),
        "vnni": has_vnni(),
        "usable_cores": usable_cores(),
        "pinned_to": {str(count): cores_for(count) or None for count in threads},
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "dfdetect": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def busy_note(facts: dict[str, Any]) -> str | None:
    """A warning where other work takes more than a quarter of the cores, beside the models' own first starts."""
    load, cores = facts["load_1min"], facts["usable_cores"]
    if load is None or load <= 1 + cores / 4:
        return None
    return f"The machine is busy with other work (load {load:g} on {cores} cores): do not quote these times"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Hardware", "Model")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
