import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from dfdetect.web.limits import Limits
from dfdetect.web.options import WebOptions
from tests.web.standing import LIMITS, OPTIONS, form, read_reply, serving

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("guarded"), options=WebOptions(TOKEN, OPTIONS.hosts, page=False)) as client:
        yield client


def test_a_body_that_says_to_be_too_large_is_refused_before_it_is_sent(client):
    with client.connect() as connection:
        connection.sendall(b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n")
        reply = read_reply(connection)
    assert (reply.status, reply.kind) == (413, "too_large")
    assert reply.headers["connection"] == "close"


def test_a_chunked_body_without_a_length_is_cut_at_the_limit(client):
    with client.connect() as connection:
        head = "POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())
        sent, chunk = 0, b"x" * 50_000
        try:
            while sent < 50 * LIMITS.upload_bytes:
                connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                sent += len(chunk)
        except OSError:
            pass
        assert sent < 50 * LIMITS.upload_bytes
        reply = read_reply(connection)
    assert (reply.status, reply.kind) == (413, "too_large")
    assert client.service.bytes_in_hand == 0


def test_a_body_one_byte_over_the_limit_is_refused_and_one_at_the_limit_read(client):
    _, body = form(("file", b"", "a"))
    room = LIMITS.upload_bytes - len(body)
    assert client.form(("file", bytes(room), "a")).kind == "unreadable"
    assert client.form(("file", bytes(room + 1), "a")).kind == "too_large"


def test_a_client_that_sends_its_body_slowly_is_cut_off(tmp_path):
    limits = Limits(patience_s=0.3)
    with serving(tmp_path, limits) as client, client.connect() as connection:
        start = time.monotonic()
        connection.sendall(b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        reply = read_reply(connection)
        assert (reply.status, reply.kind) == (408, "too_slow")
        assert 0.2 < time.monotonic() - start < 3
        assert client.service.bytes_in_hand == 0


def test_uploads_of_all_requests_together_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(Limits, "bytes_in_hand", property(lambda self: 250_000))
    with serving(tmp_path) as client, client.connect() as first:
        first.sendall(
            b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200001\r\n\r\n" + bytes(200_000)
        )
        end = time.monotonic() + 5
        while client.service.bytes_in_hand < 200_000:
            assert time.monotonic() < end
            time.sleep(0.01)
        refused = client.form(("file", bytes(100_000), "a"))
        assert (refused.status, refused.kind) == (429, "queue_full")
        first.close()
        while client.service.bytes_in_hand:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert client.form(("file", bytes(100_000), "a")).kind == "unreadable"


@pytest.mark.parametrize(
    "shown",
    [
        f"Bearer {TOKEN}",
        f"bearer {TOKEN}",
        "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode(),
    ],
)
def test_a_token_is_taken_as_bearer_and_as_password(guarded, shown):
    assert guarded.ask("GET", "/api/v1/models", Authorization=shown).status == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer \xe4\xf6",
        f"Digest {TOKEN}",
        "Basic !!!",
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
        "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/models", "/metrics", "/api", "/"])
def test_without_the_token_nothing_is_told(guarded, shown, path):
    headers = {"Authorization": shown} if shown else {}
    reply = guarded.raw(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
        + b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())
        + b"\r\n"
    )
    assert (reply.status, reply.kind) == (401, "unauthorized")
    assert "Basic" in reply.headers["www-authenticate"]


def test_a_token_is_compared_in_constant_time(guarded, monkeypatch):
    import hmac

    lengths = []
    real = hmac.compare_digest

    def compare(given, wanted):
        lengths.append((len(given), len(wanted)))
        return real(given, wanted)

    monkeypatch.setattr("dfdetect.web.guard.hmac.compare_digest", compare)
    statuses = [guarded.ask("GET", "/metrics", Authorization=f"Bearer {shown}").status for shown in ("x", TOKEN)]
    assert statuses == [401, 200]
    assert lengths == [(32, 32)] * 2  # digests: not even the length of a token shows


def test_two_tokens_count_as_none(guarded):
    two = f"Authorization: Bearer {TOKEN}\r\n" * 2
    assert guarded.raw(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{two}\r\n".encode()).status == 401


def test_health_needs_no_token(guarded):
    assert guarded.ask("GET", "/healthz").json == {"status": "ok"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "a b"])
def test_another_host_name_is_refused_as_dns_rebinding(client, host):
    reply = client.raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert (reply.status, reply.kind) == (421, "misdirected")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:7860", "[::1]:7860"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},  # a form of another site's page
    ],
)
def test_another_site_s_page_cannot_post(client, fake_png, headers):
    reply = client.form(("file", fake_png, "a"), **headers)
    assert (reply.status, reply.kind) == (403, "forbidden")


def test_a_link_from_another_site_is_followed_and_the_own_page_may_ask(client, fake_png):
    assert client.ask("GET", "/api", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200
    own = {"Sec_Fetch_Site": "same-origin", "Origin": f"http://127.0.0.1:{client.port}"}
    assert client.form(("file", fake_png, "a"), **own).status == 200


def test_every_answer_carries_the_security_headers(client, fake_png):
    replies = [
        client.ask("GET", "/healthz"),
        client.ask("GET", "/nothing"),
        client.form(("file", fake_png, "a")),
        client.form(("file", b"x", "a")),
        client.ask("DELETE", "/api/v1/detect"),
    ]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "server" not in reply.headers
        assert "access-control-allow-origin" not in reply.headers


def test_head_has_no_body_and_other_methods_are_named(client):
    with client.connect() as connection:
        connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
    for method in ("GET", "PUT", "PATCH", "TRACE", "OPTIONS", "BREW"):
        reply = client.ask(method, "/api/v1/detect")
        assert (reply.status, reply.kind) == (405, "method_not_allowed")


def test_requests_are_counted_by_route_and_status(tmp_path, fake_png):
    with serving(tmp_path) as client:
        client.form(("file", fake_png, "a"))
        client.ask("GET", "/no/such/place")
        client.ask("GET", "/other/place")
        text = client.ask("GET", "/metrics").body.decode()
    assert 'dfdetect_requests_total{route="detect",status="200"} 1' in text
    assert 'dfdetect_requests_total{route="other",status="404"} 2' in text
    assert "place" not in text


def test_expect_continue_is_refused_without_being_told_to_go_on(client):
    with client.connect() as connection:
        head = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert read_reply(connection).status == 413


def test_an_upload_at_full_speed_still_reads_its_refusal(client):
    """A server that closes while the client sends makes the client's system throw the answer away."""
    with client.connect() as connection:
        connection.sendall(b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n")
        connection.sendall(bytes(3_000_000))
        assert read_reply(connection).kind == "too_large"


def test_an_ordinary_photo_passes(client):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    assert client.form(("file", stream.getvalue(), "photo.jpg")).status == 200
