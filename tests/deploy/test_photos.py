"""One photo to its row, with a detector and faces that are known."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dfdetect.data.face_crop import DEFAULT_MARGIN
from dfdetect.deploy import photos
from dfdetect.deploy.careful import MILD
from dfdetect.deploy.photos import Settings, judge_faces, look, scan_photo
from dfdetect.deploy.room import Room
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
        scan_photo(str(tmp_path / "folder.jpg"), Settings(Standin(), None))
    with pytest.raises(DecodeError, match="no such file"):
        scan_photo(str(tmp_path / "missing.jpg"), Settings(Standin(), None))
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(DecodeError, match="not a regular file"):
            scan_photo(str(tmp_path / "pipe.jpg"), Settings(Standin(), None))


def test_no_more_pixels_are_in_hand_than_fit(tmp_path, monkeypatch):
    """Until a photo's faces are judged, not only while it is decoded."""
    monkeypatch.setattr(photos, "_room", Room(2 * 50 * 50))
    file, large = write(tmp_path / "a.png", textured(50, 50, 100)), write(tmp_path / "b.png", textured(90, 90, 100))
    inside, most = [], []

    class Slow(Standin):
        def judge(self, batch):
            inside.append(1)
            most.append(len(inside))
            waiting.wait(0.03)
            inside.pop()
            return super().judge(batch)

    waiting, detector = threading.Event(), Slow()
    named = [file, file, large, file, file]
    threads = [threading.Thread(target=scan_photo, args=(name, Settings(detector, None))) for name in named]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 5
    assert max(most) == 2


def test_of_an_animation_only_the_first_frame_is_judged_and_that_is_said(tmp_path):
    first, *more = (Image.fromarray(np.full((64, 64, 3), (red, 90, 90), np.uint8)) for red in (20, 240, 200))
    for name in ("a.gif", "a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=more, duration=40)
        row = scan_photo(str(tmp_path / name), Settings(Standin(), None))
        assert (row.verdict, row.reason) == ("real", "animated: only its first frame is judged"), name
    for name in ("b.gif", "b.webp", "b.png", "b.tif"):
        first.save(tmp_path / name)
        assert scan_photo(str(tmp_path / name), Settings(Standin(), None)).reason == "", name
