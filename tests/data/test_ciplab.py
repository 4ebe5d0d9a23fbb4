import pytest

from dfdetect.data.ciplab import PARTS, edited_parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("fake/easy_100_1111.jpg", set(PARTS)),
        ("fake/mid_2_1000.jpg", {"right_eye"}),
        ("hard_33_0100.png", {"left_eye"}),
        ("C:\\fakes\\hard_33_0010.jpg", {"nose"}),
        ("a.b/easy_7_0001.jpg", {"mouth"}),
        ("easy_7_0000", set()),
        ("easy_7_0110", {"left_eye", "nose"}),
    ],
)
def test_each_digit_names_its_part(path, parts):
    assert edited_parts(path) == parts


@pytest.mark.parametrize(
    "path",
    ["real/real_00001.jpg", "fake/easy_1_111.jpg", "easy_1_11111.jpg", "easy_1_1012.jpg", "easy__1111.jpg", "", "/"],
)
def test_other_names_say_nothing(path):
    assert edited_parts(path) is None
