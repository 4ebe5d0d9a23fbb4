import socket
import time

import pytest

from dfdetect.web import app, connections
from dfdetect.web.options import WebOptions
from dfdetect.web.server import LOCAL_NAMES
from tests.web.standing import read_reply, serving


def closed_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_headers_that_do_not_come_are_not_waited_for(tmp_path, monkeypatch, sent):
    monkeypatch.setattr(connections, "HEADER_S", 0.3)
    with serving(tmp_path) as client, client.connect() as connection:
        connection.sendall(sent)
        reply = read_reply(connection)
        assert (reply.status, reply.kind) == (408, "too_slow")
        assert closed_within(connection, 2)


def test_dripped_headers_gain_no_time(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_S", 0.4)
    with serving(tmp_path) as client, client.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        start = time.monotonic()
        try:
            while time.monotonic() - start < 3:
                connection.sendall(b"X: y\r\n")
                time.sleep(0.05)
        except OSError:
            pass
        assert time.monotonic() - start < 2


def test_the_second_request_of_a_connection_has_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_S", 0.3)
    with serving(tmp_path) as client, client.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_reply(connection).status == 200
        connection.sendall(b"G")
        assert read_reply(connection).status == 408


def test_surplus_connections_make_room_by_age_and_never_those_at_work(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    with serving(tmp_path) as client:
        busy = client.connect()
        busy.sendall(b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        time.sleep(0.1)
        idle = []
        for _ in range(8):
            idle.append(client.connect())
            time.sleep(0.02)
        assert client.ask("GET", "/healthz").status == 200
        assert closed_within(idle[0], 2)
        busy.sendall(b"0123456789")
        assert read_reply(busy).status == 415
        for connection in (busy, *idle):
            connection.close()


async def endless(scope, receive, send):
    """In the page's place: every answer lasts until the client goes."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"data: ALIVE", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("path", ["heartbeat/s1", "queue/data?session_hash=s1"])
def test_streams_that_stay_open_shut_nobody_out(tmp_path, monkeypatch, path):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 6)
    monkeypatch.setattr(app, "_page", lambda service: endless)
    with serving(tmp_path, options=WebOptions(None, LOCAL_NAMES)) as client:
        streams = []
        for _ in range(15):
            streams.append(client.connect())
            streams[-1].sendall(f"GET /gradio_api/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert streams[-1].recv(1000).startswith(b"HTTP/1.1 200")
        waiting = [client.connect() for _ in range(2)]  # two who come at once do not push each other out
        for connection in waiting:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_reply(connection).status == 200
        assert closed_within(streams[0], 2)
        assert not closed_within(streams[-1], 0.2)
        for connection in (*streams, *waiting):
            connection.close()


def test_requests_that_do_not_end_shut_nobody_out(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 5)
    with serving(tmp_path) as client:
        slow = []
        for _ in range(5):
            slow.append(client.connect())
            slow[-1].sendall(b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
            time.sleep(0.05)
        assert client.ask("GET", "/healthz").status == 200
        assert closed_within(slow[0], 2)
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_our_words(client, sent):
    with client.connect() as connection:
        connection.sendall(sent)
        answer = b""
        connection.settimeout(5)
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionError:
            pass
    if answer:
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421", b"HTTP/1.1 431"))
        assert b'{"error": {"type"' in answer
        assert b"Traceback" not in answer
    assert client.ask("GET", "/healthz").status == 200


def test_chunks_that_break_in_the_middle_close_the_connection(client):
    with client.connect() as connection:
        head = b"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"5\r\nhello\r\nNOT A SIZE\r\n")
        assert closed_within(connection, 5)
    assert client.ask("GET", "/healthz").status == 200
    assert client.service.bytes_in_hand == 0


def test_a_client_that_never_reads_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "STALLED_S", 0.3)
    with serving(tmp_path) as client:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", client.port))
        connection.settimeout(0.5)
        try:
            for _ in range(2000):
                connection.sendall(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
        except OSError:
            pass
        end = time.monotonic() + 5
        while client.ask("GET", "/healthz").status == 200 and time.monotonic() < end:
            connection.settimeout(0.1)
            try:
                connection.sendall(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("it was never dropped")
        connection.close()


def test_an_upgrade_to_websocket_is_not_made(client):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    assert client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n").status == 200
