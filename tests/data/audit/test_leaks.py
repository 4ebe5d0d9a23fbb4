"""Which pairs a split tears, and what is said of them."""

import numpy as np
import pytest

from dfdetect.data.audit.finding import Finding
from dfdetect.data.audit.leaks import find_leaks, sort_pairs, torn_given_groups
from dfdetect.data.splits import assign_parts

from .examples import example


def leaks(*args, **parts) -> dict[str, Finding]:
    return {finding.kind: finding for finding in find_leaks(example(*args, **parts), "out/manifest.csv")}


def test_no_pairs_no_leak():
    assert leaks([0, 1, 0, 1]) == {}


def test_twins_without_a_group_are_a_leak_and_the_manifest_mends_it():
    found = leaks([0, 1, 0, 1], twins=((0, 1), (2, 0)))["ungrouped_twins"]
    assert (found.severity, found.n) == ("leak", 2)
    assert "`dfdetect fit --data.manifest out/manifest.csv`" in found.remedy
    assert "1 of 2 pairs ties a fake to a real" in found.meaning
    assert found.evidence["pairs"] == [["0.png", "1.png"], ["0.png", "2.png"]]
    assert found.evidence["groups"] == 1


def test_groups_that_a_random_split_tears_are_counted_against_the_split_itself():
    """200 pairs of neighbours: those of which the default split puts one on each side."""
    n = 400
    pairs = tuple((i, i + 1) for i in range(0, n, 2))
    parts = assign_parts(example([i // 2 % 2 for i in range(n)]).samples)
    found = leaks([i // 2 % 2 for i in range(n)], twins=pairs)["ungrouped_twins"]
    torn = int((parts[::2] != parts[1::2]).sum())
    leaking = sum({first, second} == {0, 2} for first, second in zip(parts[::2], parts[1::2], strict=True))
    assert 20 < leaking < torn
    assert (found.evidence["torn_at_random"], found.evidence["torn_train_test"]) == (torn, leaking)
    said = f"of which a random split (seed 0) would tear {torn}, {leaking} of them between training and test: a photo"
    assert said in found.meaning


def test_where_a_random_split_would_judge_no_twin_it_is_not_said_to():
    n = 40
    pairs = next(
        ((i, j),)
        for i in range(0, n, 2)
        for j in range(i + 2, n, 2)
        if {*assign_parts(example([k % 2 for k in range(n)]).samples)[[i, j]].tolist()} == {0, 1}
    )
    said = leaks([k % 2 for k in range(n)], twins=pairs)["ungrouped_twins"].meaning
    assert "would tear 1, none of them between training and test. " in said
    assert "are judged" not in said


def test_pairs_in_one_given_group_are_held():
    found = leaks([0, 1, 1], twins=((0, 1),), columns={"group": ["a", "a", ""]})
    assert set(found) == {"twins_held"}
    assert found["twins_held"].severity == "info"


@pytest.mark.parametrize("groups", [["a", "", ""], ["a", "b", ""], ["", "", ""]])
def test_pairs_in_two_groups_or_none_are_not(groups):
    assert set(leaks([0, 1, 1], twins=((0, 1),), columns={"group": groups})) == {"ungrouped_twins"}


def test_pairs_across_a_given_split_are_a_leak_whatever_their_group():
    columns = {"split": ["train", "test", "val", "test"], "group": ["a", "a", "", ""]}
    found = leaks([0, 1, 0, 1], twins=((0, 1), (1, 3)), columns=columns)
    assert set(found) == {"twins_across_splits", "twins_held", "groups_across_splits"}
    assert found["twins_across_splits"].n == 1
    assert "--data.split grouped" in found["twins_across_splits"].remedy
    assert found["twins_across_splits"].meaning.startswith("1 between training and test. Where")
    assert found["groups_across_splits"].meaning.startswith("1 between training and test. What")
    assert found["groups_across_splits"].evidence == {"groups": [["a", "train", "test"]]}


def test_pairs_of_validation_and_test_are_not_said_to_be_trained_on():
    columns = {"split": ["train", "test", "val", "test", "train", "val"], "group": ["a", "a", "a", "b", "", ""]}
    found = leaks([0, 1, 0, 1, 0, 1], twins=((2, 3), (1, 2), (0, 1)), columns=columns)
    assert found["twins_across_splits"].meaning.startswith(
        "1 between training and test, 2 between validation and test."
    )
    everywhere = "1 between training and test, 1 between training and validation, 1 between validation and test."
    assert found["groups_across_splits"].meaning.startswith(everywhere)


def test_pairs_in_a_training_part_that_others_will_be_cut_from():
    samples = example([0, 1, 0, 1], columns={"split": ["train", "train", "test", "test"]}).samples
    pairs = [(0, 1), (2, 3), (0, 2)]
    found = sort_pairs(samples, pairs)
    assert (found.loose, found.held, found.torn) == ([(0, 1)], [(2, 3)], [(0, 2)])
    whole = example([0, 1, 0], columns={"split": ["train", "val", "test"]}).samples
    assert sort_pairs(whole, [(0, 1)]).torn == [(0, 1)]


def test_exact_duplicates_and_both_labels():
    found = leaks([0, 1, 0, 1, 1], duplicates=([0, 1, 2], [3, 4]))
    assert found["label_conflict"].n == 1
    assert found["label_conflict"].evidence == {"pictures": [["real: 0.png", "fake: 1.png", "real: 2.png"]]}
    assert found["ungrouped_duplicates"].n == 3
    assert {finding.severity for finding in found.values()} == {"leak"}


def test_given_groups_in_two_parts():
    columns = {"group": ["a", "a", "b", "b", ""], "split": ["test", "train", "val", "val", "train"]}
    assert torn_given_groups(example([0, 1, 0, 1, 0], columns=columns).samples) == {"a": ["train", "test"]}
    assert torn_given_groups(example([0, 1], columns={"group": ["a", "a"]}).samples) == {}


def test_too_few_images_to_split():
    found = leaks([0, 1], twins=((0, 1),))["ungrouped_twins"]
    assert found.evidence["torn_at_random"] == 0
    assert np.isfinite(found.n)
