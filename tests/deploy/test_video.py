"""Videos to rows: which frames are judged, how tracks decide, what is said of damaged ones."""

import numpy as np
import pytest

from dfdetect.deploy import video
from dfdetect.deploy.film import annotated_copy, open_film
from dfdetect.deploy.photos import Settings
from dfdetect.deploy.video import Schedule, Watcher, scan_video
from dfdetect.errors import DecodeError
from tests.fuzz_seeds import video_seeds

from .standin import Standin, find_marked, marked, textured


@pytest.fixture(autouse=True)
def marked_faces(monkeypatch):
    monkeypatch.setattr(video, "search", find_marked)


def film(path, frames, rate=25.0):
    """A lossless-enough video: what `find_marked` looks for survives its coding."""
    first, *rest = frames
    with annotated_copy(path, first.shape[1::-1], rate) as write:
        for frame in [first, *rest]:
            write(frame)
    return str(path)


def ground(*boxes):
    return marked(np.full((240, 320, 3), 90, np.uint8), *boxes)


def chosen(schedule, times):
    return [round(t, 3) for t in times if schedule(t)]


def test_frames_are_judged_at_the_rate_whatever_the_videos_own():
    assert chosen(Schedule(5, 600, 1.0), np.arange(25) / 25) == [0, 0.2, 0.4, 0.6, 0.8]
    assert chosen(Schedule(5, 600, 1.0), np.arange(30) / 30) == [0, 0.2, 0.4, 0.6, 0.8]
    assert chosen(Schedule(5, 600, 3.0), [0, 0.5, 1.0, 1.01, 1.02, 2.5]) == [0, 0.5, 1.0, 2.5]
    assert chosen(Schedule(50, 600, 0.4), np.arange(10) / 25) == [round(i / 25, 3) for i in range(10)]


def test_long_videos_are_judged_more_sparsely():
    hour = np.arange(0, 3600, 0.04)
    assert len(chosen(Schedule(5, 600, 3600.0), hour)) == pytest.approx(600, abs=2)
    lying = chosen(Schedule(5, 600, 1.0), hour)  # the file says that it lasts a second
    assert 600 < len(lying) < 600 * np.log2(3600 / 120) + 600
    assert np.diff(lying)[-5:].max() > 10


@pytest.mark.parametrize(("most", "judged"), [(5, 5), (7, 5), (12, 10), (600, 100)])
def test_no_more_frames_are_judged_than_asked_for(most, judged):
    assert len(chosen(Schedule(5, most, 20.0), np.arange(0, 20, 0.04))) == judged


def test_sparse_frames_come_in_turns_that_a_track_can_decide_by():
    found = np.array(chosen(Schedule(5, 100, 200.0), np.arange(0, 200, 0.04)))
    assert len(found) == pytest.approx(100, abs=5)
    turns = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    assert all(len(turn) == 5 for turn in turns)
    assert all(np.diff(turn) == pytest.approx([0.2] * 4, abs=0.05) for turn in turns)
    starts = np.array([turn[0] for turn in turns])
    assert np.diff(starts) == pytest.approx([10] * (len(starts) - 1), abs=0.1)


def test_the_most_fake_track_decides(tmp_path):
    frames = [ground((20 + i, 60, 80, 60), (200 - i, 80, 90, 210)) for i in range(30)]
    detector = Standin()
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(detector, "m"))
    assert (row.kind, row.verdict, row.size, row.path) == ("video", "fake", (320, 240), str(tmp_path / "a.mp4"))
    assert [one.frames for one in row.faces] == [6, 6]
    assert row.faces[0].p_fake == pytest.approx(210 / 255, abs=0.05)
    assert row.faces[1].p_fake == pytest.approx(60 / 255, abs=0.05)
    assert [seconds for seconds, _ in row.timeline] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0], abs=0.01)
    assert all(p == pytest.approx(210 / 255, abs=0.06) for _, p in row.timeline)
    assert detector.batches == [2] * 6


def test_a_face_that_flashes_up_decides_nothing(tmp_path):
    real = (20, 60, 80, 60)
    frames = [ground(real, (200, 80, 90, 230)) if 10 <= i < 13 else ground(real) for i in range(50)]
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(Standin(), "m"))
    assert row.verdict == "real"
    assert row.reason == "1 face besides not judged"
    assert row.faces[1].reason == "seen in 1 frames only, of 5"


def stage(seed, *boxes):
    """Another place than any other seed's: coarse grey blocks."""
    blocks = np.random.default_rng(seed).integers(0, 180, (6, 8)).astype(np.uint8)
    scene = np.repeat(np.repeat(blocks, 40, axis=0), 40, axis=1)
    return marked(np.repeat(scene[..., None], 3, axis=2), *boxes)


def test_a_cut_to_a_fake_face_in_the_same_place_is_not_averaged_away(tmp_path):
    shots = [(0, 60, 200), (1, 230, 45), (0, 60, 55)]
    frames = [stage(seed, (120, 80, 80, red)) for seed, red, count in shots for _ in range(count)]
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(Standin(), "m"))
    assert row.verdict == "fake"
    assert row.p_fake == pytest.approx(230 / 255, abs=0.05)
    assert row.reason == "its face from 8.0 to 9.6 s"
    assert [one.verdict for one in row.faces] == ["fake", "real", "real"]
    spans = np.array([one.span for one in row.faces])
    np.testing.assert_allclose(spans, [(8.0, 9.6), (0, 7.8), (9.8, 11.8)], atol=0.05)


def test_no_box_of_the_shot_before_is_drawn_after_a_cut():
    watcher = Watcher(Settings(Standin(), "m"))
    watcher.judge(stage(0, (120, 80, 80, 60)), 0.0)
    watcher.follow(stage(0, (120, 80, 80, 60)), 0.0, True)
    for seconds, seed, judged, boxed in ((0.04, 0, False, True), (0.08, 1, False, False), (0.2, 1, True, True)):
        image = stage(seed, (120, 80, 80, 60))
        if judged:
            watcher.judge(image, seconds)
        watcher.follow(image, seconds, judged)
        before = image.copy()
        watcher.overlay(image, seconds)
        assert (image != before).any() == boxed, seconds


def test_the_row_is_the_same_with_an_annotated_copy(tmp_path):
    frames = [ground((20 + 3 * i, 60, 80, 200)) for i in range(40)]
    file = film(tmp_path / "a.mp4", frames)
    settings = Settings(Standin(), "m")
    row = scan_video(file, settings, save=tmp_path / "out")
    assert row == scan_video(file, settings)
    assert row.saved == row.as_json()["saved"] == str(tmp_path / "out" / "a.mp4")
    assert "saved" not in scan_video(file, settings).as_json()
    with open_film(str(tmp_path / "out" / "a.mp4")) as copy:
        shown = [image for _, image in copy.frames(lambda s: True)]
    assert len(shown) == 40  # no frame dropped
    with open_film(file) as original:
        plain = [image for _, image in original.frames(lambda s: True)]
    for i, (before, after) in enumerate(zip(plain, shown, strict=True)):
        assert before is not None
        assert after is not None
        left = 20 + 3 * i
        changed = np.abs(after.astype(int) - before).max(axis=2) > 60
        columns = np.flatnonzero(changed[60:140].sum(axis=0) > 50)  # the box's sides
        assert abs(columns.min() - left) <= 6, i
        assert abs(columns.max() - left - 80) <= 6, i


def test_a_copy_that_cannot_be_written_costs_the_copy_alone(tmp_path, monkeypatch):
    file = film(tmp_path / "a.mp4", [ground((20 + 3 * i, 60, 80, 200)) for i in range(40)])
    settings = Settings(Standin(), "m")
    row = scan_video(file, settings)
    (tmp_path / "taken").touch()
    for place in (tmp_path / "taken", tmp_path / "full"):
        lost = scan_video(file, settings, save=place)
        assert lost == row
        assert lost.saved == ""
        assert lost.as_json()["saved"] is None
        monkeypatch.setattr("dfdetect.deploy.film._frames_in", lambda file: 7)  # as after a full disk
    assert list((tmp_path / "full").iterdir()) == []


def test_no_face_at_all(tmp_path):
    row = scan_video(film(tmp_path / "a.mp4", [ground()] * 10), Settings(Standin(), "m"))
    assert (row.verdict, row.p_fake, row.reason, row.timeline) == ("uncertain", None, "no face found", ())


def test_whole_frames_without_a_face_model(tmp_path):
    frames = [textured(120, 160, 190, seed=i) for i in range(15)]
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(Standin(), None, pictures=True), save=tmp_path / "out")
    assert row.verdict == "fake"
    assert (len(row.faces), row.faces[0].frames, row.faces[0].box) == (1, 3, None)
    assert row.picture.startswith(b"\xff\xd8")


def test_shots_of_whole_frames_are_judged_apart(tmp_path):
    frames = [stage(seed) for seed, count in ((0, 50), (3, 50)) for _ in range(count)]
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(Standin(), None))
    assert [one.frames for one in row.faces] == [10, 10]
    assert "its shot from" in row.reason


@pytest.mark.parametrize("name", ["no-frames.avi", "no-frames.mp4"])
def test_no_frame(name, tmp_path):
    (tmp_path / name).write_bytes(video_seeds()[name])
    with pytest.raises(DecodeError, match=r"no frame can be read|no video, or damaged"):
        scan_video(str(tmp_path / name), Settings(Standin(), "m"), save=tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_a_video_that_ends_early_says_so(tmp_path):
    whole = film(tmp_path / "whole.mp4", [ground((20, 60, 80, 60))] * 40)
    content = (tmp_path / "whole.mp4").read_bytes()
    index = content.index(b"moov") - 4
    middle = content.index(b"mdat") + (index - content.index(b"mdat")) // 2
    damaged = content[:middle] + bytes(index - middle) + content[index:]
    (tmp_path / "cut.mp4").write_bytes(damaged)
    assert scan_video(whole, Settings(Standin(), "m")).reason == ""
    row = scan_video(str(tmp_path / "cut.mp4"), Settings(Standin(), "m"))
    assert "of 40 frames: cut off or damaged" in row.reason


def test_the_page_shows_the_most_fake_moment_in_the_tracks_colour(tmp_path):
    frames = [ground((60, 60, 90, 100 + 4 * i)) for i in range(15)]
    file = film(tmp_path / "a.mp4", frames)
    row = scan_video(file, Settings(Standin(), "m", pictures=True))
    assert row.verdict == "real"
    assert row.picture.startswith(b"\xff\xd8")
    bare = scan_video(file, Settings(Standin(), "m"))
    assert (bare.picture, bare.frame, bare.faces[0].heatmap) == (b"", None, None)


def test_the_most_fake_frame_is_kept_with_what_was_seen_in_it(tmp_path):
    frames = [ground((20 + 5 * i, 60, 80, 60 + 6 * i), *[(230, 20, 60, 40)] * (i < 10)) for i in range(15)]
    row = scan_video(film(tmp_path / "a.mp4", frames), Settings(Standin(), "m", pictures=True), save=tmp_path)
    assert row.frame is not None
    last = frames[10]  # of those at 0, 0.2 and 0.4 s; the copy's boxes are not drawn into it
    assert np.abs(row.frame.astype(int) - last)[..., 0].mean() < 12
    by_place = sorted(row.faces, key=lambda one: one.box or ())
    here, gone = by_place
    assert here.found is not None
    assert here.found.left == pytest.approx(20 + 50, abs=3)
    assert here.heatmap is not None
    assert here.heatmap.mean() + 0.5 == pytest.approx(120 / 255, abs=0.06)
    assert (gone.found, gone.heatmap) == (None, None)


def test_beats_come_with_each_frame(tmp_path):
    beats = []
    scan_video(film(tmp_path / "a.mp4", [ground()] * 10), Settings(Standin(), "m"), lambda: beats.append(1))
    assert len(beats) == 10


def test_a_watcher_serves_a_camera(monkeypatch):
    watcher = Watcher(Settings(Standin(), "m"))
    for i in range(10):
        image = ground((20 + i, 60, 80, 210))
        if i % 5 == 0:
            watcher.judge(image, i / 25)
        watcher.follow(image, i / 25, judged=i % 5 == 0)
    drawn = image.copy()
    watcher.overlay(drawn, 9 / 25)
    assert (drawn != image).any()
    assert [one.frames for one in watcher.faces()] == [2]


def test_a_long_video_that_is_judged_every_few_seconds_has_whole_tracks():
    """600 frames of an hour are one each six seconds: a face is tied over that, and decides."""
    watcher = Watcher(Settings(Standin(), "m"))
    for i in range(20):
        watcher.judge(ground((100 + i, 60, 80, 210)), 6.0 * i)
    (only,) = watcher.faces()
    assert (only.verdict, only.frames) == ("fake", 20)


def test_a_timeline_of_days_is_bounded_and_keeps_its_peaks(monkeypatch):
    monkeypatch.setattr(video, "_MOST_MOMENTS", 20)
    watcher = Watcher(Settings(Standin(), "m"))
    for i in range(100):
        watcher.judge(ground((100, 60, 80, 250 if i == 37 else 60)), i / 5)
        assert len(watcher.timeline) <= 20
    times = [seconds for seconds, _ in watcher.timeline]
    assert times == sorted(times)
    assert 37 / 5 in times
    assert times[-1] == 99 / 5


def test_standing_names_who_is_in_view_and_who_was():
    watcher = Watcher(Settings(Standin(), "m"))
    for i in range(30):
        boxes = [(20, 60, 50, 60)] if i < 10 else [(200, 80, 50, 210)] if i < 20 else []
        watcher.judge(ground(*boxes), i / 5)
        if i == 12:
            assert [(n, here, v.verdict) for n, here, v in watcher.standing(i / 5, 8)] == [
                (1, True, "real"),
                (2, True, "uncertain"),
            ]
    assert [(n, here, v.verdict) for n, here, v in watcher.standing(29 / 5, 8)] == [
        (2, False, "fake"),
        (1, False, "real"),
    ]
    assert [n for n, _, _ in watcher.standing(29 / 5, 1)] == [2]
    assert watcher.standing(29 / 5, 0) == []
