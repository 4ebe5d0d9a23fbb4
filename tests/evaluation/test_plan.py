"""The options of a plan."""

import pytest

from dfdetect.errors import ResultsError
from dfdetect.evaluation.plan import options_of, read_plan


def test_options_are_joined_with_their_values():
    line = ["--config", "a b.yaml", "--x=1", "--flag", "--data.split", "random", "--n", "-1"]
    assert options_of(line) == ["--config=a b.yaml", "--x=1", "--flag", "--data.split=random", "--n", "-1"]
    assert options_of([]) == []


def test_a_damaged_plan_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ResultsError, match="is damaged"):
        read_plan(tmp_path / "plan.json")
