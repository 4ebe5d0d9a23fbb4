"""One photo to its row: decode, find faces, cut them out, judge them."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from dfdetect.data.decode import FORMATS, MAX_PIXELS, decode
from dfdetect.data.face_crop import DEFAULT_MARGIN, cut_square
from dfdetect.data.resize import Frame
from dfdetect.data.yunet import Face, search
from dfdetect.deploy.careful import doubted, version_scores
from dfdetect.deploy.faces import MOST_FACES, fault
from dfdetect.deploy.room import Room
from dfdetect.deploy.verdicts import FaceVerdict, Judge, Row, judged_face, photo_row
from dfdetect.errors import DecodeError

Pixels = npt.NDArray[np.uint8]
Beat = Callable[[], None]
"""Called between the steps of a file, so that one that hangs can be told from one that takes long."""

_room = Room()
_ANIMATED = [name for name in FORMATS if name in ("GIF", "PNG", "WEBP", "AVIF")]


@dataclass(frozen=True)
class Settings:
    """How a scan judges.

    Attributes:
        detector: the network.
        face_model: file of YuNet; None to judge whole pictures.
        margin: around a face's box; None for the model's own, or else `DEFAULT_MARGIN`.
        careful: doubt what flips under mild re-encoding.
        pictures: draw a small picture for the page.
        rate: frames of a video that are judged, in one second of it.
        most_frames: of one video.
    """

    detector: Judge
    face_model: str | None
    margin: float | None = None
    careful: bool = False
    pictures: bool = False
    rate: float = 5.0
    most_frames: int = 600

    @property
    def used_margin(self) -> float:
        """The margin that faces are cut out with."""
        own = self.detector.facts.face_margin
        return next(one for one in (self.margin, own, DEFAULT_MARGIN) if one is not None)

    @property
    def takes_cuts(self) -> str | None:
        """What becomes of a photo whose face is not searched, for a detector of cut-out faces, in a sentence."""
        facts = self.detector.facts
        if self.face_model is not None or facts.crop != "face":
            return None
        return (
            f"It learned on faces cut out with a margin of {facts.face_margin:.3g}: without a search each photo is "
            "taken for such a cut, and its largest centred square is judged."
        )


def scan_photo(path: str, settings: Settings, beat: Beat = lambda: None) -> Row:
    """Judge one photo.

    Raises:
        DecodeError: it cannot be read.
    """
    with photo(path, path, beat=beat) as (image, note):
        beat()
        faces, more = look(image, settings, beat)
        row = photo_row(path, settings.detector.facts, faces, (image.shape[1], image.shape[0]), more).noted(note)
        if settings.pictures:
            from dfdetect.deploy.drawing import still, thumbnail  # only for a page

            beat()
            shown = still(image, row.faces, settings.detector.facts)
            row = replace(row, picture=thumbnail(shown, row.faces, numbered=len(row.faces) > 1), shares=shown.shares)
        return row


@contextmanager
def photo(
    source: str | bytes, name: str, max_pixels: int = MAX_PIXELS, beat: Beat = lambda: None
) -> Iterator[tuple[Pixels, str]]:
    """Pixels of a file or its content, and what there is to say of them, while there is room for them in memory.

    They are decoded when they fit beside those that other threads have in hand, and let go when the block ends.

    Raises:
        DecodeError: it cannot be read; `TooLargeError` for a picture of more pixels.
    """
    if isinstance(source, str) and os.path.exists(source) and not os.path.isfile(source):
        raise DecodeError(name, "not a regular file")  # a pipe or a device would be waited for without end
    with _room.place(beat) as wait:
        pixels = decode(source, name, max_pixels, lambda picture: wait(picture.width * picture.height))
        yield pixels, "animated: only its first frame is judged" if _is_animated(source) else ""


def _is_animated(source: str | bytes) -> bool:
    """Whether a picture that could be decoded has further frames; of a damaged one it is not known."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with suppress(Exception), Image.open(file, formats=_ANIMATED) as picture:
        return bool(getattr(picture, "is_animated", False))
    return False


def look(image: Pixels, settings: Settings, beat: Beat = lambda: None) -> tuple[list[FaceVerdict], int]:
    """Judge the faces of a picture, or all of it; also the number of faces that were too many."""
    if settings.face_model is None:
        return [_whole(image, settings)], 0
    found = search(image, settings.face_model)
    beat()
    return judge_faces(image, found[:MOST_FACES], settings), max(0, len(found) - MOST_FACES)


def judge_faces(image: Pixels, found: list[Face], settings: Settings) -> list[FaceVerdict]:
    """Judge faces that were found in a picture, in one batch, in their order; one that cannot be judged says why."""
    verdicts = [_unjudged(face, fault(image, face)) for face in found]
    good = [i for i, verdict in enumerate(verdicts) if not verdict.reason]
    cuts = [cut_square(image, found[i], settings.used_margin) for i in good]
    if not cuts:
        return verdicts
    detector = settings.detector
    scores, heatmaps = detector.judge(np.stack([detector.prepare(cut.pixels) for cut in cuts]))
    for place, (i, cut) in enumerate(zip(good, cuts, strict=True)):
        verdict = judged_face(
            detector.facts,
            float(scores[place]),
            box=verdicts[i].box,
            heatmap=None if heatmaps is None else heatmaps[place],
            square=as_square(detector.facts.seen_of(cut)),
            found=found[i],
        )
        verdicts[i] = _careful(verdict, cut.pixels, settings)
    return verdicts


def as_square(frame: Frame) -> tuple[int, int, int]:
    """Left, top and side of a frame that is as wide as high."""
    return int(frame.left), int(frame.top), int(frame.width)


def _unjudged(face: Face, why: str | None) -> FaceVerdict:
    return FaceVerdict(face.box, None, "uncertain", why or "", found=face)


def _whole(image: Pixels, settings: Settings) -> FaceVerdict:
    detector = settings.detector
    scores, heatmaps = detector.judge(detector.prepare(image)[None])
    verdict = judged_face(
        detector.facts,
        float(scores[0]),
        heatmap=None if heatmaps is None else heatmaps[0],
        square=None if detector.facts.crop == "resize" else as_square(detector.facts.seen(image.shape)),
    )
    return _careful(verdict, image, settings)


def _careful(verdict: FaceVerdict, pixels: Pixels, settings: Settings) -> FaceVerdict:
    if not settings.careful:
        return verdict
    asked = replace(verdict, versions=version_scores(settings.detector, pixels))
    return doubted(asked, settings.detector.facts.threshold)
