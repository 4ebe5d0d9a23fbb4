"""A file is replaced in whole, or not at all."""

import hashlib

import pytest

from dfdetect.files import replacing, sha256_of


def test_the_new_content_takes_the_name(tmp_path):
    file = tmp_path / "deep/er/x.txt"
    for text in ("one", "two"):
        with replacing(file) as temporary:
            temporary.write_text(text)
            assert not file.exists() or file.read_text() == "one"
        assert file.read_text() == text
    assert [path.name for path in file.parent.iterdir()] == ["x.txt"]


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    file = tmp_path / "x.txt"
    file.write_text("old")

    def fail() -> None:
        with replacing(file) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("content", [b"", b"x" * 300_000])
def test_the_sum_is_of_the_content(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(content).hexdigest()
