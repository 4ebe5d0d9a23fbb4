import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from dfdetect.web import seclusion

SCRIPT = """
import asyncio, socket
from dfdetect.web.seclusion import seclude
listening = socket.create_server(("127.0.0.1", 0))
address = listening.getsockname()
seclude()

async def serve():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), sock=listening)
    await asyncio.to_thread(print, "still serving")
    server.close()

asyncio.run(serve())
for call in (
    lambda: socket.create_connection(address),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
):
    try:
        call()
    except PermissionError as error:
        print(error)
    else:
        raise SystemExit("a call went out")
"""


def test_a_secluded_process_serves_and_calls_nobody():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("opens no connections") == 3
    assert "still serving" in done.stdout


def test_it_can_be_ended(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        seclusion.seclude()
        try:
            with pytest.raises(PermissionError):
                socket.create_connection(listening.getsockname())
            with pytest.raises(OSError, match="opens no connections"):
                urlopen("http://127.0.0.1:9/")
        finally:
            seclusion.open_up()
        socket.create_connection(listening.getsockname()).close()
