"""Lines are those an editor shows; names are compared once each."""

import csv
import io

import pytest

from dfdetect.rows import first_repeated, numbered_rows


def test_a_row_is_known_by_the_line_it_begins_on():
    text = 'a,b\n1,"two\nlines"\n\n2,x\n"a\n\nb",y\n3,z'
    found = list(numbered_rows(io.StringIO(text, newline="")))
    assert [line for line, _ in found] == [1, 2, 4, 5, 6, 9]
    assert [row for _, row in found] == list(csv.reader(io.StringIO(text, newline="")))
    lines = text.split("\n")
    assert all(lines[line - 1].strip('"').startswith(row[0].split("\n")[0]) for line, row in found if row)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_of_all_systems(ending):
    text = ending.join(["a,b", '1,"x', 'y"', "2,z"])
    assert [line for line, _ in numbered_rows(io.StringIO(text, newline=""))] == [1, 2, 4]


def test_no_row_at_all():
    assert list(numbered_rows(io.StringIO(""))) == []


@pytest.mark.parametrize(
    ("names", "found"),
    [([], None), (["a", "b"], None), (["a", "b", "a", "b"], (0, 2)), (["a", "b", "b", "a", "b"], (1, 2))],
)
def test_the_first_name_that_comes_again(names, found):
    assert first_repeated(names) == found


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)


def test_the_work_grows_with_the_number_of_names_not_with_its_square():
    names = [Counted(f"photos/{i:06}.jpg") for i in range(200_000)]
    names.append(Counted(names[-1]))
    assert first_repeated(names) == (199_999, 200_000)
    assert 0 < Counted.compared < 1000  # one, and where hashes collide
