"""The face model's download against a server of our own."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dfdetect.data import face_model
from dfdetect.errors import DownloadError, UsageError

CONTENT = b"model " * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        content = CONTENT[:100] if self.path == "/cut" else CONTENT[::-1] if self.path == "/other" else CONTENT
        self.wfile.write(content * (1000 if self.path == "/endless" else 1))

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        Handler.asked.clear()
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/whole", "/moved"])
def test_fetched_once_and_kept(path, server, tmp_path):
    first = face_model.cached_model(tmp_path, server + path, SHA)
    assert first.read_bytes() == CONTENT
    asked = len(Handler.asked)
    assert face_model.cached_model(tmp_path, server + path, SHA) == first
    assert len(Handler.asked) == asked
    first.write_bytes(CONTENT[:50])  # damaged on the disk: fetched anew
    assert face_model.cached_model(tmp_path, server + path, SHA).read_bytes() == CONTENT
    assert list(first.parent.iterdir()) == [first]


@pytest.mark.parametrize(
    ("path", "cause"), [("/other", "SHA-256"), ("/cut", "IncompleteRead|SHA-256"), ("/gone", "404")]
)
def test_other_content_is_refused_and_leaves_nothing(path, cause, server, tmp_path):
    with pytest.raises(DownloadError, match=f"(?s){cause}.*--face-model FILE.*--faces off"):
        face_model.cached_model(tmp_path, server + path, SHA)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_at_hand_is_what_is_named_or_was_fetched_and_nothing_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(face_model, "check_model", lambda file: None)
    monkeypatch.setattr(face_model, "_fetch", lambda url: pytest.fail("asked the network"))
    monkeypatch.setattr(face_model, "SHA256", SHA)
    monkeypatch.setattr(face_model.cached_model, "__defaults__", (None, face_model.URL, SHA, "w"))
    monkeypatch.setenv("DFDETECT_CACHE", str(tmp_path))
    assert face_model.face_model_at_hand(None) is None
    kept = tmp_path / "models" / "face_detection_yunet_2023mar.onnx"
    kept.parent.mkdir()
    kept.write_bytes(CONTENT[:9])  # cut off
    assert face_model.face_model_at_hand(None) is None
    kept.write_bytes(CONTENT)
    assert face_model.face_model_at_hand(None) == str(kept)
    assert face_model.face_model_at_hand(__file__) == __file__
    with pytest.raises(UsageError, match="no such file"):
        face_model.face_model_at_hand("missing.onnx")


def test_more_than_a_model_can_hold_is_not_read(server, tmp_path, monkeypatch):
    monkeypatch.setattr(face_model, "_MOST_BYTES", 5000)
    with pytest.raises(DownloadError, match="more than 5,000 bytes"):
        face_model.cached_model(tmp_path, server + "/whole", SHA)


def test_offline_names_the_ways_on(tmp_path, monkeypatch):
    monkeypatch.setenv("DFDETECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(face_model.cached_model, "__defaults__", (None, "http://127.0.0.1:9/model", SHA, "judge"))
    with pytest.raises(DownloadError, match=r"(?s)127\.0\.0\.1:9/model.*cache.*1\. go online.*\n  3\. judge whole"):
        face_model.face_model(None)


def test_a_named_file_is_taken_as_it_is(tmp_path, monkeypatch):
    checked: list[str] = []
    monkeypatch.setattr(face_model, "check_model", checked.append)
    (tmp_path / "own.onnx").write_bytes(b"x")
    assert face_model.face_model(str(tmp_path / "own.onnx")) == str(tmp_path / "own.onnx")
    assert checked == [str(tmp_path / "own.onnx")]
    with pytest.raises(UsageError, match="no such file"):
        face_model.face_model("missing.onnx")


def test_the_address_is_the_official_one_and_pinned():
    assert face_model.URL.startswith("https://github.com/opencv/opencv_zoo/raw/")
    assert len(face_model.SHA256) == 64
