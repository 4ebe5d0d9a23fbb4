"""A seal in an exported file: a SHA-256 of all its other bytes, so that damage and careless edits are noticed.

It is no signature: whoever changes a file on purpose can seal it again. To know who made a file, compare its own
SHA-256 with one that its maker published.
"""

import hashlib
import re
from pathlib import Path

from dfdetect.errors import DamagedModelError, ForeignModelError
from dfdetect.files import replacing

KEY = "dfdetect.seal"
_MARK = "dfdetect-sha256:"
OPEN = _MARK + 64 * "0"
"""The value of `KEY` in a file's metadata until `close_seal` replaces it by one of the same length."""
_PATTERN = re.compile(re.escape(_MARK).encode() + rb"([0-9a-f]{64})")


def close_seal(file: Path, *further: Path) -> None:
    """Replace the open seal in `file` by the digest of its content and of what `further` files hold."""
    content = file.read_bytes()
    if content.count(OPEN.encode()) != 1:
        raise ValueError(f"{file}: {content.count(OPEN.encode())} open seals in it, not one")
    digest = _digest(content, *(other.read_bytes() for other in further))
    with replacing(file) as temporary:
        temporary.write_bytes(content.replace(OPEN.encode(), _MARK.encode() + digest))


def check_seal(name: str, content: bytes, *further: bytes) -> None:
    """Refuse a file that is not as it was when it was sealed.

    Args:
        name: how errors call the file.
        content: of the file with the seal.
        further: content of the files that belong to it, in the order in which they were sealed.

    Raises:
        ForeignModelError: no seal.
        DamagedModelError: the content is another one.
    """
    seals = list(_PATTERN.finditer(content))
    if len(seals) != 1:
        raise ForeignModelError(f"{name}: not a whole file of dfdetect export: {len(seals) or 'no'} seal in it")
    (seal,) = seals
    unsealed = content[: seal.start()] + OPEN.encode() + content[seal.end() :]
    if _digest(unsealed, *further) != seal[1]:
        raise DamagedModelError(
            f"{name}: changed since it was exported (its content is not what its seal says). Export it again, or copy "
            "the whole file again"
        )


def _digest(*contents: bytes) -> bytes:
    hashed = hashlib.sha256()
    for content in contents:
        hashed.update(len(content).to_bytes(8, "little"))
        hashed.update(content)
    return hashed.hexdigest().encode()
