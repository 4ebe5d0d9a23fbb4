import asyncio
import os
import signal
import stat
import time

import pytest

from dfdetect.errors import UsageError
from dfdetect.web.limits import Limits
from dfdetect.web.server import Server, is_local, listen, private_folder, sweep


def test_the_private_folder_is_nobody_else_s_and_goes_with_all_it_holds():
    old = os.umask(0)
    try:
        with private_folder() as folder:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "page" / "deep").mkdir(parents=True)
            (folder / "page" / "deep" / "photo.jpg").write_bytes(b"x")
    finally:
        os.umask(old)
    assert not folder.exists()


def test_it_goes_also_when_something_breaks():
    with pytest.raises(RuntimeError), private_folder() as folder:
        raise RuntimeError
    assert not folder.exists()


def test_old_uploads_are_swept_and_new_ones_stay(tmp_path):
    old, new = tmp_path / "page" / "a" / "old.jpg", tmp_path / "page" / "b" / "new.jpg"
    for file in (old, new):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    before = time.time() - 100
    os.utime(old, (before, before))
    sweep(tmp_path, 50)
    assert not old.exists()
    assert new.exists()
    os.utime(old.parent, (before, before))
    sweep(tmp_path, 50)
    assert not old.parent.exists()
    assert (tmp_path / "page").is_dir()


def test_an_address_that_cannot_be_had_is_named():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be had"):
            listen("127.0.0.1", port)
    with pytest.raises(UsageError, match="cannot be had"):
        listen("203.0.113.7", 0)  # an address of no machine


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host, local):
    assert is_local(host) is local


def test_signals_are_taken_for_the_time_of_serving_and_given_back(tmp_path):
    async def app(scope, receive, send):
        raise AssertionError("no request was sent")

    server = Server(app, Limits(), tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    with server.capture_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert server.should_exit
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_sweeps_while_it_serves(tmp_path, monkeypatch):
    monkeypatch.setattr("dfdetect.web.server._SWEEP_S", 0.01)
    old, left, clip = tmp_path / "old.mp4", tmp_path / "page" / "a" / "left.jpg", tmp_path / "clip.mp4"
    left.parent.mkdir(parents=True)
    for file, age in ((old, 1000), (left, 40), (clip, 40)):
        file.write_bytes(b"x")
        os.utime(file, (time.time() - age,) * 2)

    async def app(scope, receive, send):
        raise AssertionError("no request was sent")

    async def serve():
        server = Server(app, Limits(), tmp_path)
        stop = asyncio.get_running_loop().call_later(0.3, lambda: setattr(server, "should_exit", True))
        await server.main_loop()
        stop.cancel()

    asyncio.run(serve())
    assert not old.exists()
    assert not left.exists()  # no call came for it
    assert clip.exists()  # it may still be judged
