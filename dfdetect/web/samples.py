"""Faces to try the page with: drawn by this program when the server starts, and kept in memory."""

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from dfdetect.data.synthetic import draw_face

_SEED = 20
_DRAWN = ((0, "real"), (3, "part_swap"), (5, "smoothed"), (8, "real"), (11, "upsampled"), (21, "part_swap"))
_KINDS = {
    "real": "untouched",
    "part_swap": "a part swapped",
    "smoothed": "retouched",
    "upsampled": "face rebuilt",
}
_SIDE, _QUALITY = 384, 92


@dataclass(frozen=True)
class Sample:
    """A drawn face.

    Attributes:
        name: of the file that it stands for.
        title: what was done to it, in words.
        content: a JPEG file.
    """

    name: str
    title: str
    content: bytes

    @property
    def address(self) -> str:
        """It as an address that holds it, for an `<img>`."""
        with Image.open(BytesIO(self.content)) as image:
            small = image.resize((144, 144), Image.Resampling.LANCZOS)
        return f"data:image/jpeg;base64,{base64.b64encode(_jpeg(np.asarray(small, np.uint8), 84)).decode('ascii')}"


def draw_samples() -> tuple[Sample, ...]:
    """A few drawn faces, untouched and forged: the same each time."""
    return tuple(
        Sample(f"drawn-{number}.jpg", _KINDS[kind], _jpeg(draw_face(_SEED, index, kind, _SIDE).image, _QUALITY))
        for number, (index, kind) in enumerate(_DRAWN, 1)
    )


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()
