"""The pixel cache is never wrong: whatever changes, breaks, races or is killed, the pixels are the decoder's."""

import errno
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dfdetect.data import cache
from dfdetect.data.cache import CACHE_MODES, Decoder, DiskStore, Pixels, cache_usage, clear_cache, open_store
from dfdetect.data.decode import decode
from dfdetect.data.encoding import reencode
from dfdetect.data.resize import CROPS, resize
from dfdetect.errors import DecodeError
from dfdetect.main import main

from .helpers import draw


@pytest.fixture
def photos(tmp_path):
    folder = draw(tmp_path / "photos", *(f"{i}.png" for i in range(6)), size=(50, 70))
    return sorted(str(file) for file in folder.iterdir())


@pytest.fixture
def decoded(monkeypatch):
    """Paths that were really decoded, in order."""
    paths: list[str] = []

    def spy(path):
        paths.append(path)
        return decode(path)

    monkeypatch.setattr(cache, "decode", spy)
    return paths


def entries(folder=None) -> list[Path]:
    return sorted(cache.pixel_folder(folder).glob("*/*/*"))


def wait_for_the_clock(folder: Path) -> None:
    """Until a file written now gets a later change time: file systems count in ticks of some milliseconds."""
    probe = folder / "probe"
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        time.sleep(0.002)
        probe.touch()
    probe.unlink()


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("mode", CACHE_MODES)
def test_all_stores_return_the_same_pixels_first_and_again(mode, crop, photos):
    store = open_store(mode, Decoder(32, crop), len(photos))
    for _ in range(3):
        for i, path in enumerate(photos):
            pixels = store.load(i, path)
            assert pixels.dtype == np.uint8
            np.testing.assert_array_equal(pixels, resize(decode(path), 32, crop))


@pytest.mark.parametrize(("mode", "times"), [("off", 3), ("ram", 1), ("disk", 1)])
def test_each_file_is_decoded_once_where_there_is_a_cache(mode, times, photos, decoded):
    store = open_store(mode, Decoder(32), len(photos))
    for _ in range(3):
        for i, path in enumerate(photos):
            store.load(i, path)
    assert decoded == photos * times


def test_disk_cache_outlives_its_store_and_is_shared_by_path(photos, decoded, monkeypatch):
    DiskStore(Decoder(32)).load(0, photos[3])
    monkeypatch.chdir(Path(photos[3]).parent)
    np.testing.assert_array_equal(DiskStore(Decoder(32)).load(5, "3.png"), resize(decode(photos[3]), 32))
    assert len(decoded) == 1


@pytest.mark.parametrize("mode", ["ram", "disk"])
@pytest.mark.parametrize("change", ["content", "size alone", "replaced", "same size and time"])
def test_changed_file_is_seen(mode, change, photos, tmp_path):
    path = Path(photos[0])
    path.write_bytes(bmp(1))
    before = path.stat()
    store = open_store(mode, Decoder(32), 1)
    first = store.load(0, str(path)).copy()
    wait_for_the_clock(tmp_path)
    if change == "content":
        path.write_bytes(bmp(2))
    elif change == "size alone":
        path.write_bytes(bmp(2) + b"more")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "replaced":
        (tmp_path / "new").write_bytes(bmp(2))
        os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(tmp_path / "new", path)
    else:
        path.write_bytes(bmp(2))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second = store.load(0, str(path))
    assert (first != second).any()
    np.testing.assert_array_equal(second, resize(decode(path), 32))


def bmp(seed: int) -> bytes:
    """Pictures whose files are equally long."""
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    return b"P6 40 40 255\n" + image.tobytes()


@pytest.mark.parametrize("mode", ["ram", "disk"])
def test_deleted_and_broken_files_are_errors_cached_or_not(mode, photos):
    store = open_store(mode, Decoder(32), 3)
    store.load(0, photos[0])
    os.unlink(photos[0])
    with pytest.raises(DecodeError, match="no such file"):
        store.load(0, photos[0])
    Path(photos[1]).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(DecodeError, match="empty file"):
            store.load(1, photos[1])
    Path(photos[1]).write_bytes(bmp(1))
    np.testing.assert_array_equal(store.load(1, photos[1]), resize(decode(photos[1]), 32))


def test_size_crop_and_path_have_entries_of_their_own(photos):
    for size in (16, 32):
        for crop in CROPS:
            for path in photos[:2]:
                pixels = DiskStore(Decoder(size, crop)).load(0, path)  # type: ignore[arg-type]
                np.testing.assert_array_equal(pixels, resize(decode(path), size, crop))  # type: ignore[arg-type]
    assert len(entries()) == 2 * len(CROPS) * 2
    assert {file.parts[-3] for file in entries()} == {f"{crop}-{size}" for crop in CROPS for size in (16, 32)}


@pytest.mark.parametrize("mode", CACHE_MODES)
def test_encoding_is_normalised_before_resizing_and_has_entries_of_its_own(mode, photos):
    expected: dict[int | None, Pixels] = {None: resize(decode(photos[0]), 16)}
    expected |= {quality: resize(reencode(decode(photos[0]), quality), 16) for quality in (50, 90)}
    for _ in range(2):
        for quality, pixels in expected.items():
            store = open_store(mode, Decoder(16, normalise_encoding=quality), 1)
            np.testing.assert_array_equal(store.load(0, photos[0]), pixels)
    assert not np.array_equal(expected[50], expected[90])
    if mode == "disk":
        assert {file.parts[-3] for file in entries()} == {"resize-16", "resize-16-jpeg50", "resize-16-jpeg90"}


DAMAGES = {
    "empty": lambda d: b"",
    "header cut": lambda d: d[:10],
    "pixels cut": lambda d: d[:-1],
    "too long": lambda d: d + b"x",
    "zeros": lambda d: bytes(len(d)),
    "other magic": lambda d: b"dfd0" + d[4:],
    "other size": lambda d: d[:5] + b"\xff" + d[6:],
}


@pytest.mark.parametrize(
    "damage",
    DAMAGES.values(),
    ids=DAMAGES,
)
def test_damaged_entry_is_ignored_and_written_anew(damage, photos, decoded):
    expected = DiskStore(Decoder(32)).load(0, photos[0])
    [entry] = entries()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    np.testing.assert_array_equal(DiskStore(Decoder(32)).load(0, photos[0]), expected)
    assert entry.read_bytes() == whole
    assert len(decoded) == 2


def test_folder_in_an_entrys_place_costs_speed_only(photos):
    expected = DiskStore(Decoder(32)).load(0, photos[0])
    [entry] = entries()
    entry.unlink()
    entry.mkdir()
    with pytest.warns(UserWarning, match="cannot be written"):
        pixels = DiskStore(Decoder(32)).load(0, photos[0])
    np.testing.assert_array_equal(pixels, expected)


def test_returned_pixels_are_the_callers_own(photos):
    store = DiskStore(Decoder(32))
    for _ in range(3):
        store.load(0, photos[0])[...] = 7
    np.testing.assert_array_equal(store.load(0, photos[0]), resize(decode(photos[0]), 32))


def hammer(folder: str, paths: list[str], seed: int, rounds: int) -> None:
    """Read, in an order of its own, and check every picture."""
    expected = {path: resize(decode(path), 32) for path in paths}
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        store = DiskStore(Decoder(32), Path(folder))
        for i in rng.permutation(len(paths)):
            assert (store.load(0, paths[i]) == expected[paths[i]]).all()
        if seed == 0:
            clear_cache(Path(folder))


def test_processes_share_a_folder_that_is_cleared_under_them(photos, tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=hammer, args=(str(tmp_path / "shared"), photos, seed, 30)) for seed in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]


KILLED = """
import sys
from pathlib import Path
from dfdetect.data.cache import Decoder, DiskStore, entry_path
from dfdetect.data.identity import file_identity
store = DiskStore(Decoder(400), Path(sys.argv[1]))
pixels = {path: store.load(0, path) for path in sys.argv[2:]}
print("ready", flush=True)
while True:
    for path in pixels:
        store._write(entry_path(store.folder, path), file_identity(path), pixels[path])
"""


def test_kill_while_writing_leaves_no_wrong_pixels(photos, tmp_path):
    folder = tmp_path / "shared"
    expected = {path: resize(decode(path), 400) for path in photos}
    for pause in (0.003, 0.01, 0.027):
        command = [sys.executable, "-c", KILLED, str(folder), *photos]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"ready"
            time.sleep(pause)
            process.kill()
        assert cache_usage(folder).files >= len(photos)
        store = DiskStore(Decoder(400), folder)
        for path in photos:
            np.testing.assert_array_equal(store.load(0, path), expected[path])


def test_half_written_entry_never_takes_an_entrys_name(photos, monkeypatch):
    """The process dies between the two writes: all that is there is a file of another name."""

    class Dying:
        def __init__(self, stream):
            self.stream, self.writes = stream, 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def write(self, data):
            self.writes += 1
            if self.writes == 2:
                self.stream.write(data[: len(data) // 2])
                raise KeyboardInterrupt
            self.stream.write(data)

    opened = open
    with monkeypatch.context() as patch:
        patch.setattr(cache, "open", lambda *a: Dying(opened(*a)) if "w" in a[1] else opened(*a), raising=False)
        with pytest.raises(KeyboardInterrupt):
            DiskStore(Decoder(32)).load(0, photos[0])
    assert not [file for file in entries() if file.suffix != ".part"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_that_takes_nothing_warns_once_and_goes_on(code, photos, decoded, monkeypatch):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    store = DiskStore(Decoder(32))
    store.load(0, photos[0])
    monkeypatch.setattr(os, "replace", refuse)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        loaded = [(path, store.load(i, path)) for i, path in [*enumerate(photos)] * 2]
    for path, pixels in loaded:
        np.testing.assert_array_equal(pixels, resize(decode(path), 32))
    [warning] = seen
    assert "cannot be written" in str(warning.message)
    assert os.strerror(code) in str(warning.message)
    assert len(decoded) == 1 + 2 * (len(photos) - 1)  # what had been written is still read
    assert not [file for file in entries() if file.suffix == ".part"]


def test_cache_folder_that_cannot_be_made(photos, tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = DiskStore(Decoder(32), tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="cannot be written"):
        store.load(0, photos[0])


@pytest.mark.parametrize(("free", "kept"), [(10 * 32 * 32 * 3, False), (12 * 32 * 32 * 3, True)])
def test_disk_without_room_gives_no_cache_and_says_so(free, kept, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        store = open_store("disk", Decoder(32), 10, tmp_path / "not" / "yet" / "there")
    assert isinstance(store, DiskStore) == kept
    assert [("--data.cache_dir" in str(w.message), "10 images" in str(w.message)) for w in seen] == [(True, True)] * (
        not kept
    )
    assert not (tmp_path / "not").exists()


def test_cache_that_is_already_there_needs_no_more_room(photos, monkeypatch):
    for i, path in enumerate(photos):
        open_store("disk", Decoder(32), len(photos)).load(i, path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    assert isinstance(open_store("disk", Decoder(32), len(photos)), DiskStore)


def test_default_folder_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("DFDETECT_CACHE", str(tmp_path / "mine"))
    assert cache.pixel_folder() == tmp_path / "mine" / "pixels"
    monkeypatch.delenv("DFDETECT_CACHE")
    assert cache.default_cache_folder().name == "dfdetect"
    assert cache.pixel_folder(tmp_path) == tmp_path / "pixels"


def test_usage_and_clear(photos, tmp_path):
    assert (cache_usage().files, cache_usage().bytes) == (0, 0)
    store = DiskStore(Decoder(16))
    for path in photos:
        store.load(0, path)
    held = cache_usage()
    assert held.files == len(photos)
    assert held.bytes == sum(file.stat().st_size for file in entries()) >= len(photos) * 16 * 16 * 3
    assert clear_cache() == held
    assert cache_usage().files == 0
    np.testing.assert_array_equal(store.load(0, photos[0]), resize(decode(photos[0]), 16))


@pytest.mark.parametrize("own_folder", [False, True])
def test_command_shows_and_clears(own_folder, photos, capsys, tmp_path):
    folder = tmp_path / "own" if own_folder else None
    where = ["--dir", str(folder)] if folder else []
    for path in photos:
        DiskStore(Decoder(16), folder).load(0, path)
    assert main(["cache", *where]) == 0
    assert f"{cache.pixel_folder(folder)} holds 6 images, 0.0 MiB" in capsys.readouterr().out
    for argument, files in (([], 6), (["--clear"], 6), ([], 0), (["--clear"], 0)):
        assert main(["cache", "--json", *argument, *where]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer == {
            "folder": str(cache.pixel_folder(folder)),
            "files": files,
            "bytes": answer["bytes"],
            "cleared": bool(argument),
        }
        assert (answer["bytes"] > 0) == (files > 0)
    assert not entries(folder)


def test_command_clears_pixels_and_nothing_else(photos, tmp_path):
    DiskStore(Decoder(16), tmp_path).load(0, photos[0])
    (tmp_path / "keep.txt").write_text("mine")
    assert main(["cache", "--clear", "--dir", str(tmp_path)]) == 0
    assert (tmp_path / "keep.txt").exists()
    assert Path(photos[0]).exists()
    assert not (tmp_path / "pixels").exists()


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--nonsense"], 2)])
def test_command_help_and_usage(arguments, code, capsys):
    with pytest.raises(SystemExit) as left:
        main(["cache", *arguments])
    assert left.value.code == code
    assert ("example" in capsys.readouterr().out) == (code == 0)
