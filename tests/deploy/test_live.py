"""`dfdetect scan --camera`, with videos of generated pictures played in a camera's place."""

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from dfdetect.data import face_model
from dfdetect.deploy import film, runtime, video
from dfdetect.deploy.film import annotated_copy, open_film
from dfdetect.deploy.live import stopped_by_signal, watch
from dfdetect.deploy.live_board import Board
from dfdetect.deploy.photos import Settings
from dfdetect.main import main

from .standin import BAND, Standin, find_marked, marked
from .test_camera import Driver


@pytest.fixture(autouse=True)
def marked_faces(monkeypatch):
    monkeypatch.setattr(video, "search", find_marked)


@pytest.fixture
def detector(monkeypatch):
    made = Standin(BAND)
    Path("model.onnx").write_bytes(b"model")
    Path("yunet.onnx").write_bytes(b"yunet")
    monkeypatch.setattr(runtime.Detector, "load", classmethod(lambda cls, path, threads=None: made))
    monkeypatch.setattr(face_model, "face_model", lambda named: "yunet.onnx")
    return made


def clip(path, count=30):
    with annotated_copy(path, (320, 240), 25.0) as write:
        for i in range(count):
            write(marked(np.full((240, 320, 3), 90, np.uint8), (20 + i % 50, 60, 80, 60), (200, 80, 90, 210)))
    return str(path)


def scan(*arguments):
    return main(["scan", "--model=model.onnx", *map(str, arguments)])


def pictures(path):
    with open_film(str(path)) as film:
        return [image for _, image in film.frames(lambda s: True) if image is not None]


def test_a_row_like_a_videos_and_a_recording_of_every_picture(detector, tmp_path, capsys):
    file = clip(tmp_path / "clip.mp4")
    assert scan(f"--camera={file}", "--json", "--save=out", "--out=rows.jsonl") == 0
    said = capsys.readouterr()
    row = json.loads(said.out)
    assert json.loads(Path("rows.jsonl").read_text()) == row
    assert scan(file, "--json") == 0
    plain = json.loads(capsys.readouterr().out)
    assert row["path"] == f"camera:{file}"
    assert row["kind"] == "video"
    for same in ("verdict", "p_fake", "threshold", "faces", "size", "timeline"):
        assert row[same] == plain[same], same
    assert re.search(r"is shown at http://127\.0\.0\.1:\d+/[\w-]+/ \(only to this machine\). Ctrl-C stops", said.err)
    assert "30 pictures in 1.2 s (25.0 a second), 6 judged, recorded in " in said.err
    assert "left out" not in said.err
    shown = pictures("out/camera-clip.mp4")
    assert len(shown) == 30
    for before, after in zip(pictures(file), shown, strict=True):
        assert np.abs(after.astype(int) - before).max() > 100  # boxes


def test_table_and_csv(detector, tmp_path, capsys):
    file = clip(tmp_path / "clip.mp4", 10)
    assert scan(f"--camera={file}") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["verdict", "p_fake", "faces", "file"]
    assert row.split()[:4] == ["fake", row.split()[1], "2", f"camera:{file}"]
    assert scan(f"--camera={file}", "--csv") == 0
    (values,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert (values["path"], values["verdict"]) == (f"camera:{file}", "fake")


def test_a_camera_that_goes_away_leaves_its_row_and_recording(detector, monkeypatch, capsys):
    made, capture = Driver(40), cv2.VideoCapture
    with monkeypatch.context() as patched:
        patched.setattr("cv2.VideoCapture", made)
        patched.setattr(film, "_frames_in", lambda file: capture(str(file)).get(cv2.CAP_PROP_FRAME_COUNT))
        assert scan("--camera=0", "--json", "--save=out", "--faces=off", "--rate=50") == 1
    said = capsys.readouterr()
    row = json.loads(said.out)
    assert (row["path"], row["verdict"], row["faces"][0]["box"]) == ("camera:0", "real", None)
    assert said.err.splitlines()[-1].startswith("dfdetect: error: camera:0: gives no more pictures. Is it plugged in")
    assert made.released == 1
    assert len(pictures("out/camera-0.mp4")) >= 40


def test_no_camera_is_one_line_and_no_row(detector, monkeypatch, capsys):
    monkeypatch.setattr("cv2.VideoCapture", Driver(0, opened=False))
    assert scan("--camera=63", "--json", "--save=out") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("dfdetect: error: camera:63: ")
    assert "Traceback" not in said.err
    assert "http://" not in said.err
    assert not list(Path("out").iterdir())


def test_a_port_that_is_taken_and_a_file_that_is_none(detector, tmp_path, capsys):
    file = clip(tmp_path / "clip.mp4", 3)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert scan(f"--camera={file}", f"--port={taken.getsockname()[1]}") == 2
    assert "cannot be had" in capsys.readouterr().err
    Path("out").touch()
    assert scan(f"--camera={file}", "--save=out") == 2
    assert "--save out: cannot be written into" in capsys.readouterr().err
    Path("text.mp4").write_text("no video")
    assert scan("--camera=text.mp4") == 1
    assert "no video, or damaged" in capsys.readouterr().err


def test_stopping_keeps_what_was_recorded(tmp_path):
    stop, file = threading.Event(), clip(tmp_path / "clip.mp4", 250)
    threading.Timer(0.7, stop.set).start()
    start = time.monotonic()
    watched = watch(file, Settings(Standin(), "m"), Board(), tmp_path / "out", stop)
    assert time.monotonic() - start < 5
    assert watched.error is None
    assert watched.row is not None
    shown = len(pictures(tmp_path / "out" / "camera-clip.mp4"))
    assert 0 < shown < 250
    assert f"{shown} pictures" in watched.said


def test_slow_viewers_do_not_slow_the_camera_and_several_see_it(tmp_path):
    file, board = clip(tmp_path / "clip.mp4", 40), Board()
    seen: dict[int, list[int]] = {}

    def view(name, pause):
        after = 0
        while (found := board.picture(after, 5)) is not None:
            after = found[0]
            seen.setdefault(name, []).append(after)
            time.sleep(pause)

    viewers = [threading.Thread(target=view, args=(i, pause)) for i, pause in enumerate((0, 0, 0.2))]
    for one in viewers:
        one.start()
    watched = watch(file, Settings(Standin(), "m"), board, tmp_path / "out", threading.Event())
    for one in viewers:
        one.join(10)
    assert "40 pictures in 1.6 s (25.0 a second)" in watched.said
    assert len(pictures(tmp_path / "out" / "camera-clip.mp4")) == 40
    assert all(numbers == sorted(set(numbers)) and numbers[-1] == 40 for numbers in seen.values())
    assert len(seen[2]) < 15 < len(seen[0])


def test_a_signal_stops_and_the_next_one_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with stopped_by_signal() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C reaches a whole console")
def test_a_real_interrupt_while_two_browsers_watch(tiny_onnx, tmp_path):
    file = clip(tmp_path / "clip.mp4", 1500)  # a minute
    command = [sys.executable, "-m", "dfdetect", "scan", "--camera", file, "--model", tiny_onnx, "--faces=off"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [*map(str, command), "--save=out", "--json"], env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    while not (address := re.search(r"http://\S+", said)):
        said += (line := process.stderr.readline())
        assert line, said
    place = urlsplit(address[0])
    counts = [0, 0]

    def view(number):
        connection, after = http.client.HTTPConnection(place.netloc, timeout=10), 0
        for _ in range(30):
            connection.request("GET", f"{place.path}picture?after={after}")
            answer = connection.getresponse()
            counts[number] += answer.read().startswith(b"\xff\xd8")
            after = int(answer.headers["X-Picture"] or after)
        connection.close()

    viewers = [threading.Thread(target=view, args=(i,)) for i in range(2)]
    for one in viewers:
        one.start()
    for one in viewers:
        one.join(60)
    assert counts == [30, 30]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    row = json.loads(out)
    assert (row["path"], row["kind"], row["size"]) == (f"camera:{file}", "video", [320, 240])
    assert "Traceback" not in err
    found = re.search(r"(\d+) pictures in .* recorded in (\S+)", err)
    assert found is not None
    assert len(pictures(found[2])) == int(found[1]) >= 30
