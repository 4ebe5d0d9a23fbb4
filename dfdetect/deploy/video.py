"""A video to its row: sampled frames, faces tied to tracks, a robust score of each track; the same for a camera."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.yunet import Face, search
from dfdetect.deploy.drawing import draw_boxes, still, thumbnail
from dfdetect.deploy.faces import MOST_FACES
from dfdetect.deploy.film import Film, annotated_copy, free_name, open_film
from dfdetect.deploy.photos import Beat, Settings, judge_faces, look
from dfdetect.deploy.scenes import Scenes
from dfdetect.deploy.tracks import LEAST_FRAMES, Track, Tracker
from dfdetect.deploy.verdicts import FaceVerdict, Row, photo_row
from dfdetect.errors import CopyError, DecodeError

Pixels = npt.NDArray[np.uint8]
_FLOW_SIDE = 320
_MOST_MOMENTS = 10_000
"""Of a timeline; beyond, two neighbours become one, so that a camera can run for days."""
_CUT_OFF = 0.9
"""A video that ends before this share of the frames it says to have was cut off or is damaged."""


class Watcher:
    """Judges the frames it is shown and follows their faces in between; for a file and for a camera.

    Attributes:
        timeline: (seconds, p_fake of the most fake face) of each judged frame with a face.
        judged: number of judged frames.
        frame: the most fake of them, (H, W, 3) RGB uint8; None if no picture was asked for.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.timeline: list[tuple[float, float]] = []
        self.judged = 0
        self.frame: Pixels | None = None
        self._in_frame: dict[int, FaceVerdict] = {}
        self._tracker = Tracker()
        self._judged_scenes, self._shown_scenes, self._hidden = Scenes(), Scenes(), False
        self._known: dict[int, tuple[tuple[int, int], FaceVerdict]] = {}

    def judge(self, image: Pixels, seconds: float) -> None:
        """Search the faces of a frame, (H, W, 3) RGB uint8, and judge them; a cut before it ends all tracks."""
        if self._judged_scenes.cut(_shrunk(image)[0]):
            self._tracker.leave()
        self._hidden = False
        faces, verdicts = self._look(image)
        tracks = self._tracker.tie(faces, seconds)
        for track, verdict in zip(tracks, verdicts, strict=True):
            track.add(verdict)
        self.judged += 1
        scores = [verdict.p_fake for verdict in verdicts if verdict.p_fake is not None]
        if not scores:
            return
        if self.settings.pictures and max(scores) >= max((p for _, p in self.timeline), default=0.0):
            self.frame = image.copy()  # the frame itself may be drawn on
            self._in_frame = {track.number: verdict for track, verdict in zip(tracks, verdicts, strict=True)}
        self.timeline.append((seconds, max(scores)))
        if len(self.timeline) > _MOST_MOMENTS:
            pairs = (self.timeline[i : i + 2] for i in range(0, len(self.timeline), 2))
            self.timeline = [max(pair, key=lambda moment: moment[1]) for pair in pairs]

    def follow(self, image: Pixels, seconds: float, judged: bool) -> None:
        """Carry boxes on to a frame, or none after a cut; `judged` says that `judge` has just seen it."""
        small, scale = _shrunk(image)
        self._hidden |= self._shown_scenes.cut(small) and not judged
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        self._tracker.follow(grey, scale, seconds, judged)

    def overlay(self, image: Pixels, seconds: float, numbered: bool = False) -> None:
        """Draw the boxes of the moment with what their tracks come to so far, in place; on request with its number."""
        boxes = []
        for track in [] if self._hidden else self._tracker.at(seconds):
            verdict = self._verdict(track)
            label = verdict.verdict if verdict.p_fake is None else f"{verdict.verdict} {verdict.p_fake:.2f}"
            label = f"{track.number}: {label}" if numbered else label
            left, top, width, height = (float(n) for n in track.shown)
            boxes.append(((left, top, width, height), verdict.verdict, label))
        draw_boxes(image, boxes)

    def drawn(self, row: Row) -> Row:
        """Add to a row what a page shows of `frame`: a small JPEG, its faces as their tracks come out, and shares."""
        if self.frame is None:
            return row
        shown = still(self.frame, list(self._in_frame.values()), self.settings.detector.facts)
        boxed = [replace(self._verdict(self._tracker.tracks[n - 1]), box=one.box) for n, one in self._in_frame.items()]
        picture = thumbnail(shown, boxed, numbered=len(row.faces) > 1)
        return replace(row, frame=self.frame, picture=picture, shares=shown.shares)

    def faces(self) -> list[FaceVerdict]:
        """One verdict a track, with what was seen of it in `frame`."""
        return [self._seen(track) for track in self._tracker.tracks]

    def standing(self, seconds: float, most_gone: int) -> list[tuple[int, bool, FaceVerdict]]:
        """Number, whether it is in view, and verdict: of all tracks in view, then of the latest ones that are gone."""
        here = self._tracker.at(seconds)
        gone = [track for track in reversed(self._tracker.tracks[-most_gone - len(here) :]) if track not in here]
        tracks = [*here, *gone[:most_gone]]
        return [(track.number, i < len(here), self._verdict(track)) for i, track in enumerate(tracks)]

    def _seen(self, track: Track) -> FaceVerdict:
        verdict, then = self._verdict(track), self._in_frame.get(track.number)
        if then is None:
            return verdict
        return replace(verdict, heatmap=then.heatmap, square=then.square, found=then.found)

    def _verdict(self, track: Track) -> FaceVerdict:
        """What a track comes to; worked out anew only where it has been judged again."""
        least = min(LEAST_FRAMES, (self.judged + 1) // 2)
        if track.frames == 0:
            return track.verdict(self.settings.detector.facts, least)
        state = track.frames, least
        if track.number not in self._known or self._known[track.number][0] != state:
            self._known[track.number] = state, track.verdict(self.settings.detector.facts, least)
        return self._known[track.number][1]

    def _look(self, image: Pixels) -> tuple[list[Face], list[FaceVerdict]]:
        if self.settings.face_model is None:
            height, width = image.shape[:2]
            whole = Face(0, 0, width, height, np.zeros((5, 2), np.float32), 1.0)
            return [whole], look(image, self.settings)[0]
        found = search(image, self.settings.face_model)[:MOST_FACES]
        return found, judge_faces(image, found, self.settings)


def _shrunk(image: Pixels) -> tuple[Pixels, float]:
    """A frame for what needs no detail, and its size beside the frame's; no pixels are averaged, which takes long."""
    scale = min(1.0, _FLOW_SIDE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST) if scale < 1 else image
    return np.asarray(small, np.uint8), scale


_MOMENT = 0.1
"""Seconds; who is in the picture for less was there from 0.0 to 0.0 s, which nobody needs to be told."""


class Schedule:
    """Which frames are judged: `rate` in a second, fewer where that were more than `most` in all.

    Fewer are judged by turns: as many in a row as a track needs to decide, at the rate, and then none for a while. So
    `most` is at least one turn, and is rounded down to whole ones.

    A file's length is what it says of itself: where it says too little, the whiles get longer every `most` frames.
    """

    def __init__(self, rate: float, most: int, seconds: float) -> None:
        self._distance, self._most = 1 / rate, max(1, most // LEAST_FRAMES) * LEAST_FRAMES
        self._stretch = max(1.0, seconds / self._most * rate)
        self._due, self._taken = 0.0, 0

    def __call__(self, seconds: float) -> bool:
        """Whether the frame at this time is judged; it is then counted."""
        if seconds < self._due - 1e-6:
            return False
        self._taken += 1
        if self._taken % self._most == 0:
            self._stretch *= 2
        pause = 0.0 if self._taken % LEAST_FRAMES else LEAST_FRAMES * self._distance * (self._stretch - 1)
        self._due = max(self._due + self._distance + pause, seconds + self._distance / 2 + pause)
        return True


def scan_video(path: str, settings: Settings, beat: Beat = lambda: None, save: Path | None = None) -> Row:
    """Judge a video; with `save`, a folder, also write an annotated copy of all its frames into it.

    Raises:
        DecodeError: it cannot be read, or holds no frame.
    """
    with open_film(path) as film:
        watcher = Watcher(settings)
        schedule = Schedule(settings.rate, settings.most_frames, film.seconds)
        saved = None if save is None else _copy(film, watcher, schedule, save, beat)
        if film.read == 0:
            _watch(film, watcher, schedule, None, beat)
        if film.read == 0 or watcher.judged == 0:
            raise DecodeError(path, "no frame can be read")
        return replace(_row(film, watcher), saved=saved)


def _copy(film: Film, watcher: Watcher, schedule: Schedule, folder: Path, beat: Beat) -> str:
    """Watch a film and write its annotated copy; returns its path, or "" where it could not be written.

    Where it could not even be begun, nothing was watched.
    """
    try:
        place = free_name(folder, film.path)
        with annotated_copy(place, film.size, film.rate) as write:
            _watch(film, watcher, schedule, write, beat)
    except CopyError:
        return ""
    return str(place)


def _watch(
    film: Film, watcher: Watcher, schedule: Schedule, write: Callable[[Pixels], None] | None, beat: Beat
) -> None:
    due = False

    def wanted(seconds: float) -> bool:
        nonlocal due
        due = schedule(seconds)
        return due or write is not None

    for seconds, image in film.frames(wanted):
        beat()
        if image is None:
            continue
        if due:
            watcher.judge(image, seconds)
        if write is not None:
            watcher.follow(image, seconds, due)
            watcher.overlay(image, seconds)
            write(image)


def _row(film: Film, watcher: Watcher) -> Row:
    cut = film.count and film.read < _CUT_OFF * film.count
    note = f"ends after {film.read} of {film.count} frames: cut off or damaged" if cut else ""
    return video_row(film.path, watcher, film.size, note)


def video_row(path: str, watcher: Watcher, size: tuple[int, int], note: str = "") -> Row:
    """A video is what its most fake track is that was judged in enough frames; `note` is added to the reason.

    Where there are others, the reason also says when it was in the picture.
    """
    row = photo_row(path, watcher.settings.detector.facts, watcher.faces(), size)
    judged = [face for face in row.faces if face.p_fake is not None]
    when = ""
    if len(judged) > 1 and judged[0].span and judged[0].span[1] - judged[0].span[0] >= _MOMENT:
        when = "its {} from {:.1f} to {:.1f} s".format("face" if judged[0].box else "shot", *judged[0].span)
    return watcher.drawn(replace(row, kind="video", timeline=tuple(watcher.timeline)).noted(when, note))
