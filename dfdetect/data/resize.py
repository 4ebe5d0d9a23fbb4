"""The one resize function, shared by training and deployment: no torch here; its facts travel with a checkpoint."""

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

Crop = Literal["resize", "center"]
CROPS: tuple[str, ...] = get_args(Crop)
METHOD = "area-down, linear-up"
"""The interpolation, as it is recorded in checkpoints: OpenCV's INTER_AREA to shrink, INTER_LINEAR to enlarge."""


def resize(image: npt.NDArray[np.uint8], size: int, crop: Crop = "resize") -> npt.NDArray[np.uint8]:
    """Bring an image to a square of `size` pixels.

    Args:
        image: (H, W, 3) uint8.
        size: side of the result in pixels.
        crop: `resize` squeezes the whole picture into the square, as the published recipe does; `center` first cuts the
            largest centred square, which keeps the proportions of a face.

    Returns:
        (size, size, 3) uint8; the input itself where nothing has to change.
    """
    if crop == "center":
        height, width = image.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = np.ascontiguousarray(image[top : top + side, left : left + side])
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) > size
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)
