"""`dfdetect scan` through the real command line, with a detector and faces that are known."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dfdetect.data import face_model
from dfdetect.deploy import photos, runtime, video
from dfdetect.deploy.output import Output
from dfdetect.deploy.tracks import LEAST_FRAMES
from dfdetect.main import main
from tests.fuzz_seeds import image_seeds, video_seeds

from .standin import BAND, Standin, find_marked, marked, textured

HEAVY = ["torch", "lightning", "torchmetrics", "sklearn", "albumentations", "matplotlib", "tensorboard", "jsonargparse"]


@pytest.fixture
def detector(monkeypatch, tmp_path):
    """What every `--model FILE` is in these tests."""
    made = Standin(BAND)
    Path("model.onnx").write_bytes(b"model")
    Path("yunet.onnx").write_bytes(b"yunet")
    monkeypatch.setattr(runtime.Detector, "load", classmethod(lambda cls, path, threads=None: made))
    monkeypatch.setattr(face_model, "face_model", lambda named: "yunet.onnx")
    monkeypatch.setattr(photos, "search", find_marked)
    monkeypatch.setattr(video, "search", find_marked)
    return made


@pytest.fixture
def folder(tmp_path):
    """Fake, real, uncertain, no face, empty, no image; 6 files and a note."""
    root = tmp_path / "photos"
    root.mkdir()
    for name, red in (("1-fake.png", 220), ("2-real.png", 30), ("10-close.png", 128)):
        Image.fromarray(marked(np.full((200, 300, 3), 90, np.uint8), (60, 40, 100, red))).save(root / name)
    Image.fromarray(textured(100, 100, 100)).save(root / "11-noface.png")
    (root / "12-empty.jpg").touch()
    (root / "13-text.jpg").write_text("no picture")
    (root / "notes.txt").write_text("x")
    return root


def scan(*arguments):
    return main(["scan", "--model=model.onnx", *map(str, arguments)])


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_table_with_reasons_and_a_summary(detector, folder, capsys):
    assert scan(folder) == 1
    said = capsys.readouterr()
    table = [line.replace(f"{folder}/", "") for line in said.out.splitlines()]
    assert [" ".join(line.split()) for line in table[:7]] == [
        "verdict p_fake faces file",
        "fake 0.863 1 1-fake.png",
        "real 0.118 1 2-real.png",
        "uncertain 0.502 1 10-close.png too close to the threshold (0.400 to 0.600)",
        "uncertain - 0 11-noface.png no face found",
        "unreadable - - 12-empty.jpg empty file",
        "unreadable - - 13-text.jpg not an image of a known kind, or damaged at its start",
    ]
    assert table[7].startswith("6 files: 1 fake, 2 uncertain, 1 real, 2 unreadable (")
    assert table[8] == "passed over, being neither image nor video by their names: 1 (.txt 1)"
    assert "model.onnx: standin, Stand-in, CPU, 1 thread; fake from p_fake 0.500, uncertain from 0.400" in said.err
    assert "9.0% of the answered were wrong, 80% were answered, n 500" in said.err
    assert "\x1b" not in said.out


def test_exit_code_0_where_all_could_be_read(detector, folder, capsys):
    assert scan(folder / "1-fake.png") == 0


def test_json_lines(detector, folder, capsys):
    assert scan(folder, "--json") == 1
    said = capsys.readouterr()
    found = rows(said.out)
    assert [Path(row["path"]).name for row in found][:3] == ["1-fake.png", "2-real.png", "10-close.png"]
    assert found[0]["faces"][0]["box"] == pytest.approx([60, 40, 100, 100], abs=3)
    assert "6 files: 1 fake" in said.err


def test_csv(detector, folder, capsys):
    assert scan(folder, "--csv") == 1
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["verdict"] for row in found] == ["fake", "real", "uncertain", "uncertain", "error", "error"]


def test_paths_may_stand_among_the_options(detector, folder, capsys):
    assert scan(folder / "1-fake.png", "--json", folder / "2-real.png", "--threads", "1", folder / "10-close.png") == 0
    assert [row["verdict"] for row in rows(capsys.readouterr().out)] == ["fake", "real", "uncertain"]


def test_a_folder_without_photos_is_said_to_be_one(detector, tmp_path, capsys):
    assert scan(tmp_path) == 0
    assert "Nothing was judged" in capsys.readouterr().err


def test_a_photo_named_for_a_list_is_one_row(detector, folder, capsys):
    assert scan("--json", "--list", folder / "1-fake.png") == 1
    (row,) = rows(capsys.readouterr().out)
    assert row["reason"] == "no list of paths, one a line; names that end in NUL are read with --null"


def test_memory_of_large_photos_is_given_back(detector, folder, monkeypatch):
    """A training keeps what it has freed; of a scan's threads each would keep what its largest photo took."""
    called = []
    monkeypatch.setattr("dfdetect.deploy.scan.prepare_server", lambda: called.append(len(detector.batches)))
    assert scan(folder / "1-fake.png") == 0
    assert called == [0]  # before the first picture


def test_hidden_names_are_counted(detector, folder, capsys):
    (folder / ".hidden").mkdir()
    (folder / "1-fake.png").rename(folder / ".1-fake.png")
    assert scan(folder) == 1
    assert "left out, being hidden by their names: 2\n" in capsys.readouterr().out


def test_resuming_judges_only_what_is_new(detector, folder, capsys):
    assert scan(folder, "--out=rows.jsonl") == 1
    Image.fromarray(marked(textured(200, 300, 100), (60, 40, 100, 200))).save(folder / "5-new.png")
    detector.batches.clear()
    capsys.readouterr()
    assert scan(folder, "--out=rows.jsonl", "--resume", "--html=page.html") == 1  # two unreadable ones before
    said = capsys.readouterr()
    assert detector.batches == [1]
    assert "7 files: 2 fake, 2 uncertain, 1 real, 2 unreadable; 6 of them judged before" in said.out
    page = Path("page.html").read_text()
    assert "and not on it: 6 files (1 fake, 2 uncertain, 1 real, 2 unreadable)." in page
    assert len({row["path"] for row in rows(Path("rows.jsonl").read_text())}) == 7
    assert scan(folder, "--out=rows.jsonl", "--resume", "--margin=0.7") == 1
    assert "other settings" in capsys.readouterr().err
    assert scan(folder, "--out=rows.jsonl") == 2


def test_videos_among_photos_and_annotated_copies(detector, folder, capsys):
    (folder / "3-film.jpg").write_bytes(video_seeds()["mpeg4.mp4"])  # under a wrong name
    (folder / "4-film.mp4").write_bytes(video_seeds()["cut-in-the-middle.mp4"])
    (folder / "5-film.mp4").write_bytes(image_seeds()["jpeg.jpg"])
    assert scan(folder, "--json", "--save=copies") == 1
    found = {Path(row["path"]).name: row for row in rows(capsys.readouterr().out)}
    assert found["3-film.jpg"]["kind"] == "video"
    assert found["3-film.jpg"]["timeline"] == []
    assert found["4-film.mp4"]["reason"] == "no video, or damaged"
    assert found["5-film.mp4"]["kind"] == "photo"
    assert [file.name for file in Path("copies").iterdir()] == ["3-film.mp4"]
    assert scan(folder / "3-film.jpg", "--out=rows.jsonl") == 0
    assert scan(folder / "3-film.jpg", "--out=rows.jsonl", "--resume", "--save=more") == 1  # whose copy nobody made
    assert "other settings" in capsys.readouterr().err


def test_a_playlist_is_named_and_not_opened(detector, folder, capsys):
    (folder / "4-film.mp4").write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    assert scan(folder / "4-film.mp4", "--json") == 1
    (row,) = rows(capsys.readouterr().out)
    assert row["reason"] == "a playlist, which names other files: never opened. Name those files"


def test_a_page(detector, folder, capsys):
    assert scan(folder, "--html=page.html") == 1
    html = Path("page.html").read_text(encoding="utf-8")
    assert "<h1>Scan of 6 files</h1>" in html
    assert html.count("data:image/jpeg;base64,") == 4
    assert html.index("1-fake.png") < html.index("10-close.png") < html.index("2-real.png") < html.index("12-empty")


def test_standard_input_with_odd_names(detector, folder, capsys, monkeypatch):
    odd = folder / "two\nlines.png"
    (folder / "1-fake.png").rename(odd)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(os.fsencode(odd) + b"\0missing.jpg\0")))
    assert scan("-", "--null", "--json") == 1
    first, second = rows(capsys.readouterr().out)
    assert (first["path"], first["verdict"]) == (str(odd), "fake")
    assert (second["path"], second["reason"]) == ("missing.jpg", "no such file")


def test_faces_off_judges_whole_pictures(detector, folder, capsys, monkeypatch):
    monkeypatch.setattr(face_model, "face_model", lambda named: pytest.fail("no face model is needed"))
    assert scan(folder / "11-noface.png", "--faces=off", "--json") == 0
    (row,) = rows(capsys.readouterr().out)
    assert row["p_fake"] == pytest.approx(100 / 255, abs=0.02)
    assert row["faces"][0]["box"] is None


def test_stopped_by_the_user(detector, folder, capsys, monkeypatch):
    """The third row is not written: what is there is whole, and the page says that it is partial."""
    add, done = Output.add, []

    def stop_at_the_third(self, row):
        done.append(row)
        if len(done) == 3:
            raise KeyboardInterrupt
        add(self, row)

    monkeypatch.setattr(Output, "add", stop_at_the_third)
    assert scan(folder, "--out=rows.csv", "--html=page.html") == 130
    assert (
        "Stopped after 2 files; their rows are whole. Go on: the same command with --resume" in capsys.readouterr().err
    )
    assert "stopped before its end" in Path("page.html").read_text()
    monkeypatch.setattr(Output, "add", add)
    assert scan(folder, "--out=rows.csv", "--resume") == 1
    with open("rows.csv", newline="") as stream:
        assert [row["verdict"] for row in csv.DictReader(stream)] == [
            "fake", "real", "uncertain", "uncertain", "error", "error"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ([], "Nothing to scan"),
        (["a", "--resume"], "name it with --out"),
        (["a", "--threads=0"], "--threads must be from 1 to 64"),
        (["a", "--threads=1000000"], "--threads must be from 1 to 64"),
        (["a", "--most-frames=4"], f"--most-frames must be at least {LEAST_FRAMES}: a face is judged by as many"),
        (["a", "--rate=0"], "--rate must be above 0"),
        (["a", "--rate=1e9"], "--rate must be above 0 and below a million"),
        (["a", "--timeout=nan"], "--timeout must be above 0"),
        (["a", "--margin=-1"], "--margin is a share"),
        (["a", "--html=."], "is a folder"),
        (["a.jpg", "--html=a.jpg"], "--html a.jpg is written anew: name a file that ends in .html or .htm"),
        ([".", "--save=copies"], "--save copies lies in ., whose next scan would judge the copies"),
        (["a", "--faces=off", "--margin=0.3"], "--faces off searches no face: leave out --margin"),
        (["a", "--faces=off", "--face-model=m", "--margin=0"], "leave out --margin and --face-model"),
        (["a", "--out=rows.txt"], "its name ends in"),
        (["a", "--port=8000"], "--port is of the page that --camera serves"),
        (["a", "--camera=0"], "leave out PATHs"),
        (
            ["--camera=0", "--list=a", "--null", "--resume", "--html=a", "--threads=2", "--most-frames=9"],
            "leave out --list, --null, --resume, --html, --threads, --most-frames",
        ),
        (["--camera=front"], "neither a camera's number, as 0, nor a video file"),
        (["--camera=-1"], "neither a camera's number"),
        (["--camera=rtsp://127.0.0.1/a"], "neither a camera's number"),
        (["--camera=0", "--port=65536"], "--port is from 1 to 65535"),
        (["--camera=0", "--rate=0"], "--rate must be above 0"),
    ],
)
def test_wrong_usage(arguments, cause, detector, capsys):
    before = sorted(Path.cwd().iterdir())
    assert scan(*arguments) == 2
    assert cause in capsys.readouterr().err
    assert sorted(Path.cwd().iterdir()) == before, "nothing is left behind"


def test_the_settings_of_the_model_are_said(detector, folder, capsys, monkeypatch):
    detector.facts = replace(detector.facts, face_margin=None, calibrated=False)
    assert scan(folder / "2-real.png") == 0
    said = capsys.readouterr().err
    assert "Its threshold was never fitted" in said
    assert "It records no margin around faces, as dfdetect export measures: 0.17 is taken" in said
    detector.facts = replace(detector.facts, face_margin=0.3)
    assert scan(folder / "2-real.png") == 0
    assert "margin" not in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "says"), [
    ("checkpoint", ", no uncertain band: dfdetect export chooses one"), ("onnx", ", no uncertain band"),
])  # fmt: skip
def test_it_says_that_there_is_no_uncertain_band(kind, says, detector, folder, capsys):
    detector.facts = replace(detector.facts, uncertain=None, format=kind)
    assert scan(folder / "2-real.png") == 0
    assert f"fake from p_fake 0.500{says}\n" in capsys.readouterr().err


def run_apart(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen([sys.executable, *map(str, arguments)], env=environment, **options)


def test_an_exported_model_is_scanned_without_heavy_libraries(tiny_onnx, folder, tmp_path):
    (folder / "14-broken.tif").write_bytes(_broken_tiff())
    code = (
        "import sys; from dfdetect.main import main\n"
        f"code = main(['scan', {str(folder)!r}, '--model', {str(tiny_onnx)!r}, '--faces=off', '--careful'])\n"
        f"print('loaded', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(code)"
    )
    process = run_apart("-c", code, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "7 files: " in out.decode()
    assert "loaded []" in out.decode()
    said = err.decode().splitlines()
    assert len(said) == 1, said  # which model it is; not what libtiff thinks of the last file


def test_rows_come_while_the_next_path_is_waited_for_and_a_signal_ends_that(tiny_onnx, folder, tmp_path):
    """Each row is read before the next path is written; then nothing more comes, and the scan is stopped twice."""
    command = ["-m", "dfdetect", "scan", "-", "--model", tiny_onnx, "--faces=off", "--json", "--html"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        page = tmp_path / f"{code}.html"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
        with run_apart(*command, page, **pipes) as process:
            for name in ("1-fake.png", "2-real.png"):
                process.stdin.write(os.fsencode(folder / name) + b"\n")
                assert json.loads(process.stdout.readline())["path"] == str(folder / name)
            process.send_signal(number)
            time.sleep(0.02)
            process.send_signal(number)
            err = process.stderr.read().decode()
            assert process.wait(60) == code, err
        assert "Stopped after 2 files; their rows are whole" in err
        assert "Traceback" not in err
        assert "stopped before its end" in page.read_text()


@pytest.mark.parametrize("gap_s", [0.0, 0.02, 0.04])
def test_a_second_ctrl_c_does_not_disturb_the_end(gap_s, tiny_onnx, tmp_path):
    root = tmp_path / "many"
    root.mkdir()
    for number in range(2000):
        os.link(_photo(tmp_path), root / f"{number}.png")
    command = [
        "-m",
        "dfdetect",
        "scan",
        root,
        "--model",
        tiny_onnx,
        "--faces=off",
        "--careful",
        "--json",
        "--html=p.html",
    ]
    with run_apart(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        time.sleep(gap_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert 0 < len(rows((first + out).decode())) < 2000
    assert "stopped before its end" in Path("p.html").read_text()


@pytest.mark.slow
def test_a_real_interrupt_leaves_whole_rows(tiny_onnx, tmp_path):
    root = tmp_path / "many"
    root.mkdir()
    for number in range(4000):
        os.link(_photo(tmp_path), root / f"{number}.png")
    command = ["-m", "dfdetect", "scan", root, "--model", tiny_onnx, "--faces=off", "--out=rows.jsonl"]
    process = run_apart(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not Path("rows.jsonl").exists() or Path("rows.jsonl").stat().st_size < 20_000:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"their rows are whole" in err
    done = rows(Path("rows.jsonl").read_text())
    assert 0 < len(done) < 4000
    resumed = run_apart(*command, "--resume", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert resumed.wait(120) == 0
    assert len({row["path"] for row in rows(Path("rows.jsonl").read_text())}) == 4000


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_crash(tiny_onnx, tmp_path):
    command = f"-m dfdetect scan - --model {tiny_onnx} --faces=off --json".split()
    process = run_apart(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(f"{_photo(tmp_path)}\n".encode() * 500)
    process.stdin.close()
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(60) == 1
    assert b"Traceback" not in err
    process.stderr.close()


def _broken_tiff():
    """One that libtiff writes to standard error about, as this process sees."""
    content = bytearray(image_seeds()["lzw.tif"])
    content[300:400] = bytes(100)
    return bytes(content)


def _photo(folder):
    file = folder / "photo.png"
    if not file.exists():
        Image.fromarray(textured(64, 64, 90)).save(file)
    return file
