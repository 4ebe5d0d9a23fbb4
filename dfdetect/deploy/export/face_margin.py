"""The margin around faces that a file records: as stated, or as the training's pictures leave it around theirs.

A detector of whole pictures knows faces only with what its training pictures show around them. Whoever cuts faces out
of other pictures for it, as `dfdetect scan` does, has to leave as much.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dfdetect.deploy.export.pictures import Pictures
from dfdetect.deploy.faces import Pixels, measure_margin
from dfdetect.deploy.metadata import MOST_MARGIN
from dfdetect.errors import DecodeError, ExportError

MEASURED_ON = 200
"""Pictures, always the same ones of a training part. Drawn from CIPLAB, DFDC and FFHQ, the medians of 95% of such draws
lie within 0.01 of that of 1,000."""
LEAST_SHARE = 0.5
"""Of the pictures that show a face; below it the median is that of the few whose face is easiest to find."""


@dataclass(frozen=True)
class FaceMargin:
    """What to record, and where it comes from.

    Attributes:
        value: share of the face's side; None for nothing to record.
        words: a sentence without its full stop.
    """

    value: float | None
    words: str


def choose_margin(
    stated: float | None, model: str | None, pictures: Pictures | None, trained: float | None = None
) -> FaceMargin:
    """The margin to record.

    Args:
        stated: by the user; None to measure it.
        model: file of the YuNet model; None where there is none.
        pictures: of the training, as they lie there; None where they are not at hand.
        trained: that the training itself cut faces out with, by `data.crop: face`; None for another crop.

    Raises:
        ExportError: another one is stated than was trained with.
    """
    if trained is not None:
        if stated not in (None, trained):
            raise ExportError(
                f"--face-margin {stated:g}: the training cut faces out with data.face_margin {trained:g}, and that is "
                "recorded. Leave the option out"
            )
        return FaceMargin(trained, f"Margin around faces {trained:.3g}, as the training cut them out")
    if stated is not None:
        return FaceMargin(stated, f"Margin around faces {stated:.3g}, as stated")
    if pictures is None:
        return FaceMargin(
            None, "No margin around faces, which is measured on the training part: state it: --face-margin M"
        )
    if model is None:
        return FaceMargin(
            None,
            "No margin around faces, which is measured with a face model: name one, --face-model FILE or in "
            "$DFDETECT_FACE_MODEL, or state the margin: --face-margin M",
        )
    return _measured(pictures.take(MEASURED_ON), model)


def _measured(pictures: Pictures, model: str) -> FaceMargin:
    found = measure_margin(_readable(pictures), model)
    of = f"{found.n} of {found.count} pictures ({pictures.name})"
    if found.median is None or found.n < LEAST_SHARE * found.count:
        return FaceMargin(None, f"No margin around faces: one was found in {of} only. State it: --face-margin M")
    between = f"median of the faces in {of}, half of them from {found.low:.2f} to {found.high:.2f}"
    if found.median > MOST_MARGIN:
        return FaceMargin(
            None, f"No margin around faces: they are too small, with {found.median:.1f} of their side ({between})"
        )
    return FaceMargin(round(found.median, 3), f"Margin around faces {found.median:.2f}: {between}")


def _readable(pictures: Pictures) -> Iterator[Pixels]:
    for place in range(len(pictures)):
        try:
            yield pictures.load(place)
        except DecodeError:
            continue
