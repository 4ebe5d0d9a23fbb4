"""The same face from frame to frame, and what all its frames together say."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.yunet import Face
from dfdetect.deploy.careful import doubted
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.deploy.verdicts import FaceVerdict, judged_face

Grey = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float32]

LEAST_OVERLAP = 0.2
"""Intersection over union of a track's last box with a face, from which they are the same."""
NEAR = 0.5
"""Or the distance of their centres, in sides of the larger box, if neither is twice as large as the other."""
LOST_AFTER_S = 1.0
"""Without being found, or one and a half times the time between two searches, where that is longer."""
TRIM = 0.2
"""Share of a track's scores left out at each end: single frames, blurred or half hidden, decide nothing."""
LEAST_FRAMES = 5
"""Judged frames from which a track decides: a second at the usual rate. In a short video, half of its frames."""
MOST_SCORES = 1200
"""Of one track that are kept; beyond, every second one is let go, so that a camera can run for days."""
_CERTAIN = 1e-6
_POINTS = 5


@dataclass(eq=False)
class Track:
    """One person's face through a shot of a video.

    Attributes:
        number: from 1, in the order of appearance, and of one frame from left to right.
        detected: (4,) left, top, width, height where it was last found.
        shown: the same, carried on by the picture's motion since.
        seconds: when it was last found.
        judged: its verdicts, frame by frame, evenly thinned out beyond `MOST_SCORES`; those that could not be judged
            are left out.
        faulty: why it could not be judged, last.
        frames: in how many it was judged.
        begun: when it was first found.
    """

    number: int
    detected: Box
    shown: Box
    seconds: float
    judged: list[FaceVerdict] = field(default_factory=list)
    faulty: FaceVerdict | None = None
    frames: int = 0
    begun: float = field(init=False)
    _every: int = 1

    def __post_init__(self) -> None:
        self.begun = self.seconds

    def add(self, verdict: FaceVerdict) -> None:
        """Take a frame's verdict of this face; the heatmap of the most fake one is kept."""
        if verdict.p_fake is None:
            self.faulty = verdict
            return
        self.frames += 1
        if (self.frames - 1) % self._every:
            return
        if self.judged and verdict.p_fake < (max(one.p_fake or 0 for one in self.judged)):
            verdict = replace(verdict, heatmap=None)
        self.judged.append(verdict)
        if len(self.judged) > MOST_SCORES:
            del self.judged[1::2]
            self._every *= 2

    def verdict(self, facts: ModelFacts, least_frames: int) -> FaceVerdict:
        """What the whole track comes to; not judged where it was seen in fewer frames than asked for."""
        span = (self.begun, self.seconds)
        if not self.judged:
            assert self.faulty is not None  # noqa: S101 - a track begins with a face
            return replace(self.faulty, frames=0, found=None, span=span, number=self.number)
        largest = max(self.judged, key=lambda one: one.box[2] * one.box[3] if one.box else 0)
        p_fake = pooled([one.p_fake or 0.0 for one in self.judged])
        versions = tuple(pooled(column) for column in zip(*(one.versions for one in self.judged), strict=True))
        found = judged_face(facts, p_fake, box=largest.box, frames=self.frames, versions=versions, span=span)
        found = replace(found, number=self.number)
        if versions:
            found = doubted(found, facts.threshold)
        if self.frames >= least_frames:
            return found
        reason = f"seen in {self.frames} frames only, of {least_frames}"
        return replace(found, p_fake=None, verdict="uncertain", reason=reason)


class Tracker:
    """Ties faces to tracks where they are searched, and carries boxes on in the frames between."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._left = 0
        self._before: Grey | None = None
        self._searched, self._patience = float("inf"), LOST_AFTER_S

    def at(self, seconds: float) -> list[Track]:
        """Tracks that are not lost: they were found in the second before, or in the search before."""
        return [track for track in self.tracks[self._left :] if seconds - track.seconds <= self._patience]

    def leave(self) -> None:
        """End all tracks: after a cut, a face in the same place is another one."""
        self._left = len(self.tracks)

    def tie(self, faces: Sequence[Face], seconds: float) -> list[Track]:
        """The track of each face, a new one where none is near; pairs that overlap most come first."""
        boxes = [np.array([face.left, face.top, face.width, face.height], np.float32) for face in faces]
        self._patience = max(LOST_AFTER_S, 1.5 * (seconds - self._searched))
        self._searched = seconds
        open_tracks = self.at(seconds)
        pairs = [(likeness(t.detected, box), i, t) for i, box in enumerate(boxes) for t in open_tracks]
        tied: dict[int, Track] = {}
        for value, i, track in sorted(pairs, key=lambda pair: -pair[0]):
            if value > 0 and i not in tied and track not in tied.values():
                tied[i] = track
        for i, box in sorted(enumerate(boxes), key=lambda one: float(one[1][0])):
            if i not in tied:
                tied[i] = Track(len(self.tracks) + 1, box, box, seconds)
                self.tracks.append(tied[i])
            tied[i].detected, tied[i].shown, tied[i].seconds = box, box, seconds
        return [tied[i] for i in range(len(boxes))]

    def follow(self, grey: Grey, scale: float, seconds: float, found: bool) -> None:
        """Carry shown boxes on to this frame, unless faces were just searched in it.

        By the median motion and growth of points in each box (Kalal, Mikolajczyk and Matas, *Forward-Backward Error:
        Automatic Detection of Tracking Failures*, ICPR 2010).

        Args:
            grey: (h, w) the frame, shrunk.
            scale: its size beside that of the frame that boxes refer to.
            seconds: of the frame.
            found: whether `tie` was just called for it.
        """
        before, self._before = self._before, grey
        tracks = self.at(seconds)
        if found or before is None or not tracks or before.shape != grey.shape:
            return
        points = np.concatenate([_grid(track.shown * scale) for track in tracks])
        flow = cv2.calcOpticalFlowPyrLK(before, grey, points, None, winSize=(15, 15), maxLevel=2)  # type: ignore[call-overload]
        parts = (one.reshape(len(tracks), _POINTS**2, -1) for one in (points, flow[0], flow[1]))
        for track, old, new, ok in zip(tracks, *parts, strict=True):
            track.shown = _moved(track.shown, old[ok.ravel() == 1], new[ok.ravel() == 1], scale)


def pooled(scores: Sequence[float]) -> float:
    """One p_fake of many: the trimmed mean of their logits, `TRIM` at each end (of three, the middle one)."""
    p = np.clip(np.sort(np.asarray(scores, np.float64)), _CERTAIN, 1 - _CERTAIN)
    cut = min(int(np.ceil(TRIM * len(p))), (len(p) - 1) // 2) if len(p) > 2 else 0
    middle = p[cut : len(p) - cut]
    return float(1 / (1 + np.exp(-np.mean(np.log(middle / (1 - middle))))))


def likeness(a: Box, b: Box) -> float:
    """How likely two boxes, (4,) left, top, width, height, show one face: 0 no, up to 1 by their place."""
    overlap = np.clip(np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    share = float(overlap / max(a[2:].prod() + b[2:].prod() - overlap, 1e-6))
    if share >= LEAST_OVERLAP:
        return share
    sides = sorted((float(a[2:].max()), float(b[2:].max())))
    distance = float(np.hypot(*(a[:2] + a[2:] / 2 - b[:2] - b[2:] / 2)))
    near = distance <= NEAR * sides[1] and sides[1] <= 2 * sides[0]
    return LEAST_OVERLAP * (1 - distance / (NEAR * sides[1])) + 1e-6 if near else 0.0


def _grid(box: Box) -> npt.NDArray[np.float32]:
    """Points inside a box, (n, 1, 2), away from its border, where the background begins."""
    steps = np.linspace(0.2, 0.8, _POINTS, dtype=np.float32)
    x, y = np.meshgrid(box[0] + steps * box[2], box[1] + steps * box[3])
    return np.stack([x.ravel(), y.ravel()], axis=1)[:, None]


def _moved(box: Box, old: npt.NDArray[np.float32], new: npt.NDArray[np.float32], scale: float) -> Box:
    """A box after its points moved; as it was where too few were followed."""
    if len(old) < _POINTS:
        return box
    shift = np.median(new - old, axis=0) / scale
    spread = np.linalg.norm(old - np.median(old, axis=0), axis=1)
    growth = np.median(np.linalg.norm(new - np.median(new, axis=0), axis=1) / np.maximum(spread, 1e-3))
    growth = float(np.clip(growth, 0.9, 1.1))
    size = box[2:] * growth
    return np.concatenate([box[:2] + shift + (box[2:] - size) / 2, size]).astype(np.float32)
