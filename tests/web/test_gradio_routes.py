"""What Gradio would do for a stranger, were it not for the guard: a page with its usual components, in a process."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import *  # noqa: F403 - the exported files
from tests.web.standing import Client, form

pytestmark = pytest.mark.slow
pytest.importorskip("gradio")

SCRIPT = """
import sys, types
page = types.ModuleType("dfdetect.web.page")

def build_page(service):
    import gradio as gr
    with gr.Blocks(analytics_enabled=False) as blocks:
        image, file, said = gr.Image(type="filepath"), gr.File(), gr.Textbox()
        gr.Button("go").click(lambda path: open(path, "rb").read(50).hex(), image, said, api_name="go")
        gr.Button("fail").click(lambda path: 1 / 0, image, said, api_name="fail")
        gr.Button("file").click(lambda path: open(path, "rb").read(50).hex(), file, said, api_name="file")
    return blocks.queue()

page.build_page, page.mount_settings = build_page, dict
sys.modules["dfdetect.web.page"] = page
from dfdetect.main import main
code = main(sys.argv[1:])
trained = set("torch torchvision lightning torchmetrics sklearn albumentations".split())
sys.stderr.write(f"loaded: {sorted(trained & set(sys.modules))}")
sys.exit(code)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory, tiny_onnx) -> Iterator[tuple[Client, Path]]:
    temporary = tmp_path_factory.mktemp("temporary")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", SCRIPT, "serve", "--model", str(tiny_onnx), "--faces", "off", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--max-upload", "0.3", "--timeout", "5"], stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stderr is not None
        port = next(int(m[1]) for line in process.stderr if (m := re.search(r"http://localhost:(\d+)/ ", line)))
        yield Client(port, None), temporary  # type: ignore[arg-type]
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=30)[1]
        assert process.returncode == 0
        assert log.endswith("loaded: []")
        assert "ClientDisconnect" not in log  # who goes away is no error of the server
        assert "could not be answered" not in log
        assert "InvalidPath" not in log
        assert "not in the cache folder" not in log  # nor is what a client does wrong
        assert list(temporary.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def ask(
    client: Client, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def call(client: Client, number: int, value: Any) -> str:
    """Call one of the page's functions as its script does; everything that the server says of it."""
    status, said = ask(
        client,
        "POST",
        "/gradio_api/queue/join",
        json.dumps({"data": [value], "fn_index": number, "session_hash": "abc123"}).encode(),
    )
    if status != 200:
        return said.decode()
    return ask(client, "GET", "/gradio_api/queue/data?session_hash=abc123")[1].decode()


def upload(client: Client, content: bytes, name: str = "photo.png") -> tuple[int, bytes]:
    kind, body = form(("files", content, name))
    return ask(client, "POST", "/gradio_api/upload", body, kind)


def test_the_page_is_there_and_may_talk_to_this_server_alone(running):
    client, _ = running
    reply = client.ask("GET", "/")
    assert reply.status == 200
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert not re.search(r"https?:|\*", policy)
    assert b"google" not in reply.body.lower()
    assert client.ask("GET", "/healthz").status == 200


def test_an_upload_lies_in_the_private_folder_and_can_be_judged(running, fake_png):
    client, temporary = running
    status, said = upload(client, fake_png)
    [path] = json.loads(said)
    assert status == 200
    assert Path(path).is_relative_to(temporary)
    assert ask(client, "GET", f"/gradio_api/file={path}") == (200, fake_png)
    assert fake_png[:50].hex() in call(client, 0, {"path": path, "meta": {"_type": "gradio.FileData"}})


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "../../../etc/passwd", "file:///etc/passwd"])
def test_no_file_of_the_server_can_be_named(running, path, number):
    client, _ = running
    said = call(client, number, {"path": path, "meta": {"_type": "gradio.FileData"}})
    for content in (b"root:", b"PATH="):
        assert content.hex() not in said
    assert '"success":true' not in said.replace(" ", "")
    assert ask(client, "GET", f"/gradio_api/file={path}")[0] in (400, 404)


def test_the_server_fetches_no_address_that_is_named(running):
    client, _ = running
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(1)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
        for value in (
            {"path": address, "meta": {"_type": "gradio.FileData"}},
            {"path": "x.png", "url": address, "meta": {"_type": "gradio.FileData"}},
            {"url": address, "meta": {"_type": "gradio.FileData"}},
            address,
        ):
            call(client, 0, value)
        for route in ("proxy=", "file="):
            assert ask(client, "GET", f"/gradio_api/{route}{address}")[0] == 404
        with pytest.raises(TimeoutError):
            trap.accept()


def test_an_error_of_a_function_tells_nothing(running, fake_png):
    client, _ = running
    [path] = json.loads(upload(client, fake_png)[1])
    said = call(client, 1, {"path": path, "meta": {"_type": "gradio.FileData"}})
    assert "process_completed" in said
    for word in ("division", "ZeroDivision", "Traceback", "site-packages"):
        assert word not in said


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"data": 5}', b'{"fn_index": 99, "data": []}', b"\xff" * 50]
)
def test_broken_calls_tell_nothing(running, body):
    client, _ = running
    for path in ("queue/join", "upload", "cancel", "reset"):
        status, said = ask(client, "POST", f"/gradio_api/{path}", body)
        assert status == 400
        assert json.loads(said)["error"]["type"] == "bad_request"
        for word in (b"Traceback", b"site-packages", b"/work", b".py"):
            assert word not in said


@pytest.mark.parametrize("number", [99, -1, "0", None, True, 1.5])
def test_no_other_function_can_be_called(running, number):
    client, _ = running
    body = json.dumps({"data": [None], "fn_index": number, "session_hash": "abc"}).encode()
    status, said = ask(client, "POST", "/gradio_api/queue/join", body)
    assert (status, json.loads(said)["error"]["type"]) == (400, "bad_request")


def test_a_path_in_what_a_browser_says_besides_is_looked_at(running):
    client, _ = running
    said = {"data": [None], "fn_index": 0, "session_hash": "abc", "event_data": {"deep": [{"path": "/etc/passwd"}]}}
    status, answer = ask(client, "POST", "/gradio_api/queue/join", json.dumps(said).encode())
    assert (status, json.loads(answer)["error"]["type"]) == (400, "bad_request")


def test_a_field_where_a_file_belongs_is_the_client_s_mistake(running):
    client, _ = running
    kind, body = form(("files", b"words", None))
    status, answer = ask(client, "POST", "/gradio_api/upload", body, kind)
    assert (status, json.loads(answer)["error"]["type"]) == (400, "bad_request")


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(running):
    client, temporary = running
    before = {file for file in temporary.rglob("*") if file.is_file()}
    status, said = upload(client, bytes(400_000))
    assert (status, json.loads(said)["error"]["type"]) == (413, "too_large")
    kind, body = form(("files", bytes(250_000), "a"))
    with client.connect() as connection:  # cut off in the middle
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-50_000])
    after = {file for file in temporary.rglob("*") if file.is_file()}
    assert len(after - before) <= 1  # what was cut off goes with the next sweep


def test_names_with_paths_in_them_stay_in_the_folder(running, fake_png):
    client, temporary = running
    for name in ("../../../evil.png", "/etc/evil.png", "..\\\\..\\\\evil.png", "a\\0b.png", "." * 50, "x" * 3000):
        status, said = upload(client, fake_png, name)
        if status == 200:
            for path in json.loads(said):
                assert Path(path).resolve().is_relative_to(temporary.resolve())
