"""What the page and the API both ask: uploads in, verdicts out, within limits."""

import os
import re
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dfdetect.data.yunet import Face, search
from dfdetect.deploy.faces import MOST_FACES
from dfdetect.deploy.photos import Settings, judge_faces, look, photo
from dfdetect.deploy.sources import holds_video, shown
from dfdetect.deploy.verdicts import Row, photo_row
from dfdetect.errors import DecodeError, RequestError, TooLargeError
from dfdetect.web.jobs import Beat, Job, Pool
from dfdetect.web.limits import Limits
from dfdetect.web.metrics import Metrics

Pixels = npt.NDArray[np.uint8]
_LONGEST_NAME = 120
_MOST_SCANS = 100
"""Of a progressive JPEG: usual ones have ten, and each costs a pass over all pixels."""


@dataclass(frozen=True)
class Model:
    """A detector, and how it judges.

    Attributes:
        name: that answers call it by; unique.
        settings: of a scan.
        about: engine, what computes, threads.
    """

    name: str
    settings: Settings
    about: str = ""


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        name: that answers call it by; it names nothing on this machine.
        content: all of it.
    """

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What the models say of one upload.

    Attributes:
        name: of the upload, made safe to show.
        rows: by the model's name, in the order asked for; faces with box, score, verdict, heatmap and square.
        image: (H, W, 3) RGB uint8 as it was judged, if it was asked for; None for a clip, whose rows have a frame each.
    """

    name: str
    rows: dict[str, Row]
    image: Pixels | None = field(default=None, repr=False, compare=False)


class Service:
    """Judges uploads with one or several models; any number of threads may use it at once.

    Args:
        models: the first is the one that answers where none is named.
        limits: that hold for each upload.
        folder: private, for clips, which can only be read from a file; each is removed once it is judged.

    Attributes:
        bytes_in_hand: of requests that have come and are not answered yet; only the event loop's thread counts them.
    """

    def __init__(self, models: Sequence[Model], limits: Limits, folder: Path) -> None:
        self.models = {model.name: model for model in models}
        self.limits, self.folder = limits, folder
        self.pool = Pool(limits.threads, limits.queue, limits.seconds)
        self.metrics = Metrics()
        self.bytes_in_hand = 0

    def judge(
        self, upload: Upload, models: Sequence[str] = (), careful: bool = False, with_image: bool = False
    ) -> Answer:
        """Judge one upload and wait for the answer: for a page's function, which runs in a thread.

        Raises:
            RequestError: as `submit`, and what the file came to (`unreadable`, `too_many_pixels`, `timed_out`...).
        """
        return self.submit([upload], models, careful, with_image)[0].future.result()

    def submit(
        self, uploads: Sequence[Upload], models: Sequence[str] = (), careful: bool = False, with_image: bool = False
    ) -> list[Job[Answer]]:
        """Take uploads on, all or none.

        Args:
            uploads: photos or clips, told apart by their first bytes.
            models: names of those that are to judge; none for the first.
            careful: doubt what flips under mild re-encoding, and give the score of each; photos only.
            with_image: give the decoded picture back.

        Raises:
            RequestError: `unknown_model`, `too_many_files`, `too_large`, `queue_full`, `unavailable`.
        """
        chosen = [self._model(name) for name in dict.fromkeys(models)] or list(self.models.values())[:1]
        if len(uploads) > self.limits.files:
            raise RequestError("too_many_files", f"more than {self.limits.files} files in one request")
        if sum(len(upload.content) for upload in uploads) > self.limits.upload_bytes:
            raise RequestError("too_large", f"more than {self.limits.upload_bytes:,} bytes in one request")
        judged = [replace(model, settings=replace(model.settings, careful=careful)) for model in chosen]
        jobs = self.pool.submit([self._work(upload, judged, with_image) for upload in uploads])
        for job in jobs:
            job.future.add_done_callback(self._count)
        return jobs

    def close(self) -> None:
        """Finish what was taken on, and take nothing on any more."""
        self.pool.close()

    def gauges(self) -> dict[str, tuple[str, float]]:
        """How full it is, for the metrics."""
        pool = self.pool
        return {
            "dfdetect_queue_waiting": ("Files that wait.", pool.waiting),
            "dfdetect_queue_limit": ("Files that may wait.", pool.queue),
            "dfdetect_working": ("Files at work.", pool.running),
            "dfdetect_threads": ("Files that may be at work at once.", pool.threads),
            "dfdetect_hanging": ("Threads that a library never gave back.", pool.hanging),
            "dfdetect_bytes_in_hand": ("Of requests that are not answered yet.", self.bytes_in_hand),
        }

    def _count(self, future: Future[Answer]) -> None:
        if future.cancelled():
            self.metrics.failure("abandoned")
        elif isinstance(error := future.exception(), RequestError):
            self.metrics.failure(error.kind)
        else:
            answer = future.result()
            self.metrics.judged(next(iter(answer.rows.values())).seconds)
            for name, row in answer.rows.items():
                self.metrics.verdict(name, row.verdict)

    def _model(self, name: str) -> Model:
        if name not in self.models:
            raise RequestError("unknown_model", f"no model of that name; there are: {', '.join(self.models)}")
        return self.models[name]

    def _work(self, upload: Upload, models: list[Model], with_image: bool) -> "_Work":
        return _Work(upload, models, with_image, self.limits, self.folder)


@dataclass(frozen=True)
class _Work:
    """One upload's job."""

    upload: Upload
    models: list[Model]
    with_image: bool
    limits: Limits
    folder: Path

    def __call__(self, beat: Beat) -> Answer:
        start = time.monotonic()
        try:
            answer = self._clip(beat) if holds_video(self.upload.content[:400]) else self._photo(beat)
        except TooLargeError as error:
            raise RequestError("too_many_pixels", f"{self.name}: {self._public(error.cause)}") from None
        except DecodeError as error:
            raise RequestError("unreadable", f"{self.name}: {self._public(error.cause)}") from None
        seconds = time.monotonic() - start
        return replace(answer, rows={name: replace(row, seconds=seconds) for name, row in answer.rows.items()})

    @property
    def name(self) -> str:
        """Of the upload, made safe to show."""
        return safe_name(self.upload.name)

    def _photo(self, beat: Beat) -> Answer:
        content = self.upload.content
        if content[:2] == b"\xff\xd8" and content.count(b"\xff\xda") > _MOST_SCANS:
            raise DecodeError(self.name, f"a JPEG of more than {_MOST_SCANS} scans")
        with photo(content, self.name, self.limits.pixels, beat) as (image, note):
            beat()
            found: dict[str, list[Face]] = {}
            rows = {model.name: self._look(image, model.settings, found, beat).noted(note) for model in self.models}
        return Answer(self.name, rows, image if self.with_image else None)

    def _look(self, image: Pixels, settings: Settings, found: dict[str, list[Face]], beat: Beat) -> Row:
        """One model's row; faces are searched once for all models."""
        size = image.shape[1], image.shape[0]
        if settings.face_model is None:
            return photo_row(self.name, settings.detector.facts, look(image, settings, beat)[0], size)
        if settings.face_model not in found:
            found[settings.face_model] = search(image, settings.face_model)
            beat()
        faces = found[settings.face_model]
        judged = judge_faces(image, faces[:MOST_FACES], settings)
        beat()
        return photo_row(self.name, settings.detector.facts, judged, size, max(0, len(faces) - MOST_FACES))

    def _clip(self, beat: Beat) -> Answer:
        from dfdetect.deploy.film import open_film
        from dfdetect.deploy.video import scan_video

        file = self.folder / f"clip-{secrets.token_hex(16)}"
        how = [replace(model.settings, careful=False, pictures=self.with_image) for model in self.models]
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(self.upload.content)
            with open_film(str(file)) as film:
                self._check_frames(film.size)
            rows = {
                model.name: replace(scan_video(str(file), settings, beat), path=self.name)
                for model, settings in zip(self.models, how, strict=True)
            }
        finally:
            file.unlink(missing_ok=True)
        return Answer(self.name, rows)

    def _check_frames(self, size: tuple[int, int]) -> None:
        if size[0] * size[1] > self.limits.pixels:
            raise TooLargeError(self.name, f"frames of {size[0]} x {size[1]} pixels")

    def _public(self, cause: str) -> str:
        """A cause without paths and addresses of this process."""
        return re.sub(r"<[^<>]*\b0x[0-9a-fA-F]+>", "it", cause.replace(str(self.folder), "").replace(os.sep, " "))


def safe_name(name: str) -> str:
    """An upload's name without folders, control characters and great length."""
    return shown(re.split(r"[/\\]", name)[-1])[:_LONGEST_NAME] or "unnamed"
