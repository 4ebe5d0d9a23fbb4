"""Faces tied over frames, and what their scores come to together."""

import cv2
import numpy as np
import pytest
from scipy.stats import trim_mean

from dfdetect.data.synthetic import draw_face
from dfdetect.deploy import tracks
from dfdetect.deploy.careful import MILD
from dfdetect.deploy.tracks import Track, Tracker, likeness, pooled
from dfdetect.deploy.verdicts import FaceVerdict, judged_face

from .standin import BAND, FACTS, face


def box_at(*place):
    return np.array(place, np.float32)


def logit(p):
    return np.log(np.asarray(p) / (1 - np.asarray(p)))


@pytest.mark.parametrize("n", [5, 10, 15, 100])
def test_pooled_is_the_trimmed_mean_of_logits(n):
    scores = np.random.default_rng(n).uniform(0.01, 0.99, n)
    assert logit(pooled(scores.tolist())) == pytest.approx(trim_mean(logit(scores), 0.2))


def test_pooled_scores_of_few_and_extreme_frames():
    assert pooled([0.3]) == pytest.approx(0.3)
    assert pooled([0.3, 0.7]) == pytest.approx(0.5)
    assert pooled([0.1, 0.6, 0.99]) == pytest.approx(0.6)
    assert pooled([0.0, 0.0, 1.0]) < 1e-5
    assert 0 < pooled([0.0] * 9) < pooled([1.0] * 9) < 1


def test_single_wild_frames_decide_nothing():
    steady = [0.2] * 20
    assert pooled([*steady, 0.999, 0.999, 0.999]) == pytest.approx(0.2, abs=0.03)
    assert np.mean([*steady, 0.999, 0.999, 0.999]) > 0.3


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), True),
        ((0, 0, 10, 10), (4, 0, 10, 10), True),
        ((0, 0, 100, 100), (30, 35, 60, 60), True),
        ((0, 0, 10, 10), (9, 0, 10, 10), False),
        ((0, 0, 100, 100), (45, 45, 10, 10), False),  # a small face in front of a large one
        ((0, 0, 10, 10), (500, 0, 10, 10), False),
    ],
)
def test_likeness(a, b, same):
    value = likeness(box_at(*a), box_at(*b))
    assert (value > 0) == same
    assert value == pytest.approx(likeness(box_at(*b), box_at(*a)))
    assert 0 <= value <= 1


def test_two_people_who_pass_each_other_keep_their_tracks():
    tracker = Tracker()
    for step in range(20):
        left, right = face(10 * step, 50, 60, 70), face(300 - 10 * step, 160, 60, 70)
        order = [left, right] if step % 2 else [right, left]
        tied = tracker.tie(order, step * 0.2)
        assert [track.number for track in tied] == ([1, 2] if step % 2 else [2, 1])  # from left to right at first
    assert len(tracker.tracks) == 2


def test_after_a_second_away_a_face_is_a_new_track():
    tracker = Tracker()
    tracker.tie([face(0, 0, 50, 50)], 0.0)
    assert [track.number for track in tracker.tie([face(2, 0, 50, 50)], 0.9)] == [1]
    tracker.tie([], 1.5)  # it was looked for, and not there
    assert [track.number for track in tracker.tie([face(2, 0, 50, 50)], 2.0)] == [2]
    assert [track.number for track in tracker.at(2.0)] == [2]


def test_nobody_is_tied_twice():
    tracker = Tracker()
    tracker.tie([face(0, 0, 50, 50)], 0.0)
    tied = tracker.tie([face(1, 0, 50, 50), face(3, 0, 50, 50)], 0.2)
    assert sorted(track.number for track in tied) == [1, 2]
    assert tied[0].number == 1  # the nearer one


def track_of(*scores, versions=()):
    tracker = Tracker()
    (track,) = tracker.tie([face(0, 0, 50, 50)], 0.0)
    for i, p in enumerate(scores):
        heat = np.full((2, 2), p, np.float32)
        place = {"box": (0, 0, 10 + i, 10), "heatmap": heat, "versions": versions}
        track.add(judged_face(FACTS, p, **place))
    return track


def test_a_tracks_verdict():
    track = track_of(0.2, 0.8, 0.9, 0.7, 0.85)
    found = track.verdict(FACTS, 5)
    assert (found.verdict, found.frames) == ("fake", 5)
    assert found.p_fake == pytest.approx(pooled([0.2, 0.8, 0.9, 0.7, 0.85]))
    assert found.box == (0, 0, 14, 10)  # where it was largest
    brief = track.verdict(FACTS, 6)
    assert (brief.verdict, brief.p_fake, brief.reason) == ("uncertain", None, "seen in 5 frames only, of 6")
    assert track_of(*[0.5] * 5).verdict(BAND, 5).verdict == "uncertain"


def test_memory_of_a_long_track_is_one_heatmap_at_a_time():
    track = track_of(*np.linspace(0.9, 0.1, 50).tolist())
    assert sum(one.heatmap is not None for one in track.judged) == 1


def test_a_track_is_doubted_by_its_pooled_versions():
    steady, flipping = (0.9,) * len(MILD), (0.9,) * (len(MILD) - 1) + (0.1,)
    assert track_of(*[0.9] * 5, versions=steady).verdict(FACTS, 5).verdict == "fake"
    assert "flips" in track_of(*[0.9] * 5, versions=flipping).verdict(FACTS, 5).reason


def test_a_track_that_could_never_be_judged_says_why():
    (track,) = Tracker().tie([face(0, 0, 20, 20)], 0.0)
    track.add(FaceVerdict((0, 0, 20, 20), None, "uncertain", "face too small (20 px, of 40)"))
    wanted = FaceVerdict((0, 0, 20, 20), None, "uncertain", "face too small (20 px, of 40)", 0, span=(0.0, 0.0))
    assert track.verdict(FACTS, 1) == wanted
    assert track.verdict(FACTS, 1).seen == ""


def test_a_track_knows_from_when_to_when_it_was_found():
    tracker = Tracker()
    for seconds in (1.0, 1.2, 1.4):
        (track,) = tracker.tie([face(0, 0, 90, 90)], seconds)
        track.add(judged_face(FACTS, 0.9, box=(0, 0, 90, 90)))
    tracker.tie([], 1.6)
    assert track.verdict(FACTS, 3).span == (1.0, 1.4)
    assert track.verdict(FACTS, 3).as_json()["span"] == [1.0, 1.4]


def test_after_a_cut_the_same_place_is_another_face():
    tracker = Tracker()
    (first,) = tracker.tie([face(0, 0, 90, 90)], 0.0)
    tracker.leave()
    assert tracker.at(0.0) == []
    (second,) = tracker.tie([face(0, 0, 90, 90)], 0.2)
    assert (first.number, second.number) == (1, 2)
    for judged in (
        judged_face(FACTS, 0.7, box=(0, 0, 90, 90)),
        FaceVerdict((0, 0, 90, 90), None, "uncertain", "blurred"),
    ):
        second.add(judged)
        assert second.verdict(FACTS, 1).number == 2
    assert tracker.at(0.2) == [second]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_boxes_follow_the_pictures_motion_and_growth(scale):
    drawn = draw_face(0, 2, size=160).image
    tracker, box = Tracker(), box_at(100, 100, 160, 160)
    ground = np.random.default_rng(0).integers(80, 120, (480, 640, 3)).astype(np.uint8)
    ground = np.asarray(cv2.GaussianBlur(ground, (0, 0), 3), np.uint8)
    for step in range(12):
        x, y, side = 100 + 6 * step, 100 + 3 * step, 160 + 2 * step
        frame = ground.copy()
        frame[y : y + side, x : x + side] = cv2.resize(drawn, (side, side))
        grey = np.asarray(cv2.cvtColor(cv2.resize(frame, None, fx=scale, fy=scale), cv2.COLOR_RGB2GRAY), np.uint8)
        if step == 0:
            (track,) = tracker.tie([face(100, 100, 160, 160)], 0.0)
        tracker.follow(grey, scale, step / 25, found=step == 0)
        assert likeness(track.shown, box_at(x, y, side, side)) > 0.75
    assert track.detected.tolist() == box.tolist()


def test_following_without_anything_to_follow():
    tracker = Tracker()
    grey = np.zeros((60, 80), np.uint8)
    tracker.follow(grey, 1.0, 0.0, found=False)
    (track,) = tracker.tie([face(70, 50, 40, 40)], 0.1)  # beyond the picture, and nothing to hold on to
    tracker.follow(grey, 1.0, 0.1, found=True)
    tracker.follow(grey, 1.0, 0.2, found=False)
    tracker.follow(np.zeros((30, 40), np.uint8), 0.5, 0.3, found=False)  # the size changed in between
    assert track.shown == pytest.approx([70, 50, 40, 40], abs=8)


def test_a_track_of_days_keeps_few_scores_evenly_spread(monkeypatch):
    monkeypatch.setattr(tracks, "MOST_SCORES", 50)
    track = Track(1, box_at(0, 0, 50, 50), box_at(0, 0, 50, 50), 0.0)
    for number in range(5000):
        track.add(judged_face(FACTS, number / 5000, box=(0, 0, 50, 50)))
        assert len(track.judged) <= 50
    kept = [(one.p_fake or 0) * 5000 for one in track.judged]
    assert len(kept) > 20
    assert len(set(np.diff(kept).round(3))) == 1
    verdict = track.verdict(FACTS, 5)
    assert verdict.frames == 5000
    assert verdict.p_fake == pytest.approx(0.5, abs=0.03)


def test_a_face_searched_every_six_seconds_is_one_track():
    tracker = Tracker()
    for i in range(10):
        (track,) = tracker.tie([face(100 + 2 * i, 50, 80, 80)], 6.0 * i)
        assert track.number == 1 if i else True
    assert tracker.at(54.0 + 8) == tracker.tracks
    assert tracker.at(54.0 + 10) == []


def test_a_face_that_is_away_longer_than_a_search_is_a_new_track():
    tracker = Tracker()
    for seconds in (0.0, 0.2, 0.4):
        tracker.tie([face(100, 50, 80, 80)], seconds)
    for seconds in (0.6, 0.8, 1.0, 1.2, 1.4, 1.6):
        tracker.tie([], seconds)
    assert tracker.tie([face(100, 50, 80, 80)], 1.8)[0].number == 2
