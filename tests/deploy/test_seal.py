import pytest

from dfdetect.deploy.seal import OPEN, check_seal, close_seal
from dfdetect.errors import DamagedModelError, ForeignModelError


@pytest.fixture
def sealed(tmp_path):
    file, weights = tmp_path / "model", tmp_path / "weights"
    file.write_bytes(b"before " + OPEN.encode() + b" after")
    weights.write_bytes(b"1234")
    close_seal(file, weights)
    return file.read_bytes(), weights.read_bytes()


def test_a_sealed_file_is_as_long_as_before_and_passes(sealed):
    content, weights = sealed
    assert len(content) == len(b"before " + OPEN.encode() + b" after")
    check_seal("m", content, weights)


def test_any_changed_byte_is_seen(sealed):
    content, weights = sealed
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises((DamagedModelError, ForeignModelError)):
            check_seal("m", bytes(changed), weights)
    with pytest.raises(DamagedModelError, match="changed since it was exported"):
        check_seal("m", content, b"1235")


def test_content_cannot_move_from_one_file_to_the_other(sealed):
    content, weights = sealed
    with pytest.raises(DamagedModelError):
        check_seal("m", content + weights[:1], weights[1:])


def test_no_seal_and_two_seals_are_refused(sealed, tmp_path):
    content, _ = sealed
    with pytest.raises(ForeignModelError, match="no seal"):
        check_seal("m", b"anything")
    with pytest.raises(ForeignModelError, match="2 seal"):
        check_seal("m", content + content)
    file = tmp_path / "unprepared"
    file.write_bytes(b"anything")
    with pytest.raises(ValueError, match="0 open seals"):
        close_seal(file)
