"""One photo to its row, with a detector and faces that are known."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.decode import decode as plain_decode
from dfdetect.data.face_crop import DEFAULT_MARGIN
from dfdetect.deploy import photos
from dfdetect.deploy.careful import MILD
from dfdetect.deploy.photos import Settings, judge_faces, load, look, scan_photo
from dfdetect.errors import DecodeError

from .standin import FACTS, Standin, face, find_marked, marked, textured


@pytest.fixture(autouse=True)
def marked_faces(monkeypatch):
    monkeypatch.setattr(photos, "search", find_marked)


def scene():
    return marked(textured(300, 400, 100), (20, 30, 80, 40), (200, 100, 120, 220), (350, 10, 30, 250))


def write(path, image):
    Image.fromarray(image).save(path)
    return str(path)


def test_every_face_is_judged_by_its_own_pixels(tmp_path):
    detector = Standin()
    row = scan_photo(write(tmp_path / "a.png", scene()), Settings(detector, "yunet"))
    assert (row.kind, row.verdict, row.size) == ("photo", "fake", (400, 300))
    first, second, small = row.faces
    assert first.p_fake == pytest.approx(220 / 255, abs=0.02)
    assert second.p_fake == pytest.approx(40 / 255, abs=0.02)
    assert small.p_fake is None
    assert small.reason.startswith("face too small (3")
    assert first.box == pytest.approx((200, 100, 120, 120), abs=3)
    assert first.square == pytest.approx((200, 100, 120), abs=3)
    assert row.reason == "1 face besides not judged"
    assert detector.batches == [2]
    assert row.picture == b""


def test_the_margin_is_the_named_one_else_the_models_else_the_default(tmp_path):
    facts = replace(FACTS, face_margin=0.2)
    assert Settings(Standin(facts), "m").used_margin == 0.2
    assert Settings(Standin(facts), "m", margin=0.0).used_margin == 0.0
    assert Settings(Standin(replace(FACTS, face_margin=None)), "m").used_margin == DEFAULT_MARGIN
    found = judge_faces(scene(), [face(200, 100, 120, 120)], Settings(Standin(facts), "m"))
    assert found[0].square == (176, 76, 168)


def test_whole_pictures_without_a_face_model():
    image = textured(100, 150, 200)
    found, more = look(image, Settings(Standin(), None))
    assert (len(found), more, found[0].box) == (1, 0, None)
    assert found[0].p_fake == pytest.approx(200 / 255, abs=0.02)


def test_too_many_faces_are_counted(monkeypatch):
    monkeypatch.setattr(photos, "MOST_FACES", 2)
    found, more = look(scene(), Settings(Standin(), "m"))
    assert (len(found), more) == (2, 1)
    assert found[0].box == pytest.approx((200, 100, 120, 120), abs=3)


def test_careful_asks_for_every_version_and_doubts_what_flips():
    half = marked(textured(200, 200, 100), (40, 40, 100, 150))
    detector = Standin(change=lambda p: np.where(np.arange(len(p)) == 3, 1 - p, p))
    found, _ = look(half, Settings(detector, "m", careful=True))
    assert detector.batches == [1, len(MILD)]
    assert len(found[0].versions) == len(MILD)
    assert found[0].verdict == "uncertain"
    assert "flips under mild re-encoding" in found[0].reason
    plain, _ = look(half, Settings(Standin(), "m"))
    assert (plain[0].verdict, plain[0].versions) == ("fake", ())


def test_a_small_picture_for_the_page(tmp_path):
    file = write(tmp_path / "a.png", scene())
    with_heat = scan_photo(file, Settings(Standin(), "m", pictures=True))
    without = scan_photo(file, Settings(Standin(heat=False), "m", pictures=True))
    assert with_heat.picture.startswith(b"\xff\xd8")
    assert without.picture.startswith(b"\xff\xd8")
    assert len(with_heat.picture) > len(without.picture)


def test_no_regular_file(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(DecodeError, match="not a regular file"):
        load(str(tmp_path / "folder.jpg"))
    with pytest.raises(DecodeError, match="no such file"):
        load(str(tmp_path / "missing.jpg"))
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(DecodeError, match="not a regular file"):
            load(str(tmp_path / "pipe.jpg"))


def test_the_largest_photos_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    file = write(tmp_path / "a.png", textured(50, 50, 100))
    monkeypatch.setattr(photos, "LARGE", 1000)
    inside, most = [], []

    def decode(path, name, max_pixels):
        if max_pixels > 1000:
            inside.append(1)
            most.append(len(inside))
            load_event.wait(0.02)
            inside.pop()
        return real(path, name, max_pixels)

    load_event, real = threading.Event(), plain_decode
    monkeypatch.setattr(photos, "decode", decode)
    threads = [threading.Thread(target=load, args=(file,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_waiting_for_a_large_one_shows_life_and_ends(tmp_path, monkeypatch):
    file = write(tmp_path / "a.png", textured(50, 50, 100))
    monkeypatch.setattr(photos, "LARGE", 1000)
    monkeypatch.setattr(photos, "_MOST_SECONDS_WAITED", 1)
    beats = []
    with photos._large_one, pytest.raises(DecodeError, match="another large picture"):
        load(file, lambda: beats.append(1))
    assert beats == [1]
