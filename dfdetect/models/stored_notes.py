"""Notes of a stored result, in the words of this version."""

from collections.abc import Mapping
from typing import Any

from dfdetect.data.summary import torn_note
from dfdetect.evaluation.contents import Results


def with_current_notes(metrics: Results, facts: Mapping[str, Any]) -> Results:
    """The same result, its note of a leak written anew from what the tested checkpoint remembers of its split.

    Earlier versions said of such figures what does not hold. Where the facts are gone, the note stays as it was.
    """
    torn = (facts.get("split") or {}).get("groups_torn")
    if not torn or not metrics.get("notes"):
        return metrics
    notes = [f"Leak: {torn_note(torn)}." if str(note).startswith("Leak:") else note for note in metrics["notes"]]
    return metrics | {"notes": notes}
