"""The same parts on every machine, in the right shares, with no group in two of them, and a fingerprint to prove it."""

import shutil
from contextlib import nullcontext

import numpy as np
import pytest

from dfdetect.data.samples import Samples, load_samples
from dfdetect.data.splits import PARTS, assign_parts, fingerprint, groups_torn, kind_of_split, write_split
from dfdetect.errors import DataLayoutError

from .helpers import table, touch


def two_classes(real: int, fake: int) -> Samples:
    paths = [f"real/{i:04d}.jpg" for i in range(real)] + [f"fake/{i:04d}.jpg" for i in range(fake)]
    return table(paths, [0] * real + [1] * fake)


def shuffled(samples: Samples, seed: int = 0) -> Samples:
    return samples.select(np.random.default_rng(seed).permutation(len(samples)))


def by_path(samples: Samples, parts) -> dict[str, int]:
    return dict(zip(samples.paths, parts.tolist(), strict=True))


def counts(samples: Samples, parts) -> list[list[int]]:
    """Images by part (rows) and class (columns)."""
    return [np.bincount(samples.labels[parts == p], minlength=2).tolist() for p in range(3)]


def test_shares_are_70_15_15_of_each_class():
    samples = two_classes(1000, 200)
    assert counts(samples, assign_parts(samples)) == [[700, 140], [150, 30], [150, 30]]


@pytest.mark.parametrize(
    "ratios", [(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.8, 0.0, 0.2), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)]
)
@pytest.mark.parametrize(("real", "fake"), [(3, 3), (7, 11), (20, 1), (101, 99), (1081, 960)])
def test_shares_are_exact_up_to_rounding(real, fake, ratios):
    samples = two_classes(real, fake)
    for row, ratio in zip(counts(samples, assign_parts(samples, 5, ratios)), ratios, strict=True):
        assert abs(row[0] - ratio * real) <= 1
        assert abs(row[1] - ratio * fake) <= 1


def test_each_source_has_its_share():
    sources = ["gan"] * 400 + ["diffusion"] * 100 + ["swap"] * 20 + [""] * 500
    samples = table([f"{i}.png" for i in range(1020)], [1] * 520 + [0] * 500, source=sources)
    parts = assign_parts(samples)
    for source, total in (("gan", 400), ("diffusion", 100), ("swap", 20), ("", 500)):
        inside = np.bincount(parts[np.array(sources) == source], minlength=3)
        np.testing.assert_allclose(inside, np.array([0.7, 0.15, 0.15]) * total, atol=2)


@pytest.mark.parametrize("images_per_source", [1, 2, 3, 5])
def test_many_small_sources_still_fill_every_part(images_per_source):
    """Rounded one by one, sources of three images would leave the test part without any."""
    n = 300 * images_per_source
    sources = [f"person{i // images_per_source}" for i in range(n)]
    samples = table([f"{i:05d}.png" for i in range(2 * n)], [0] * n + [1] * n, source=sources * 2)
    for row, ratio in zip(counts(samples, assign_parts(samples)), (0.7, 0.15, 0.15), strict=True):
        np.testing.assert_allclose(row, ratio * n, atol=1)


def test_many_sources_take_no_quadratic_time():
    """40,000 sources one by one would go through 40,000 images each: a minute instead of a second."""
    samples = table([f"{i}.png" for i in range(40_000)], np.arange(40_000) % 2, source=[str(i) for i in range(40_000)])
    assert np.bincount(assign_parts(samples)).tolist() == [28_000, 6_000, 6_000]


EXPECTED = {
    0: "0000102000202000001120110020010000020000",
    1: "0200101010000002020020000020210001000100",
    -7: "0020002002100000010121010000200000100200",
}
FINGERPRINTS = {
    0: "a3f95cc599bac17e1ee3a4ef38ce0f0c3ca31b823f996604a192c2a5f08a9c94",
    1: "6e630fc69e8c18ecddfaff709cab2cc3a9be8c5d253d866454d027ab88808211",
    -7: "c10aca93aa7784dc1cf5c0d519382dc26f64c978290ddf234b09e7ad287ee198",
}


@pytest.mark.parametrize("seed", EXPECTED)
def test_split_is_the_same_on_every_machine(seed):
    """Literals: a split that changes with a version or a system makes every published number incomparable."""
    samples = two_classes(20, 20)
    parts = assign_parts(samples, seed)
    assert "".join(str(p) for p in parts.tolist()) == EXPECTED[seed]
    assert fingerprint(samples, parts) == FINGERPRINTS[seed]


def test_grouped_split_is_the_same_on_every_machine():
    samples = table([f"{i}.png" for i in range(24)], np.arange(24) % 2, group=[f"g{i // 3}" for i in range(24)])
    parts = assign_parts(samples, 3)
    assert "".join(str(p) for p in parts.tolist()) == "000111111000000222000000"
    assert fingerprint(samples, parts, 2) == "1a88fd98810a4e536ca308d588f39fbcd95537b2c9f81256c950a3dac8bf1082"


@pytest.mark.parametrize("columns", [{}, {"group": [f"g{i % 37}" for i in range(200)]}, {"source": ["a", "b"] * 100}])
def test_order_of_the_listing_does_not_matter(columns):
    samples = table([f"dir/{i:03d}.png" for i in range(200)], [i % 3 == 0 for i in range(200)], **columns)
    other = shuffled(samples)
    parts, other_parts = assign_parts(samples), assign_parts(other)
    assert by_path(samples, parts) == by_path(other, other_parts)
    for part in (None, 0, 1, 2):
        assert fingerprint(samples, parts, part) == fingerprint(other, other_parts, part)


def test_seeds_differ_and_repeat():
    samples = two_classes(100, 100)
    splits = {seed: assign_parts(samples, seed).tobytes() for seed in range(5)}
    assert len(set(splits.values())) == 5
    assert assign_parts(samples, 3).tobytes() == splits[3]


def test_a_new_image_moves_few_others():
    samples = two_classes(500, 500)
    fewer = samples.select(np.array([i for i in range(1000) if i != 123]))
    before, after = by_path(samples, assign_parts(samples)), by_path(fewer, assign_parts(fewer))
    assert sum(before[path] != part for path, part in after.items()) <= 2


@pytest.mark.parametrize("seed", range(25))
def test_groups_never_cross_and_shares_stay_near(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(200, 600))
    sizes = rng.integers(1, int(rng.integers(2, 30)), n)
    groups = np.repeat([f"person {i}" for i in range(n)], sizes)[:n].tolist()
    labels = (rng.random(n) < rng.uniform(0.2, 0.8)).astype(int)
    for i in rng.choice(n, n // 10, replace=False):
        groups[i] = ""  # an image without a group is its own
    samples = shuffled(table([f"{i}.png" for i in range(n)], labels, group=groups), seed)
    parts = assign_parts(samples, seed)
    assert groups_torn(samples, parts) == 0
    homes: dict[str, set[int]] = {}
    for group, part in zip(samples.column("group"), parts.tolist(), strict=True):
        if group:
            homes.setdefault(group, set()).add(part)
    assert all(len(home) == 1 for home in homes.values())
    totals = np.bincount(labels, minlength=2)
    for row, ratio in zip(counts(samples, parts), (0.7, 0.15, 0.15), strict=True):
        np.testing.assert_allclose(row, ratio * totals, atol=max(sizes) + 2)


def test_one_huge_group_goes_to_training():
    groups = ["all"] * 90 + [f"g{i}" for i in range(10)]
    samples = table([f"{i}.png" for i in range(100)], [i % 2 for i in range(100)], group=groups)
    parts = assign_parts(samples)
    assert set(parts[:90].tolist()) == {0}
    assert {1, 2} <= set(parts[90:].tolist())


def given(splits: list[str], **columns) -> Samples:
    return table(
        [f"{i:03d}.png" for i in range(len(splits))], [i % 2 for i in range(len(splits))], split=splits, **columns
    )


def test_complete_given_split_is_respected_whatever_the_seed_and_ratios():
    samples = given(["train", "test", "val", "train", "test", "test"])
    for seed in range(3):
        assert assign_parts(samples, seed, (0.2, 0.4, 0.4)).tolist() == [0, 2, 1, 0, 2, 2]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("test", {0: 170, 1: 40, 2: 30}), ("val", {0: 170, 1: 30, 2: 40})],
)
def test_missing_part_is_cut_out_of_training_alone(missing, expected):
    kept = "val" if missing == "test" else "test"
    samples = given(["train"] * 200 + [kept] * 40)
    parts = assign_parts(samples)
    assert {p: int((parts == p).sum()) for p in range(3)} == expected
    assert set(parts[200:].tolist()) == {PARTS.index(kept)}
    assert {tuple(row) for row in counts(samples, parts)} == {(n // 2, n // 2) for n in expected.values()}


def test_training_part_alone_is_divided_like_a_whole():
    samples = given(["train"] * 200)
    assert counts(samples, assign_parts(samples)) == [[70, 70], [15, 15], [15, 15]]


def test_test_part_alone_stays_whole():
    assert assign_parts(given(["test"] * 9)).tolist() == [2] * 9


def test_part_that_is_cut_out_keeps_groups_whole():
    groups = [f"g{i // 5}" for i in range(120)]
    samples = given(["train"] * 100 + ["val"] * 20, group=groups)
    parts = assign_parts(samples)
    assert groups_torn(samples, parts) == 0
    assert (parts == 2).sum() == 15


def test_groups_that_a_given_split_tears_are_counted():
    samples = given(["train", "val", "test", "test", "train", "train"], group=["a", "a", "a", "b", "", ""])
    assert groups_torn(samples, assign_parts(samples)) == 1
    assert groups_torn(given(["train", "test"]), np.array([0, 2], np.int8)) == 0


def test_groups_torn_between_two_parts_are_those_with_an_image_in_each():
    samples = in_groups()
    parts = assign_parts(samples, 5, split="random")
    groups = samples.groups()
    places = {name: {part for part, group in zip(parts, groups, strict=True) if group == name} for name in groups}
    for between, numbers in ((("train", "test"), {0, 2}), (("train", "val"), {0, 1}), (("val", "test"), {1, 2})):
        expected = sum(place >= numbers for place in places.values())
        assert 0 < groups_torn(samples, parts, between) == expected < groups_torn(samples, parts)


@pytest.mark.parametrize("ratios", [(0.7, 0.3), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (0.0, 0.0, 0.0), (0.25,) * 4, ()])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(DataLayoutError, match="sum to 1"):
        assign_parts(two_classes(10, 10), 0, ratios)


@pytest.mark.parametrize(("real", "fake"), [(1, 0), (1, 1), (0, 2)])
def test_of_fewer_images_than_parts_a_part_is_empty(real, fake):
    parts = assign_parts(two_classes(real, fake))
    assert len(parts) == real + fake
    assert set(parts.tolist()) < {0, 1, 2}


def test_nothing_cannot_be_divided():
    with pytest.raises(DataLayoutError, match="no image to divide"):
        assign_parts(two_classes(0, 0))


def test_fingerprint_changes_with_every_fact_it_covers():
    samples = two_classes(20, 20)
    parts = assign_parts(samples)
    original = fingerprint(samples, parts)
    assert len(original) == 64
    moved = parts.copy()
    moved[0] = (moved[0] + 1) % 3
    relabelled = Samples(samples.root, samples.paths, samples.labels.copy(), {})
    relabelled.labels[0] = 1
    renamed = Samples(samples.root, ["real/other.jpg", *samples.paths[1:]], samples.labels, {})
    others = [fingerprint(samples, moved), fingerprint(relabelled, parts), fingerprint(renamed, parts)]
    others.append(fingerprint(samples.select(np.arange(39)), parts[:39]))
    others += [fingerprint(samples, parts, p) for p in range(3)]
    assert len({original, *others}) == 8


def test_fingerprint_of_the_test_part_ignores_the_others():
    samples = two_classes(20, 20)
    parts = assign_parts(samples)
    first, second = np.flatnonzero(parts == 0)[:2]
    changed = parts.copy()
    changed[[first, second]] = 1
    assert fingerprint(samples, changed, 2) == fingerprint(samples, parts, 2)
    assert fingerprint(samples, changed) != fingerprint(samples, parts)


def test_copied_data_set_keeps_its_parts_and_fingerprint(tmp_path):
    touch(tmp_path / "a", *(f"{c}/{i:02d}.png" for c in ("real", "fake") for i in range(20)))
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    here, there = load_samples(tmp_path / "a"), load_samples(tmp_path / "elsewhere" / "b")
    assert fingerprint(here, assign_parts(here)) == fingerprint(there, assign_parts(there))


def test_written_split_is_a_manifest_that_gives_the_same_parts(tmp_path):
    names = ['real/a "b", c.png', "real/ü.png", *(f"{c}/{i:02d}.png" for c in ("real", "fake") for i in range(10))]
    touch(tmp_path / "faces", *names)
    (tmp_path / "run").mkdir()
    samples = load_samples(tmp_path / "faces")
    samples.columns.update(group=[f"g{i // 2}" for i in range(22)], note=["a,b"] * 22)
    parts = assign_parts(samples, seed=9)
    write_split(tmp_path / "run" / "split.csv", samples, parts)
    again = load_samples(tmp_path / "faces", tmp_path / "run" / "split.csv")
    assert by_path(again, assign_parts(again, seed=1)) == by_path(samples, parts)
    assert fingerprint(again, assign_parts(again)) == fingerprint(samples, parts)
    assert again.columns["group"] == samples.columns["group"]
    assert again.columns["note"] == samples.columns["note"]
    assert again.root == tmp_path / "faces"
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["split.csv"]


def in_groups(images: int = 600, size: int = 4, **columns: list[str]) -> Samples:
    """Groups of `size` neighbours, of both classes."""
    groups = [f"g{i // size}" for i in range(images)]
    return table([f"{i:04d}.png" for i in range(images)], (i % 2 for i in range(images)), group=groups, **columns)


@pytest.mark.parametrize(
    ("columns", "folds", "kind"),
    [
        ({}, 0, "random"),
        ({"group": ["", "", ""]}, 0, "random"),
        ({"group": ["a", "", ""]}, 0, "grouped"),
        ({"group": ["a", "", ""], "split": ["train", "val", "test"]}, 0, "given"),
        ({"group": ["a", "", ""], "split": ["train", "val", "test"]}, 3, "grouped"),
        ({"split": ["train", "val", "test"]}, 3, "random"),
    ],
)
def test_the_default_split_is_given_else_grouped_else_random(columns, folds, kind):
    assert kind_of_split(table("abc", [0, 1, 0], **columns), "auto", folds) == kind


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ({}, {"split": "grouped"}, "no groups are known.*dfdetect audit ROOT"),
        ({}, {"split": "given"}, "no split folders or column"),
        ({"split": ["train", "val", "test"]}, {"split": "given", "folds": 2}, "says nothing of folds"),
    ],
)
def test_a_split_that_the_data_cannot_give_is_refused(columns, options, said):
    with pytest.raises(DataLayoutError, match=said):
        assign_parts(table("abc", [0, 1, 0], **columns), **options)


def test_a_random_split_takes_no_notice_of_groups_or_of_a_given_split():
    samples = in_groups(split=["train", "val", "test"] * 200)
    plain = table(samples.paths, samples.labels.tolist())
    parts = assign_parts(samples, 5, split="random")
    assert parts.tolist() == assign_parts(plain, 5).tolist()
    assert groups_torn(samples, parts) > 50
    assert groups_torn(samples, assign_parts(samples, 5, split="grouped")) == 0


@pytest.mark.parametrize("split", ["grouped", "random"])
def test_folds_test_each_image_once_and_leave_a_training_and_a_validation_part(split):
    samples = in_groups()
    tested = np.zeros(len(samples), int)
    for fold in range(5):
        parts = assign_parts(samples, 3, split=split, folds=5, fold=fold)
        tested += parts == 2
        held = counts(samples, parts)
        assert held[2] == pytest.approx([60, 60], abs=2)
        assert held[1] == pytest.approx([240 * 15 / 85] * 2, abs=3)
        assert (groups_torn(samples, parts) == 0) == (split == "grouped")
    assert (tested == 1).all()


@pytest.mark.parametrize(("groups", "said"), [(3, "of 5 folds, 2 would hold none of 30 images in 3 groups"), (5, None)])
def test_more_folds_than_groups_are_refused_before_anything_is_trained(groups, said):
    names = [f"{i:02}" for i in range(30)]
    samples = table(names, [i // groups % 2 for i in range(30)], group=[f"g{i % groups}" for i in range(30)])
    for fold in range(5):
        with pytest.raises(DataLayoutError, match=said) if said else nullcontext():
            assign_parts(samples, folds=5, fold=fold)


def test_folds_of_other_seeds_are_others():
    samples = in_groups()
    first, second = (assign_parts(samples, seed, folds=5) for seed in (0, 1))
    assert (first == 2).sum() == pytest.approx((second == 2).sum(), abs=4)
    assert 0 < ((first == 2) & (second == 2)).sum() < 60


@pytest.mark.parametrize("seed", range(5))
def test_grouped_parts_hold_the_shares_of_sources(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, 300)
    source = np.repeat(rng.choice(["camera", "gan", "swap"], 300, p=[0.5, 0.4, 0.1]), sizes)
    names = np.repeat([f"g{i}" for i in range(300)], sizes).tolist()
    paths = [f"{i:05d}.png" for i in range(len(names))]
    samples = table(paths, (source != "camera").astype(int).tolist(), group=names, source=source.tolist())
    parts = assign_parts(samples, seed)
    for kind in ("camera", "gan", "swap"):
        total = (source == kind).sum()
        shares = [((source == kind) & (parts == part)).sum() / total for part in range(3)]
        assert shares == pytest.approx([0.70, 0.15, 0.15], abs=0.02), kind
