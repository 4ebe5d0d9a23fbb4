"""Groups that must not be torn by a split, from pairs of images and from groups a manifest already gives."""

from collections.abc import Iterable, Sequence


def join_groups(
    count: int,
    pairs: Iterable[tuple[int, int]],
    given: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
) -> list[str]:
    """Join images that are tied by a pair or by a given group, directly or through others.

    Args:
        count: number of images, N.
        pairs: indices of images that belong together, in any order: twins and duplicates.
        given: N group names of the manifest, "" where an image has none.
        paths: N paths relative to the data root, to name new groups after; by default the index is the name.

    Returns:
        N group names, the same on every machine. A joined group keeps the first of its given names by alphabet; one
        without a given name is called after its first path by alphabet. An image tied to no other has the group it was
        given, or "", which means a group of its own.

    Raises:
        ValueError: a pair names an image that is not there, or a column is not N long.
    """
    given = [""] * count if given is None else given
    paths = [f"twins-{index:07d}" for index in range(count)] if paths is None else paths
    if len(given) != count or len(paths) != count:
        raise ValueError(f"{count} images, but {len(given)} given groups and {len(paths)} paths")
    joined = components(count, [*_checked(pairs, count), *_ties(given)])
    taken = set(given)
    names = [""] * count
    for members in joined:
        for member in members:
            names[member] = given[member]
        if len(members) > 1:
            known = sorted({given[member] for member in members} - {""})
            name = known[0] if known else _untaken(min(paths[member] for member in members), taken)
            for member in members:
                names[member] = name
    return names


def _checked(pairs: Iterable[tuple[int, int]], count: int) -> Iterable[tuple[int, int]]:
    for first, second in pairs:
        if not (0 <= first < count and 0 <= second < count):
            raise ValueError(f"the pair ({first}, {second}) names an image beyond the {count} there are")
        yield first, second


def _ties(given: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Each image of a given group is tied to the group's first."""
    first: dict[str, int] = {}
    for index, group in enumerate(given):
        if group:
            yield first.setdefault(group, index), index


def components(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Connected components of `count` nodes, single ones included, by union-find with path halving.

    Returns:
        Components in order of their first node, each in rising order.
    """
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    members: dict[int, list[int]] = {}
    for index in range(count):
        members.setdefault(root(index), []).append(index)
    return list(members.values())


def _untaken(name: str, taken: set[str]) -> str:
    """A new group must not fall together with a given one that happens to be called like a file."""
    while name in taken:
        name = f"twins of {name}"
    return name
