"""One pass over all files: every broken one has a cause, every good one its row, whatever the number of workers."""

import multiprocessing
import os
import pickle
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.audit import measure as module
from dfdetect.data.audit.duplicates import pixel_hash
from dfdetect.data.audit.measure import Measurement, Settings, measure, measure_file
from dfdetect.data.audit.statistics import measure_layout, measure_pixels
from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.samples import load_samples
from dfdetect.errors import DFDetectError
from tests.data.helpers import draw_classes


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than its few bytes hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def write_broken(folder) -> dict[str, str]:
    """One file of each kind of damage; returns what is said of each."""
    draw_classes(folder, 2)
    good = (folder / "real/000.png").read_bytes()
    contents = {
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"hello", "not an image"),
        "cut.png": (good[: len(good) // 2], "damaged"),
        "huge.png": (huge_png(10_001, 10_000), "too large"),
        "bomb.png": (huge_png(60_000, 60_000), "too large"),
    }
    for name, (content, _) in contents.items():
        (folder / "real" / name).write_bytes(content)
    return {f"real/{name}": said for name, (_, said) in contents.items()}


def test_every_kind_of_damage_is_a_cause(tmp_path):
    broken = write_broken(tmp_path)
    found = measure(load_samples(tmp_path), Settings())
    samples = load_samples(tmp_path)
    causes = {samples.paths[index]: cause for index, cause in found.broken}
    assert set(causes) == set(broken)
    for path, said in broken.items():
        assert said in causes[path]
    assert [samples.paths[i] for i in found.kept] == ["fake/001.png", "real/000.png"]


@pytest.mark.skipif(os.name == "nt", reason="no pipes in folders there")
def test_a_pipe_is_not_waited_for_and_a_dead_link_is_missing(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    os.symlink("nowhere.png", tmp_path / "dead.png")
    assert measure_file(str(tmp_path / "pipe.png"), Settings()) == "not a regular file"
    assert measure_file(str(tmp_path / "dead.png"), Settings()) == "no such file"
    assert measure_file(str(tmp_path), Settings()) == "not a regular file"


def test_a_file_that_may_not_be_read_and_one_that_is_too_long(tmp_path, monkeypatch):
    draw_classes(tmp_path, 2)
    path = str(tmp_path / "real/000.png")
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)
    assert "too large" in str(measure_file(path, Settings()))
    monkeypatch.undo()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert measure_file(path, Settings()) == "cannot be opened (Permission denied)"


def test_a_picture_that_memory_cannot_hold_is_a_row(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    draw_classes(tmp_path, 2)
    monkeypatch.setattr(module, "describe", fail)
    assert "memory" in str(measure_file(str(tmp_path / "real/000.png"), Settings()))


@pytest.mark.slow
def test_a_picture_of_a_hundred_megapixels_is_measured(tmp_path):
    Image.new("RGB", (10_000, 10_000), "grey").save(tmp_path / "large.jpg", quality=50)
    answer = measure_file(str(tmp_path / "large.jpg"), Settings())
    assert isinstance(answer, Measurement)
    assert (answer.facts.width, answer.facts.height) == (10_000, 10_000)


def test_all_is_measured_on_the_same_pixels(tmp_path):
    draw_classes(tmp_path, 2, size=(80, 64))
    path = str(tmp_path / "fake/001.png")
    answer = measure_file(path, Settings(normalise_encoding=30))
    assert isinstance(answer, Measurement)
    image = decode(path)
    np.testing.assert_array_equal(answer.statistics, measure_pixels(reencode(image, 30)))
    np.testing.assert_array_equal(answer.layout, measure_layout(image))
    assert answer.pixels == pixel_hash(image)
    assert answer.faces == -1
    assert len(pickle.dumps(answer)) < 100_000


def test_workers_change_nothing(tmp_path):
    write_broken(tmp_path)
    draw_classes(tmp_path, 30, size=(64, 64))
    samples = load_samples(tmp_path)
    one, two = (measure(samples, Settings(), workers) for workers in (1, 2))
    assert one.broken == two.broken
    assert one.pixels == two.pixels
    assert one.facts == two.facts
    np.testing.assert_array_equal(one.kept, two.kept)
    np.testing.assert_array_equal(one.statistics, two.statistics)
    for mine, yours in zip(one.layouts, two.layouts, strict=True):
        assert mine.count == yours.count
        np.testing.assert_array_equal(mine.total, yours.total)
        np.testing.assert_array_equal(mine.squares, yours.squares)
    assert [sums.count for sums in one.layouts] == [15, 15]


def test_a_name_that_no_file_can_have_is_a_row(tmp_path):
    assert measure_file(str(tmp_path / "a\0.png"), Settings()) == "no name of a file"


def test_layout_sums_are_those_of_each_class(tmp_path):
    draw_classes(tmp_path, 6)
    samples = load_samples(tmp_path)
    found = measure(samples, Settings())
    for label, sums in enumerate(found.layouts):
        layouts = [
            measure_layout(decode(samples.file(i))).astype(float) for i in range(6) if samples.labels[i] == label
        ]
        np.testing.assert_array_equal(sums.total, sum(layouts))
        np.testing.assert_array_equal(sums.squares, sum(layout**2 for layout in layouts))


def test_nothing_readable_is_an_empty_table(tmp_path):
    draw_classes(tmp_path, 4)
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(b"")
    found = measure(load_samples(tmp_path), Settings())
    assert (len(found.kept), len(found.broken)) == (0, 4)
    assert found.statistics.shape == (0, len(measure_pixels(np.zeros((4, 4, 3), np.uint8))))


def test_a_script_that_cannot_be_imported_again_is_told_to_use_one_process(tmp_path):
    """As one that is piped into Python: its workers end before they begin."""
    draw_classes(tmp_path / "set", 4, size=(64, 64))
    script = "from dfdetect.main import main; raise SystemExit(main(['audit', 'set', '--workers=2']))"
    done = subprocess.run(
        [sys.executable, "-"], input=script, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("dfdetect: error: Measuring processes cannot be started here")
    assert done.stderr.rstrip().endswith("say --workers 1")
    assert "memory" not in done.stderr


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_system_that_starts_no_process_or_too_few_is_named(allowed, tmp_path, monkeypatch):
    from multiprocessing.context import SpawnProcess

    draw_classes(tmp_path, 60)
    started: list[SpawnProcess] = []
    start = SpawnProcess.start

    def start_some(process):
        if len(started) == allowed:
            raise BrokenPipeError(32, "Broken pipe")
        start(process)
        started.append(process)

    monkeypatch.setattr(SpawnProcess, "start", start_some)
    with pytest.raises(DFDetectError, match=r"cannot be started here \(.*Broken pipe\): say --workers 1"):
        measure(load_samples(tmp_path), Settings(), workers=2)
    assert len(started) == allowed
    assert not set(started) & set(multiprocessing.active_children())


def kill_itself(path: str, settings: Settings) -> str:
    os._exit(1)


def test_a_dead_worker_is_said(tmp_path, monkeypatch):
    draw_classes(tmp_path, 4)
    monkeypatch.setattr(module, "_measure_chunk", kill_itself)
    with pytest.raises(DFDetectError, match="--workers 1"):
        measure(load_samples(tmp_path), Settings(), workers=2)
