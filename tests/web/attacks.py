"""Requests that mean harm, or are broken: as many as are wanted, the same for the same seed."""

import base64
import json
from collections.abc import Iterator, Mapping
from itertools import count, islice

import numpy as np

from tests.fuzz_bombs import FOREIGN
from tests.fuzz_mutations import damaged
from tests.fuzz_seeds import image_seeds, video_seeds
from tests.web.attack import Attack, Maker, Rng, request, sent
from tests.web.attack_words import HTTP, NAMES, PATHS, bombs
from tests.web.page_attacks import PAGE_MAKERS
from tests.web.standing import form

_DETECT = "/api/v1/detect"


def attacks(
    number: int, seed: int = 0, slow: float = 2.0, makers: Mapping[Maker, int] | None = None
) -> Iterator[Attack]:
    """So many attacks, of all kinds in turn, or of some; `slow` is the pause between the pieces of slow ones."""
    rng = np.random.default_rng(seed)
    chosen = [maker for maker, weight in (makers or MAKERS).items() for _ in range(weight)]
    return islice((chosen[i % len(chosen)](rng, i, slow) for i in count()), number)


def bomb(rng: Rng, number: int, slow: float) -> Attack:
    names = list(bombs())
    name = names[number % len(names)]
    return Attack("bomb", (sent(bombs()[name], name),))


def wrong_type(rng: Rng, number: int, slow: float) -> Attack:
    contents = [b"", *(content for _, content in FOREIGN.values())]
    content = contents[number % len(contents)]
    if number % 3 == 0:
        content = rng.bytes(int(rng.integers(0, 5000)))
    name = str(rng.choice(["a.jpg", "a.png", "a.mp4", "a.svg", "a.php", "a"]))
    return Attack("wrong type", (sent(content, name),))


def mutated(rng: Rng, number: int, slow: float) -> Attack:
    seeds = image_seeds() | video_seeds()
    content = seeds[str(rng.choice(list(seeds)))]
    for _ in range(int(rng.integers(1, 4))):
        content = damaged(content, rng)
    return Attack("damaged file", (sent(content),))


def path_trick(rng: Rng, number: int, slow: float) -> Attack:
    method = ("GET", "GET", "POST", "HEAD", "PUT", "DELETE")[number % 6]
    return Attack("path trick", (request(method, PATHS[number % len(PATHS)]),))


def named_path(rng: Rng, number: int, slow: float) -> Attack:
    name = NAMES[number % len(NAMES)]
    content = image_seeds()["jpeg.jpg"] if number % 2 else b"words"
    return Attack("file name trick", (sent(content, name),))


def slow_client(rng: Rng, number: int, slow: float) -> Attack:
    kind, body = form(("file", image_seeds()["jpeg.jpg"], "a.jpg"))
    head = f"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    whole = head.encode() + b"\r\n\r\n" + body
    how = number % 5
    if how == 0:
        return Attack("slow client", (b"",) * 20, slow)  # says nothing
    if how == 1:
        return Attack("slow client", tuple(whole[i : i + 1] for i in range(20)), slow)
    if how == 2:
        return Attack("slow client", (whole[:-1000], *(whole[-1000 + i : -999 + i] for i in range(20))), slow)
    if how == 3:
        return Attack("slow client", (whole[:-10],) + (b"",) * 20, slow)  # never ends
    return Attack("slow client", (whole[: len(whole) // 2],), 0.0, reads=False)  # goes away


def huge_header(rng: Rng, number: int, slow: float) -> Attack:
    many = int(rng.integers(1, 40)) * 1000
    lines = (
        b"X-Long: " + b"a" * many,
        b"\r\n".join(b"X-%d: y" % i for i in range(many // 10)),
        b"Cookie: " + b"a=b; " * (many // 5),
        b"Authorization: Bearer " + b"t" * many,
        b"X-Fold: a\r\n " + b"b" * many,
        b"Range: bytes=" + b"0-," * (many // 3),
    )
    target = b"/" + b"a" * many if number % 7 == 0 else b"/healthz?" + b"q" * (many if number % 7 == 1 else 1)
    line = lines[number % len(lines)]
    return Attack("huge header", (b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n",))


def broken_form(rng: Rng, number: int, slow: float) -> Attack:
    kind, body = form(("file", image_seeds()["jpeg.jpg"], "a.jpg"), ("careful", b"true", None))
    how = number % 10
    if how < 5:
        body = damaged(body[:300], rng) + body[300:]
    elif how == 5:
        body = form(("file", b"x", "a"))[1].replace(b"--edge--\r\n", b"") * 5000 + b"--edge--\r\n"
    elif how == 6:
        body = body.replace(b"\r\n\r\n", b"\r\n" + b"X-%d: y\r\n" % number * 3000 + b"\r\n", 1)
    elif how == 7:
        kind = str(
            rng.choice(["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"])
        )
    elif how == 8:
        kind, body = "multipart/form-data; boundary=" + "b" * 500, b"--" + b"b" * 500 + b"--"
    else:
        body = body[: int(rng.integers(1, len(body)))]
    return Attack("broken form", (request("POST", _DETECT, body, kind),))


def broken_json(rng: Rng, number: int, slow: float) -> Attack:
    whole = json.dumps(
        {"images": [{"name": "a", "data": base64.b64encode(image_seeds()["jpeg.jpg"]).decode()}]}
    ).encode()
    bodies = (
        whole[: int(rng.integers(1, len(whole)))],
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"[" + b"0," * 100_000 + b"0]",
        b'{"images": [{"data": "' + b"A" * 100_001 + b'"}]}',
        b'{"images": [{"data": "/etc/passwd", "path": "/etc/passwd"}]}',
        b'{"images": [{"url": "http://169.254.169.254/"}]}',
        b'{"images": "' + b"\\ud800" * 1000 + b'"}',
        b'{"images": [{"data": ""}], "models": ["' + b"x" * 50_000 + b'"]}',
        b"\xef\xbb\xbf{}",
        b"9" * 50_000,
        rng.bytes(500),
    )
    return Attack("broken JSON", (request("POST", _DETECT, bodies[number % len(bodies)]),))


def broken_http(rng: Rng, number: int, slow: float) -> Attack:
    piece = HTTP[number % len(HTTP)]
    return Attack("broken HTTP", (piece if number % 4 else rng.bytes(300) + b"\r\n\r\n",))


def too_large(rng: Rng, number: int, slow: float) -> Attack:
    head = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    if number % 2:
        return Attack("too large", (head + b"Content-Length: 99999999999\r\n\r\n", bytes(100_000)))
    chunks = tuple(b"%x\r\n%b\r\n" % (1_000_000, b"A" * 1_000_000) for _ in range(30))
    return Attack("too large", (head + b"Transfer-Encoding: chunked\r\n\r\n", *chunks))


MAKERS: dict[Maker, int] = {
    bomb: 2,
    wrong_type: 3,
    mutated: 4,
    path_trick: 3,
    named_path: 1,
    slow_client: 2,
    huge_header: 1,
    broken_form: 3,
    broken_json: 2,
    broken_http: 3,
    too_large: 1,
    **PAGE_MAKERS,
}
