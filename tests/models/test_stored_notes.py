"""What an earlier version said of a leak is said anew, from the facts, wherever a stored result is shown."""

import json

import torch

from dfdetect.data.summary import torn_note
from dfdetect.evaluation.limits import find_limits
from dfdetect.models.run_contents import read_run
from dfdetect.models.stored_notes import with_current_notes
from tests.test_report import reported, run  # noqa: F401

OLD = "Leak: the split tears 4 groups apart: training has seen images of them, and the figures are too good."


def test_the_note_of_a_leak_is_made_from_the_facts_and_no_other_note_is():
    stored = {"n": 3, "notes": ["Only 3 images: few.", OLD]}
    now = with_current_notes(stored, {"split": {"groups_torn": 4}})
    assert now == {"n": 3, "notes": ["Only 3 images: few.", torn_note({"groups_torn": 4}, "test")]}
    for unknown in ({}, {"split": None}, {"split": {"groups_torn": 0}}):
        assert with_current_notes(stored, unknown) == stored
    assert with_current_notes({"n": 3}, {"split": {"groups_torn": 4}}) == {"n": 3}


def test_a_run_is_read_with_the_note_of_this_version(run):  # noqa: F811
    file = run / "checkpoints/best.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["dfdetect"]["split"] |= {"groups_torn": 4, "groups_torn_train_test": 2}
    torch.save(checkpoint, file)
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | {"notes": [OLD]}))
    worst = find_limits(read_run(run))[0]
    said = torn_note(checkpoint["dfdetect"]["split"], "test").removeprefix("Leak: ")
    assert (worst.severity, worst.title) == ("leak", f"{said[0].upper()}{said[1:]}")
