"""One `Detector` for every kind of model file. Nothing here loads torch, unless the file is a checkpoint."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from dfdetect.data.cache import Decoder
from dfdetect.data.decode import decode
from dfdetect.data.face_crop import DEFAULT_MARGIN, Cut, FaceCutter
from dfdetect.data.face_model import face_model
from dfdetect.deploy.engines.engine import Batch, Engine, Scores, open_engine
from dfdetect.deploy.metadata import ModelFacts
from dfdetect.environment import named_face_model
from dfdetect.errors import DecodeError, ModelFileError

Pixels = npt.NDArray[np.uint8]
Image = str | os.PathLike[str] | Pixels
_WITHOUT = "cut faces out yourself, and give them to Detector.prepare and Detector.judge"


@dataclass(frozen=True)
class Prediction:
    """What a detector says of one picture.

    Attributes:
        p_fake: in [0, 1]; None where the picture could not be read.
        heatmap: (h, w) float32, signed: positive where it speaks for fake; its mean is the logit margin but for a
            constant. None for a model without, or where the picture could not be read.
        error: why it could not be read.
    """

    p_fake: float | None
    heatmap: Scores | None = None
    error: str | None = None


class Detector:
    """A trained detector, ready to judge pictures; any number of threads may use one at once.

    Args:
        engine: what runs it; `Detector.load` finds it for a file.
        face_model: file of YuNet, for a model whose training cut faces out (`data.crop: face`); None for that of
            `$DFDETECT_FACE_MODEL`, or else the one that is downloaded once.
    """

    def __init__(self, engine: Engine, face_model: str | None = None) -> None:
        self.engine = engine
        self.facts: ModelFacts = engine.facts
        crop: Any = self.facts.crop
        self.preparation = Decoder(self.facts.input_size, crop, self.facts.normalise_encoding)
        self._face_model = face_model

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        threads: int | None = None,
        provider: str | None = None,
        face_model: str | None = None,
    ) -> "Detector":
        """Load model.onnx, model.tflite, OpenVINO's model.xml, or a checkpoint.

        Args:
            path: the file.
            threads: of one run; None for one a usable core.
            provider: what computes, as the engine calls it (`cuda`, `GPU`); None for the best that is there.
            face_model: as of the class.

        Raises:
            ModelFileError: no such file, or it is foreign, cut off or changed.
            MissingExtraError: its engine is not installed.
            UsageError: no model's ending, no such provider.
            CheckpointError: a checkpoint that is none.
        """
        return cls(open_engine(path, threads, provider), face_model)

    def describe(self) -> str:
        """Engine, what computes, and on how many threads."""
        threads = "1 thread" if self.engine.threads == 1 else f"{self.engine.threads} threads"
        return f"{self.engine.name}, {self.engine.provider}, {threads}"

    @cached_property
    def whole(self) -> Decoder:
        """What brings whole pictures to the network's input as in training: by the crop `face` it finds their face.

        Raises:
            UsageError: for such a model, the face model is not there, or is none.
            DownloadError: it had to be fetched and could not be.
        """
        if self.facts.crop != "face":
            return self.preparation
        file = face_model(named_face_model(self._face_model), _WITHOUT)
        margin = DEFAULT_MARGIN if self.facts.face_margin is None else self.facts.face_margin
        return replace(self.preparation, faces=FaceCutter(file, margin))

    def cut(self, image: Pixels) -> Cut:
        """The part of a whole picture, (H, W, 3) RGB uint8, that `prepare` is to be given: all of it, or its face.

        Raises:
            UsageError, DownloadError: as of `whole`.
        """
        return self.whole.cut(image)

    def prepare(self, image: Pixels, name: str = "<pixels>") -> Pixels:
        """Bring (H, W, 3) RGB uint8 of any size to the network's input, (S, S, 3), as in training.

        No face is searched: a model whose training cut faces out is given them cut out, as `cut` does.

        Raises:
            DecodeError: it cannot be re-encoded as the training's pictures were.
        """
        return self.preparation.prepare(image, name)

    def judge(self, batch: Batch) -> tuple[Scores, Scores | None]:
        """Run the network on prepared pictures.

        Args:
            batch: (N, S, S, 3) RGB uint8, as `prepare` makes them.

        Returns:
            p_fake (N,) in [0, 1] and heatmaps (N, h, w), None for a model without.

        Raises:
            ValueError: another shape or type.
            ModelFileError: scores that are not finite.
        """
        size = self.facts.input_size
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != (size, size, 3):
            raise ValueError(f"A batch is (N, {size}, {size}, 3) uint8, not {batch.shape} {batch.dtype}")
        if len(batch) == 0:
            return np.empty(0, np.float32), None
        p_fake, heatmaps = self.engine(batch)
        if not np.isfinite(p_fake).all():
            raise ModelFileError("The network's scores are not finite: the model's weights are broken")
        return p_fake, heatmaps

    def predict(self, images: Image | Iterable[Image], batch_size: int = 32) -> list[Prediction]:
        """Judge pictures.

        Args:
            images: paths, or (H, W, 3) RGB uint8 pixels of any size, or a mixture; also a single one, or (N, H, W, 3).
            batch_size: pictures a run of the network; as many are held in memory, of an iterator too.

        Returns:
            One prediction each, in their order; a file that cannot be read has an `error`. A model whose training cut
            faces out judges the largest face of each, or where there is none the largest centred square.

        Raises:
            ValueError: pixels of another shape or type, bytes, or a `batch_size` below 1.
            UsageError, DownloadError: as of `whole`.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size is at least 1, not {batch_size}")
        single = isinstance(images, str | bytes | os.PathLike) or (isinstance(images, np.ndarray) and images.ndim < 4)
        rest: Iterator[Image] = iter([images] if single else images)  # type: ignore[arg-type,list-item]
        found: list[Prediction] = []
        while batch := list(islice(rest, batch_size)):
            found += self._predict_batch(batch)
        return found

    def _predict_batch(self, images: Sequence[Image]) -> Iterator[Prediction]:
        prepared = [self._read(image) for image in images]
        good = [one for one in prepared if not isinstance(one, DecodeError)]
        scores, heatmaps = self.judge(np.stack(good)) if good else (np.empty(0, np.float32), None)
        place = 0
        for one in prepared:
            if isinstance(one, DecodeError):
                yield Prediction(None, error=one.cause)
            else:
                yield Prediction(float(scores[place]), None if heatmaps is None else heatmaps[place])
                place += 1

    def _read(self, image: Image) -> Pixels | DecodeError:
        try:
            if isinstance(image, bytes):
                raise ValueError(
                    "images are paths or pixels; of a file's bytes make pixels: dfdetect.data.decode.decode"
                )
            if not isinstance(image, np.ndarray):
                return self.whole.prepare(decode(os.fspath(image)), os.fspath(image))
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
                raise ValueError(f"A picture is (H, W, 3) uint8, not {image.shape} {image.dtype}")
            return self.whole.prepare(image, "<pixels>")
        except DecodeError as error:
            return error
