"""Counts read like a sentence."""

from dfdetect.words import counted


def test_one_is_singular_and_thousands_are_grouped():
    assert [counted(n, "pair") for n in (0, 1, 1200)] == ["0 pairs", "1 pair", "1,200 pairs"]
    assert counted(2, "class", "classes") == "2 classes"
