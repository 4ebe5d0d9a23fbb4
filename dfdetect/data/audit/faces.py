"""How many faces a picture shows."""

import numpy as np
import numpy.typing as npt

from dfdetect.data.yunet import find_faces

LONGEST_SIDE = 320
"""Pictures are shrunk to this many pixels first: faces of a tenth of the side are still found."""


def count_faces(image: npt.NDArray[np.uint8], model: str) -> int:
    """Number of faces in a picture.

    Args:
        image: (H, W, 3) RGB uint8.
        model: file of the YuNet model (ONNX).

    Raises:
        UsageError: the file is no such model.
    """
    return len(find_faces(image, model, LONGEST_SIDE, room=0.25))
