"""Groups from pairs and given groups, against SciPy's connected components."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dfdetect.data.audit.groups import join_groups
from dfdetect.data.samples import Samples


def partition(names: list[str]) -> set[frozenset[int]]:
    """What belongs together; "" is a group of its own."""
    members: dict[str, set[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name or f"alone {index}", set()).add(index)
    return {frozenset(group) for group in members.values()}


@pytest.mark.parametrize("seed", range(20))
def test_pairs_and_given_groups_give_the_connected_components(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 400))
    pairs = rng.integers(0, n, (int(rng.integers(0, n)), 2))
    given = [f"g{k}" if k < n // 4 else "" for k in rng.integers(0, n, n)]
    edges = [*map(tuple, pairs.tolist())]
    edges += [(i, j) for i in range(n) for j in range(i) if given[i] and given[i] == given[j]]
    rows, columns = np.array(edges, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    expected = partition([str(label) for label in labels])
    paths = [f"{i:04d}.png" for i in rng.permutation(n)]
    assert partition(join_groups(n, [(a, b) for a, b in pairs.tolist()], given, paths)) == expected


def test_names_are_the_given_one_or_the_first_path():
    paths = ["d.png", "c.png", "b.png", "a.png", "e.png", "f.png"]
    given = ["", "", "zoe", "", "adam", "solo"]
    assert join_groups(6, [(0, 1)], given, paths) == ["c.png", "c.png", "zoe", "", "adam", "solo"]
    assert join_groups(6, [(2, 4), (3, 2)], given, paths) == ["", "", "adam", "adam", "adam", "solo"]


def test_a_given_group_stays_whole_when_one_member_is_tied_elsewhere():
    assert join_groups(4, [(1, 2)], ["a", "a", "b", "b"]) == ["a"] * 4


def test_names_do_not_depend_on_the_order_of_pairs():
    rng = np.random.default_rng(0)
    pairs = [(int(a), int(b)) for a, b in rng.integers(0, 100, (60, 2))]
    paths = [f"{i}.png" for i in rng.permutation(100)]
    again = [(b, a) for a, b in reversed(pairs)]
    assert join_groups(100, pairs, None, paths) == join_groups(100, again, None, paths)


def test_a_new_group_does_not_fall_into_a_given_one_of_the_same_name():
    names = join_groups(3, [(0, 1)], ["", "", "a.png"], ["a.png", "b.png", "c.png"])
    assert names == ["twins of a.png", "twins of a.png", "a.png"]


def test_names_are_what_the_data_module_groups_by():
    paths = ["a.png", "b.png", "c.png"]
    names = join_groups(3, [(1, 2)], None, paths)
    samples = Samples("nowhere", paths, np.zeros(3, np.int8), {"group": names})  # type: ignore[arg-type]
    assert samples.groups() == ["a.png", "b.png", "b.png"]


def test_long_chains_and_nothing():
    n = 100_000
    assert set(join_groups(n, [(i, i + 1) for i in range(n - 1)])) == {"twins-0000000"}
    assert set(join_groups(n, [(n - 1 - i, n - 2 - i) for i in range(n - 1)])) == {"twins-0000000"}
    assert join_groups(0, []) == []
    assert join_groups(2, []) == ["", ""]
    assert join_groups(2, [(1, 1)]) == ["", ""]


@pytest.mark.parametrize("pair", [(0, 2), (-1, 0), (5, 5)])
def test_a_pair_beyond_the_images_is_refused(pair):
    with pytest.raises(ValueError, match="beyond the 2"):
        join_groups(2, [pair])


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match="2 images, but 1 given"):
        join_groups(2, [], ["a"])
    with pytest.raises(ValueError, match="and 3 paths"):
        join_groups(2, [], None, ["a", "b", "c"])
