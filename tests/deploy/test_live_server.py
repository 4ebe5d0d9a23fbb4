"""A camera's page over HTTP: who is answered, with what, and that viewers do not get into the camera's way."""

import contextlib
import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from dfdetect.deploy import live_server
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.live_page import live_page
from dfdetect.deploy.live_server import LiveServer
from dfdetect.errors import UsageError

from .test_live_board import decoded

PAGE = live_page("camera:0", "standin", 0.5, None)


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def server(board):
    with LiveServer(board, PAGE, 0) as made:
        yield made
        board.close()


def ask(server, path="", method="GET", headers=None, whole=None):
    place = urlsplit(server.address)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    connection.request(method, whole or place.path + path, headers=headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def post(board, value):
    board.post(np.full((48, 64, 3), value, np.uint8), json.dumps({"faces": [value]}).encode())


def test_page_state_and_picture(server, board):
    post(board, 120)
    answer, content = ask(server)
    assert (answer.status, content) == (200, PAGE.html)
    assert answer.headers["Content-Security-Policy"] == PAGE.policy
    assert answer.headers["Server"] == "dfdetect"
    assert json.loads(ask(server, "state")[1]) == {"faces": [120]}
    answer, content = ask(server, "picture?after=0")
    assert (answer.status, answer.headers["Content-Type"], answer.headers["X-Picture"]) == (200, "image/jpeg", "1")
    assert decoded(content).shape == (48, 64, 3)
    for found, _ in (ask(server), ask(server, "state"), (answer, b"")):
        assert found.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert found.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in found.headers


def test_a_viewer_gets_picture_after_picture_over_one_connection(server, board):
    place = urlsplit(server.address)
    connection = http.client.HTTPConnection(place.netloc, timeout=10)
    after, values = 0, []
    for value in (40, 90, 140, 190):
        post(board, value)
        connection.request("GET", f"{place.path}picture?after={after}")
        answer = connection.getresponse()
        after = int(answer.headers["X-Picture"])
        values.append(int(decoded(answer.read()).mean()))
    connection.close()
    assert values == pytest.approx([40, 90, 140, 190], abs=3)


def test_no_newer_picture_is_no_content(server, board, monkeypatch):
    monkeypatch.setattr(live_server, "_PATIENCE_S", 0.05)
    post(board, 1)
    answer, content = ask(server, "picture?after=1")
    assert (answer.status, content) == (204, b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil", "", "[::1]"]
)
def test_other_host_names_are_refused(server, host):
    assert ask(server, headers={"Host": host})[0].status == 403


def test_own_host_names_are_answered_also_through_a_tunnel(server):
    for host in ("localhost", "LOCALHOST:9000", "127.0.0.1:1"):
        assert ask(server, headers={"Host": host})[0].status == 200


def test_no_host_and_two_hosts_are_refused(server):
    place = urlsplit(server.address)
    for hosts in ("", f"Host: {place.netloc}\r\nHost: evil\r\n"):
        with socket.create_connection((place.hostname, place.port), timeout=5) as raw:
            raw.sendall(f"GET {place.path} HTTP/1.1\r\n{hosts}\r\n".encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 403")


def test_pages_of_other_sites_are_refused(server, board):
    post(board, 1)
    for site in ("cross-site", "same-site"):
        for path in ("state", "picture?after=0"):
            assert ask(server, path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"})[0].status == 403
    assert ask(server, "state", headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"})[0].status == 200
    assert ask(server, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0].status == 200


def test_nothing_but_the_three_addresses_behind_the_key(server):
    key = urlsplit(server.address).path.strip("/")
    wrong = "A" * len(key)
    for path in (
        "/", "/state", f"/{wrong}/", f"/{wrong}/state", f"/{key}", f"/{key}/../etc/passwd", f"/{key}//etc/passwd",
        f"/{key}/%2e%2e/", f"/{key}/picture", f"/{key}/picture?after=-1", f"/{key}/picture?after={'9' * 30}",
        f"/{key}/state?x", f"http://localhost/{key}/", "*", f"/{key}/state%00", "/" + "a" * 5000,
    ):  # fmt: skip
        answer, content = ask(server, whole=path)
        assert answer.status == 404, path
        assert key.encode() not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_only_get(server, method):
    answer, content = ask(server, method=method)
    assert (answer.status, answer.headers["Allow"], content) == (405, "GET", b"")


def test_what_is_no_http_is_refused_and_nothing_reaches_the_terminal(server, capsys):
    place = urlsplit(server.address)
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"x" * 70_000 + b"\r\n",
    ):
        with socket.create_connection((place.hostname, place.port), timeout=5) as raw:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert b"200" not in raw.recv(100)
    assert ask(server)[0].status == 200
    assert capsys.readouterr() == ("", "")


def test_viewers_that_take_nothing_hold_nobody_up(server, board, capsys):
    """Forty connections ask for a picture and never read it; posting and another viewer go on as before."""
    place = urlsplit(server.address)
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3)).astype(np.uint8)
    board.post(noise)
    stuck = [socket.create_connection((place.hostname, place.port)) for _ in range(40)]
    for one in stuck:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(f"GET {place.path}picture?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 20)
    time.sleep(0.3)
    start = time.monotonic()
    for _ in range(1000):
        board.post(noise)
    assert time.monotonic() - start < 1
    assert ask(server, "picture?after=1000")[0].headers["X-Picture"] == "1001"
    for one in stuck:
        one.close()
    assert capsys.readouterr().err == ""


def test_connections_beyond_the_most_are_closed_and_places_come_free(board, monkeypatch):
    monkeypatch.setattr(live_server, "MOST_VIEWERS", 3)
    with LiveServer(board, PAGE, 0) as server:
        place = urlsplit(server.address)
        held = [socket.create_connection((place.hostname, place.port), timeout=5) for _ in range(3)]
        for one in held:
            one.sendall(f"GET {place.path}state HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        with socket.create_connection((place.hostname, place.port), timeout=5) as one:
            assert one.recv(100) == b""
        for one in held:
            one.close()
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                assert ask(server)[0].status == 200
                return
            except (http.client.RemoteDisconnected, ConnectionError):
                time.sleep(0.02)
        pytest.fail("no place came free")


def test_it_listens_to_this_machine_only_and_says_where(server):
    place = urlsplit(server.address)
    assert place.hostname == "127.0.0.1"
    assert server._server.socket.getsockname()[0] == "127.0.0.1"
    assert len(place.path.strip("/")) >= 12


def test_a_port_that_is_taken(server, board):
    port = urlsplit(server.address).port
    assert port is not None
    with pytest.raises(UsageError, match=f"--port {port} cannot be had"):
        LiveServer(board, PAGE, port)


def test_it_ends_at_once(board):
    with LiveServer(board, PAGE, 0) as server:
        asked = threading.Thread(target=lambda: ask(server, "picture?after=0"))
        asked.start()
        time.sleep(0.1)
        board.close()
        start = time.monotonic()
    asked.join(5)
    assert time.monotonic() - start < 3
    with pytest.raises(ConnectionRefusedError):
        ask(server)
