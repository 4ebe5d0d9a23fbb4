"""The one resize function, shared by training and deployment: no torch here; its facts travel with a checkpoint."""

from typing import Literal, NamedTuple, TypeVar, get_args

import cv2
import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
Crop = Literal["resize", "center", "native", "face"]
CROPS: tuple[str, ...] = get_args(Crop)
METHOD = "area-down, linear-up"
"""The interpolation, as it is recorded in checkpoints: OpenCV's INTER_AREA to shrink, INTER_LINEAR to enlarge."""


class Frame(NamedTuple):
    """The part of a picture that a network judged, in the picture's pixels; it may have been squeezed to a square."""

    left: float
    top: float
    width: float
    height: float


def seen(shape: tuple[int, ...], size: int, crop: str) -> Frame:
    """What `resize` takes of a picture (H, W, ...): all of it, or a square in its middle; in whole pixels."""
    height, width = shape[:2]
    if crop == "resize":
        return Frame(0, 0, width, height)
    side = min(height, width, size) if crop == "native" else min(height, width)
    return Frame((width - side) // 2, (height - side) // 2, side, side)


def cut_out(image: npt.NDArray[Scalar], frame: Frame) -> npt.NDArray[Scalar]:
    """The part of (H, W, ...) that lies in a frame, contiguous."""
    left, top, width, height = (int(n) for n in frame)
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def resize(image: npt.NDArray[np.uint8], size: int, crop: Crop = "resize") -> npt.NDArray[np.uint8]:
    """Bring an image to a square of `size` pixels.

    Args:
        image: (H, W, 3) uint8.
        size: side of the result in pixels.
        crop: `resize` squeezes the whole picture into the square, as the published recipe does; `center` first cuts the
            largest centred square, which keeps the proportions of a face; `native` cuts the centred square of `size`
            and leaves its pixels as they are, unless the picture's shorter side is shorter: then it is enlarged to
            `size`. `face` is of a face that was cut out already (`dfdetect.data.face_crop`): as `center`.

    Returns:
        (size, size, 3) uint8; the input itself where nothing has to change.
    """
    image = cut_out(image, seen(image.shape, size, crop))
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) > size
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)
