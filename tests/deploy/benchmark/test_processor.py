import pytest

from dfdetect.deploy.benchmark.processor import has_vnni


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", True),
        ("flags\t\t: fpu avx2 avx_vnni\n", True),
        ("model name : avx512_vnni\nflags\t\t: fpu avx2\n", False),
        ("Features : asimd asimddp\n", None),
        ("", None),
    ],
)
def test_it_is_what_linux_tells(text, has, tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert has_vnni(str(file)) is has


def test_elsewhere_it_is_not_known(tmp_path):
    assert has_vnni(str(tmp_path / "gone")) is None
