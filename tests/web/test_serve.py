"""The command itself, in a process of its own, on a file that no training library is needed for."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dfdetect.errors import UsageError
from dfdetect.main import main
from dfdetect.web.serve import names_of
from dfdetect.web.serve_options import TOKEN_VARIABLE, limits_of, parser, token_of
from tests.deploy.conftest import *  # noqa: F403 - the exported files
from tests.web.standing import Client, Reply, form, read_reply

SCRIPT = """
import importlib.abc, json, sys

REFUSED = set("torch torchvision lightning pytorch_lightning torchmetrics sklearn albumentations".split())
calls = []

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in REFUSED:
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, Refuse())
sys.addaudithook(lambda event, given: event == "socket.connect" and calls.append(repr(given[1])))
from dfdetect.main import main
code = main(sys.argv[1:])
loaded = sorted(REFUSED & {name.split(".")[0] for name in sys.modules})
print(json.dumps({"code": code, "loaded": loaded, "calls": calls}))
"""


@dataclass
class Running:
    """The command at work."""

    process: "subprocess.Popen[str]"
    client: Client
    temporary: Path

    def stop(self, how: signal.Signals = signal.SIGTERM) -> dict[str, object]:
        self.process.send_signal(how)
        out, error = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, error
        report: dict[str, object] = json.loads(out)
        return report


@contextmanager
def serve(tmp_path: Path, *arguments: str) -> Iterator[Running]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", SCRIPT, "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    try:
        yield Running(process, Client(_port(process), None), temporary)  # type: ignore[arg-type]
    finally:
        process.kill()
        process.communicate()


def _port(process: "subprocess.Popen[str]") -> int:
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"Serving on http://localhost:(\d+)/", line):
            return int(found[1])
    raise AssertionError("".join(said))


def test_an_exported_file_is_served_without_what_trained_it_and_without_a_call(tmp_path, tiny_onnx, photos):
    with serve(tmp_path, "--model", str(tiny_onnx), "--faces", "off", "--page", "off") as running:
        [folder] = running.temporary.glob("dfdetect-serve-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        reply = running.client.form(("file", Path(photos[0]).read_bytes(), "a"), ("careful", b"true", None))
        assert reply.status == 200
        assert reply.json["results"][0]["judgements"][0]["model"] == tiny_onnx.stem
        assert list(folder.rglob("*.*")) == []
        report = running.stop()
    assert report == {"code": 0, "loaded": [], "calls": []}
    assert list(running.temporary.iterdir()) == []


def test_sigterm_answers_what_was_taken_and_ends_at_once(tmp_path, tiny_onnx, photos):
    with serve(tmp_path, "--model", str(tiny_onnx), "--faces", "off", "--page", "off", "--threads", "1") as running:
        content = Path(photos[0]).read_bytes()
        replies: list[Reply] = []
        kind, body = form(*[("file", content, "a")] * 16, ("careful", b"true", None))
        head = f"POST /api/v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        connections = [running.client.connect() for _ in range(2)]
        for connection in connections:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        threads = [threading.Thread(target=lambda c=c: replies.append(read_reply(c))) for c in connections]
        for thread in threads:
            thread.start()
        while b"dfdetect_working 1" not in running.client.ask("GET", "/metrics").body and not replies:
            time.sleep(0.005)
        start = time.monotonic()
        running.stop()
        assert time.monotonic() - start < 10
        for thread, connection in zip(threads, connections, strict=True):
            thread.join(5)
            connection.close()
    assert [reply.status for reply in replies] == [200, 200]
    assert all(len(reply.json["results"]) == 16 for reply in replies)


def test_ctrl_c_stops_it_too(tmp_path, tiny_onnx):
    with serve(tmp_path, "--model", str(tiny_onnx), "--faces", "off", "--page", "off") as running:
        idle = running.client.connect()
        assert running.stop(signal.SIGINT)["code"] == 0
        idle.close()


def test_a_port_that_is_taken_is_named(client, capsys):
    assert main(["serve", "--model", "x.onnx", "--port", str(client.port)]) == 2
    assert "Another port: --port N" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-upload", "0"],
        ["--max-pixels", "1000"],
        ["--queue", "-1"],
        ["--timeout", "0"],
        ["--port", "70000"],
        ["--margin", "11"],
        ["--token", "short"],
        ["--token", "with spaces in it, long enough"],
        ["--token", "long-enough-as-such", "--token-file", "x"],
        ["--token-file", "none.txt"],
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, capsys):
    assert main(["serve", "--model", "x.onnx", *arguments]) == 2
    assert "error:" in capsys.readouterr().err


def test_a_missing_model_is_named_and_the_port_is_free_again(capsys):
    assert main(["serve", "--model", "none.onnx", "--faces", "off", "--port", "0"]) == 1
    assert "none.onnx" in capsys.readouterr().err


def test_a_missing_library_names_its_extra(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "dfdetect.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--model", "x.onnx"]) == 1
    assert "pip install 'dfdetect[serve]'" in capsys.readouterr().err


def test_the_token_comes_from_line_file_or_environment(tmp_path, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert token_of(parser("serve").parse_args([])) is None
    monkeypatch.setenv(TOKEN_VARIABLE, "of-the-environment")
    assert token_of(parser("serve").parse_args([])) == "of-the-environment"
    (tmp_path / "token").write_text("of-the-file-12345\nand a remark\n")
    assert token_of(parser("serve").parse_args(["--token-file", "token"])) == "of-the-file-12345"
    assert token_of(parser("serve").parse_args(["--token", "of-the-line-12345"])) == "of-the-line-12345"
    (tmp_path / "token").write_text("\n")
    with pytest.raises(UsageError, match="at least"):
        token_of(parser("serve").parse_args(["--token-file", "token"]))


def test_limits_are_taken_in_megabytes_and_megapixels():
    limits = limits_of(parser("serve").parse_args(["--max-upload", "1.5", "--max-pixels", "2"]), 3)
    assert (limits.upload_bytes, limits.pixels, limits.threads) == (1_500_000, 2_000_000, 3)


def test_models_get_the_shortest_names_that_tell_them_apart():
    assert names_of([Path("a/x.onnx"), Path("b/y.xml")]) == ["x", "y"]
    assert names_of([Path("a/x.onnx"), Path("b/x.onnx")]) == ["a/x", "b/x"]
    assert names_of([Path("a/x.onnx"), Path("a/x.xml")]) == ["x.onnx", "x.xml"]
    with pytest.raises(UsageError, match="twice"):
        names_of([Path("x.onnx"), Path("./x.onnx")])
