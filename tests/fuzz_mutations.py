"""Ways to damage a file at random."""

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator


def flip_bits(content: bytes, rng: Rng) -> bytes:
    data = bytearray(content)
    for place in rng.integers(len(data), size=int(rng.integers(1, 64))):
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data)


def flip_header(content: bytes, rng: Rng) -> bytes:
    return flip_bits(content[:200], rng) + content[200:]


def cut(content: bytes, rng: Rng) -> bytes:
    return content[: int(rng.integers(1, len(content)))]


def cut_start(content: bytes, rng: Rng) -> bytes:
    return content[int(rng.integers(1, len(content))) :]


def blank(content: bytes, rng: Rng) -> bytes:
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 4096))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def drop(content: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + content[start + int(rng.integers(1, 512)) :]


def insert(content: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + rng.bytes(int(rng.integers(1, 512))) + content[start:]


def large_number(content: bytes, rng: Rng) -> bytes:
    """A length or size somewhere that promises far too much."""
    start = int(rng.integers(max(1, min(len(content), 1024) - 4)))
    numbers = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\0\0")
    return content[:start] + numbers[int(rng.integers(3))] + content[start + 4 :]


MUTATIONS: dict[str, Callable[[bytes, Rng], bytes]] = {
    "bits flipped": flip_bits,
    "bits of the header flipped": flip_header,
    "truncated": cut,
    "start missing": cut_start,
    "blanked": blank,
    "bytes dropped": drop,
    "bytes inserted": insert,
    "large number": large_number,
}


def damaged(content: bytes, rng: Rng) -> bytes:
    """Content after one of the mutations; never empty."""
    return MUTATIONS[str(rng.choice(list(MUTATIONS)))](content, rng) or b"x"
