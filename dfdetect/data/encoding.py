"""Give every picture the same last encoder, so that the codec tells less about where it came from.

A picture that was compressed before keeps traces of that: this reduces the difference, it does not remove it.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from dfdetect.data.decode import decode
from dfdetect.errors import DecodeError

LONGEST_SIDE = 65_500
"""Pixels; the JPEG library writes no longer side."""


def reencode(image: npt.NDArray[np.uint8], quality: int, name: str = "<pixels>") -> npt.NDArray[np.uint8]:
    """Encode pixels as JPEG (baseline, 4:2:0, the standard tables) in memory and decode them again.

    It is done at the picture's own size, before any resizing: that is what a platform does to a photo it stores, and
    a network that learns at several sizes gets the same pixels for each of them.

    Args:
        image: (H, W, 3) RGB uint8.
        quality: 1 to 100, as libjpeg counts it.
        name: how errors call the picture.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        DecodeError: a side is longer than `LONGEST_SIDE`.
    """
    if max(image.shape[:2]) > LONGEST_SIDE:
        raise DecodeError(name, f"a side is longer than the {LONGEST_SIDE:,} pixels that JPEG can hold")
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling="4:2:0")
    return decode(content.getvalue(), name)
