"""Notes of a stored result, in the words of this version."""

from collections.abc import Mapping
from typing import Any

from dfdetect.data.summary import torn_note
from dfdetect.evaluation.contents import Results


def with_current_notes(metrics: Results, facts: Mapping[str, Any]) -> Results:
    """The same result, its note of a leak written anew from what the tested checkpoint remembers of its split.

    Earlier versions said of such figures what does not hold. Where the facts are gone, the note stays as it was.
    """
    now = torn_note(facts.get("split") or {}, "test")
    if not now or not metrics.get("notes"):
        return metrics
    return metrics | {"notes": [now if str(note).startswith("Leak:") else note for note in metrics["notes"]]}
