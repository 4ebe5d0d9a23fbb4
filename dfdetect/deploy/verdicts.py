"""From scores to verdicts: of a face, a photo, a video; each with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from dfdetect.data.face_crop import Cut
from dfdetect.data.yunet import Face
from dfdetect.deploy.metadata import ModelFacts, Verdict
from dfdetect.explain.regions import Share
from dfdetect.words import counted

Kind = Literal["photo", "video", "unreadable"]
Scores = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
_SEVERITY = {"real": 0, "uncertain": 1, "fake": 2}


class Judge(Protocol):
    """What a scan needs of a detector; `dfdetect.deploy.Detector` is one.

    Attributes:
        facts: what its file says of it.
    """

    facts: ModelFacts

    def prepare(self, image: Pixels, name: str = ...) -> Pixels:
        """(H, W, 3) RGB uint8 to the network's input, (S, S, 3)."""
        ...

    def cut(self, image: Pixels) -> Cut:
        """The part of a whole picture that `prepare` is to be given: all of it, or its face."""
        ...

    def judge(self, batch: Pixels) -> tuple[Scores, Scores | None]:
        """(N, S, S, 3) to p_fake (N,) and heatmaps (N, h, w), None for a model without."""
        ...


@dataclass(frozen=True)
class FaceVerdict:
    """A face of a photo, or one person's track through a shot of a video.

    Attributes:
        box: left, top, width, height in pixels; of a track, where it was largest. None for a whole picture.
        p_fake: in [0, 1]; None where it was not judged.
        verdict: of this face.
        reason: why it is uncertain, or what else there is to say; may be empty.
        frames: frames of a video in which it was judged; 1 for a photo.
        heatmap: (h, w), signed, of its square; None for a model without.
        square: left, top, side of what the network saw; None for a whole picture that was squeezed.
        versions: p_fake under each mild re-encoding, where that was asked for.
        found: the face as it was found in the picture; None for a whole picture. Of a track, heatmap, square and found
            are those of `Row.frame`; None where it is not in it.
        span: of a track: the seconds of the video in which it was first and last found.
        number: of a track, from 1, as boxes in annotated videos have it; None for a photo's face.
    """

    box: tuple[int, int, int, int] | None
    p_fake: float | None
    verdict: Verdict
    reason: str = ""
    frames: int = 1
    heatmap: Scores | None = field(default=None, repr=False, compare=False)
    square: tuple[int, int, int] | None = None
    versions: tuple[float, ...] = ()
    found: Face | None = field(default=None, repr=False, compare=False)
    span: tuple[float, float] | None = None
    number: int | None = field(default=None, compare=False)

    @property
    def seen(self) -> str:
        """In how many frames of a video it was judged, and when it was in the picture; empty where in none."""
        if self.span is None or not self.frames:
            return ""
        return "{}, {:.1f} to {:.1f} s".format(counted(self.frames, "frame"), *self.span)

    def as_json(self) -> dict[str, Any]:
        """Box, score, verdict and reason, without pictures."""
        values = {"box": self.box, "p_fake": rounded(self.p_fake), "verdict": self.verdict, "reason": self.reason}
        if self.span is None:
            return values
        return values | {"frames": self.frames, "span": [round(second, 3) for second in self.span]}


@dataclass(frozen=True)
class Row:
    """What a scan says of one file.

    Attributes:
        path: as it was named or found.
        kind: photo, video, or unreadable.
        verdict: `error` for an unreadable one.
        p_fake: of its most fake face; None where nothing was judged.
        threshold: p_fake from which it is called fake.
        reason: of the verdict, or the cause of the error.
        faces: the photo's faces or the video's tracks, the most fake first.
        size: width and height in pixels; None where unknown.
        timeline: of a video: (seconds, p_fake of the most fake face) for each judged frame.
        frame: of a video: its most fake judged frame, (H, W, 3) RGB uint8; None where no picture was asked for.
        picture: a small JPEG with boxes for the page; empty where none was asked for.
        shares: of the evidence in that picture's most fake face, by region.
        seconds: that the file took.
        saved: path of a video's annotated copy; "" where it could not be written, None where none was asked for.
    """

    path: str
    kind: Kind
    verdict: Verdict | Literal["error"]
    p_fake: float | None
    threshold: float
    reason: str = ""
    faces: tuple[FaceVerdict, ...] = ()
    size: tuple[int, int] | None = None
    timeline: tuple[tuple[float, float], ...] = ()
    frame: Pixels | None = field(default=None, repr=False, compare=False)
    picture: bytes = field(default=b"", repr=False, compare=False)
    shares: Mapping[str, Share] = field(default_factory=dict, repr=False, compare=False)
    seconds: float = field(default=0.0, compare=False)
    saved: str | None = field(default=None, compare=False)

    def noted(self, *notes: str) -> "Row":
        """The same row with more to say behind its reason; empty notes say nothing."""
        return replace(self, reason="; ".join(filter(None, [self.reason, *notes])))

    @property
    def failed(self) -> bool:
        """Whether the file could not be read."""
        return self.verdict == "error"

    def as_json(self) -> dict[str, Any]:
        """All of it but the pictures."""
        values: dict[str, Any] = {
            "path": self.path,
            "kind": self.kind,
            "verdict": self.verdict,
            "p_fake": rounded(self.p_fake),
            "threshold": rounded(self.threshold),
            "reason": self.reason,
            "size": self.size,
            "faces": [face.as_json() for face in self.faces],
            "seconds": round(self.seconds, 3),
        }
        if self.kind == "video":
            values["timeline"] = [[round(second, 3), rounded(p)] for second, p in self.timeline]
        if self.saved is not None:
            values["saved"] = self.saved or None
        return values


def unreadable(path: str, cause: str, threshold: float) -> Row:
    """The row of a file that could not be judged."""
    return Row(path, "unreadable", "error", None, threshold, cause)


def judged_face(facts: ModelFacts, p_fake: float, **place: Any) -> FaceVerdict:
    """The verdict of a face that can be judged, by its score alone."""
    verdict = facts.verdict(p_fake)
    return FaceVerdict(place.pop("box", None), p_fake, verdict, _band_reason(facts, verdict), **place)


def photo_row(path: str, facts: ModelFacts, faces: Sequence[FaceVerdict], size: tuple[int, int], more: int = 0) -> Row:
    """A photo is what its most fake face is, a video what its most fake track is.

    Faces that could not be judged (too small, blurred, seen too briefly) decide nothing, and are counted. Without any
    other the file is uncertain.

    Args:
        path: of the file.
        facts: of the model.
        faces: in any order.
        size: width and height.
        more: faces that were found and not judged, being too many.
    """
    ordered = tuple(sorted(faces, key=_rank, reverse=True))
    judged = [face for face in ordered if face.p_fake is not None]
    notes = [f"{more} more faces not judged"] if more else []
    if not ordered:
        return Row(path, "photo", "uncertain", None, facts.threshold, "no face found", (), size)
    if not judged:
        return Row(path, "photo", "uncertain", None, facts.threshold, ordered[0].reason, ordered, size)
    if passed_over := len(ordered) - len(judged):
        notes.append(f"{passed_over} {'face' if passed_over == 1 else 'faces'} besides not judged")
    first = judged[0]
    reason = "; ".join(filter(None, [first.reason, *notes]))
    return Row(path, "photo", first.verdict, first.p_fake, facts.threshold, reason, ordered, size)


def face_numbers(faces: Sequence[FaceVerdict]) -> list[int]:
    """What faces are called by: a clip's by their tracks' numbers, all of a photo's from left to right, from 1.

    So all models and pages agree on it.
    """
    order = sorted(range(len(faces)), key=lambda i: faces[i].box or (0, 0, 0, 0))
    return [face.number or order.index(i) + 1 for i, face in enumerate(faces)]


def rounded(value: float | None) -> float | None:
    """Six digits: what a score of float32 is worth."""
    return None if value is None else round(value, 6)


def _rank(face: FaceVerdict) -> tuple[bool, int, float]:
    return face.p_fake is not None, _SEVERITY[face.verdict], face.p_fake or 0.0


def _band_reason(facts: ModelFacts, verdict: Verdict) -> str:
    if verdict != "uncertain" or facts.uncertain is None:
        return ""
    band = facts.uncertain
    return f"too close to the threshold ({band.low:.3f} to {band.high:.3f})"
