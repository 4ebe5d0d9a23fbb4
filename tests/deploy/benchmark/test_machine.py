import os

import pytest

from dfdetect.deploy.benchmark.machine import busy_note, machine_facts
from dfdetect.deploy.benchmark.process import cores_for


def test_it_says_where_the_figures_come_from():
    facts = machine_facts([1])
    assert facts["processor"]
    assert facts["usable_cores"] >= 1
    assert facts["pinned_to"] == {"1": cores_for(1) or None}
    assert facts["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("load", "cores", "busy"), [(1.5, 2, False), (1.6, 2, True), (9.0, 32, False), (None, 2, False)]
)
def test_other_work_is_warned_of(load, cores, busy):
    note = busy_note({"load_1min": load, "usable_cores": cores})
    assert (note is not None) == busy
    assert note is None or "do not quote" in note


def test_a_system_without_a_load_average_is_none(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert machine_facts([1])["load_1min"] is None
