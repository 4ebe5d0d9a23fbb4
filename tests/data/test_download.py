"""The real kagglehub code path, against a stand-in for Kaggle's servers on this machine."""

import base64
import hashlib
import io
import os
import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dfdetect.data.download import KAGGLE_HANDLE, KAGGLE_URL, download_kaggle, is_missing
from dfdetect.data.samples import load_samples
from dfdetect.errors import DownloadError

NAMES = [f"real_and_fake_face/training_{c}/{c}_{i}.jpg" for c in ("real", "fake") for i in range(5)]


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in NAMES:
            file.writestr(name, os.urandom(500))
    return stream.getvalue()


class Kaggle:
    """A stand-in server and what it does to a request.

    Attributes:
        refuse: status of the answers by request name, 200 by default.
        body: what is sent as the archive.
        length: what the archive's length is said to be.
        md5: checksum that is announced for the archive.
        asked: request names, in order.
    """

    def __init__(self):
        self.refuse: dict[str, int] = {}
        self.body = archive()
        self.length: int | None = None
        self.md5: str | None = None
        self.asked: list[str] = []
        kaggle = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                request = self.path.rsplit("/", 1)[1]
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                kaggle.asked.append(request)
                assert all(part.encode() in sent for part in KAGGLE_HANDLE.split("/"))
                status = kaggle.refuse.get(request, 200)
                if status != 200:
                    self.answer(status, "application/json", b'{"code": %d, "message": "go away"}' % status)
                elif request == "GetDataset":
                    self.answer(200, "application/json", b'{"currentVersionNumber": 7}')
                else:
                    self.send_response(302)
                    self.send_header("Location", "/bucket/archive.zip")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def do_GET(self):
                self.answer(200, "application/zip", kaggle.body)

            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                is_archive = kind == "application/zip"
                self.send_header("Content-Length", str((is_archive and kaggle.length) or len(body)))
                if is_archive and kaggle.md5:
                    self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={kaggle.md5}")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def point_to(monkeypatch, tmp_path):
    """Kaggle's client speaks to the given URL, without an account and without proxies."""
    from kagglesdk import kaggle_env  # type: ignore[import-untyped]

    def point(url: str) -> None:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, url)

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE", "TBE_RUNTIME_ADDR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return point


@pytest.fixture
def kaggle(point_to):
    server = Kaggle()
    point_to(server.url)
    yield server
    server.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_refused_with_three_ways_on(root, *causes: str) -> None:
    before = root.exists()
    with pytest.raises(DownloadError) as caught:
        download_kaggle(root)
    message = str(caught.value)
    for text in (
        KAGGLE_URL,
        str(root),
        "Three ways on",
        "KAGGLE_API_TOKEN",
        "browser",
        "--data.download false",
        "--config demo",
    ):
        assert text in message
    for cause in causes:
        assert cause in message.splitlines()[0]
    assert root.exists() == before
    assert is_missing(root)
    assert [entry for entry in root.parent.iterdir() if entry != root] == []


def fresh(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "faces"


@pytest.mark.parametrize("root_exists", [False, True])
def test_success_leaves_the_data_at_the_root(root_exists, kaggle, tmp_path, capfd):
    root = tmp_path / "data" / "faces"
    if root_exists:
        root.mkdir(parents=True)
    download_kaggle(root)
    samples = load_samples(root)
    assert samples.paths == sorted(NAMES)
    assert samples.labels.sum() == 5
    assert kaggle.asked == ["GetDataset", "DownloadDataset"]
    assert [entry.name for entry in root.parent.iterdir()] == ["faces"]
    assert not list(root.rglob("*.archive"))
    assert "100%" in capfd.readouterr().err  # a progress bar


def test_checksum_that_fits_is_accepted(kaggle, tmp_path):
    kaggle.md5 = base64.b64encode(hashlib.md5(kaggle.body).digest()).decode()
    download_kaggle(tmp_path / "faces")
    assert len(load_samples(tmp_path / "faces")) == len(NAMES)


@pytest.mark.parametrize("request_name", ["GetDataset", "DownloadDataset"])
@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusal(request_name, status, kaggle, tmp_path):
    kaggle.refuse = {request_name: status}
    assert_refused_with_three_ways_on(fresh(tmp_path), "HTTPError")


def test_nobody_answers(point_to, tmp_path):
    point_to(f"http://127.0.0.1:{closed_port()}")
    assert_refused_with_three_ways_on(fresh(tmp_path), "ConnectionError")


def test_name_that_does_not_resolve(point_to, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    point_to("http://kaggle.invalid")
    assert_refused_with_three_ways_on(fresh(tmp_path), "ConnectionError")


def test_interrupted_transfer(kaggle, tmp_path):
    kaggle.length = len(kaggle.body)
    kaggle.body = kaggle.body[: len(kaggle.body) // 2]
    assert_refused_with_three_ways_on(fresh(tmp_path))


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"<html>", lambda b: b"", lambda b: b[:60] + bytes(300) + b[360:]]
)
def test_archive_that_is_none(damage, kaggle, tmp_path):
    kaggle.body = damage(kaggle.body)
    assert_refused_with_three_ways_on(fresh(tmp_path))


def test_checksum_that_does_not_fit(kaggle, tmp_path):
    kaggle.md5 = base64.b64encode(bytes(16)).decode()
    assert_refused_with_three_ways_on(fresh(tmp_path), "DataCorruptionError")


def test_disk_full_while_unpacking(kaggle, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extractall", full)
    assert_refused_with_three_ways_on(fresh(tmp_path), "No space left")


def test_second_try_succeeds_after_a_broken_one_and_over_leftovers_of_a_killed_one(kaggle, tmp_path):
    root = fresh(tmp_path)
    (root.parent / ".faces.download" / "real_and_fake_face").mkdir(parents=True)
    (root.parent / ".faces.download" / "7.archive").write_bytes(b"half")
    whole, kaggle.body = kaggle.body, b"<html>"
    with pytest.raises(DownloadError):
        download_kaggle(root)
    kaggle.body = whole
    (root.parent / ".faces.download").mkdir()
    (root.parent / ".faces.download" / "7.archive").write_bytes(b"half")
    download_kaggle(root)
    assert len(load_samples(root)) == len(NAMES)
    assert [entry.name for entry in root.parent.iterdir()] == ["faces"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_notebook_services_that_mount_the_set_elsewhere(tmp_path, monkeypatch):
    """On Colab and on Kaggle kagglehub ignores output_dir and returns where it mounted the set, read-only."""
    import kagglehub

    mounted = tmp_path / "mnt" / "input"
    for name in NAMES:
        (mounted / name).parent.mkdir(parents=True, exist_ok=True)
        (mounted / name).touch()
    monkeypatch.setattr(kagglehub, "dataset_download", lambda *_, **__: str(mounted))
    download_kaggle(tmp_path / "data" / "faces")
    assert len(load_samples(tmp_path / "data" / "faces")) == len(NAMES)
    assert mounted.is_dir()
    assert not is_missing(tmp_path / "data" / "faces")


def test_what_is_missing(tmp_path):
    assert is_missing(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert is_missing(tmp_path / "empty")
    (tmp_path / "empty" / "x").touch()
    assert not is_missing(tmp_path / "empty")
    assert not is_missing(tmp_path / "empty" / "x")
