"""What the file names of CIPLAB's *Real and Fake Face Detection* say: which parts of a fake's face were replaced.

A name such as `mid_12_1010.jpg` ends in one binary digit for each of left eye, right eye, nose and mouth. Their order
is no guess: of all 24 it alone agrees with what changed between 107 fakes and the very photos they were made from
(`benchmarks/edited_parts.py`; docs/explain.md has the figures). The set's "left" is the picture's left, which is the
right eye of the person; parts are called here as the person has them, as everywhere in this package.
"""

import re

PARTS = ("right_eye", "left_eye", "nose", "mouth")
"""Part of each digit, from the first to the last."""
_CODED = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})")


def edited_parts(path: str) -> frozenset[str] | None:
    """Parts that were replaced in a fake, by the name of its file.

    Args:
        path: of a file, with slashes of either kind between folders.

    Returns:
        Some of `PARTS`; None where the name does not say it: a real photo's, another set's, or one of the few with
        three digits, which of two readings is meant being unknown.
    """
    stem = re.split(r"[/\\]", path)[-1].rsplit(".", 1)[0]
    coded = _CODED.fullmatch(stem)
    if coded is None:
        return None
    return frozenset(part for part, digit in zip(PARTS, coded[1], strict=True) if digit == "1")
