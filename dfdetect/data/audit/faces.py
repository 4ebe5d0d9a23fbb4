"""How many faces a picture shows, by OpenCV's YuNet.

Source: Wu, Peng and Yu, *YuNet: A Tiny Millisecond-level Face Detector*, Machine Intelligence Research (2023).
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.data.audit.statistics import shrink
from dfdetect.errors import UsageError

LONGEST_SIDE = 320
"""Pictures are shrunk to this many pixels first: faces of a tenth of the side are still found."""
LEAST_SCORE = 0.7


def count_faces(image: npt.NDArray[np.uint8], model: str) -> int:
    """Number of faces in a picture.

    Args:
        image: (H, W, 3) RGB uint8.
        model: file of the YuNet model (ONNX).

    Raises:
        UsageError: the file is no such model.
    """
    small = cv2.cvtColor(shrink(image, LONGEST_SIDE), cv2.COLOR_RGB2BGR)
    edge = max(small.shape[:2]) // 4  # a face that fills the picture is found only with some room around it
    padded = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    detector = _detector(model)
    detector.setInputSize((padded.shape[1], padded.shape[0]))
    faces = detector.detect(padded)[1]
    return 0 if faces is None else len(faces)


def check_model(model: str) -> None:
    """Refuse a file that is no YuNet model before a long pass begins; raises `UsageError`."""
    count_faces(np.full((64, 64, 3), 127, np.uint8), model)


@cache
def _detector(model: str) -> Any:
    logging = cv2.utils.logging
    before = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of a setting that only it makes
    try:
        return cv2.FaceDetectorYN.create(model, "", (LONGEST_SIDE, LONGEST_SIDE), score_threshold=LEAST_SCORE)
    except cv2.error as error:
        raise UsageError(
            f"--face-model {model}: no YuNet model that OpenCV can load. It is face_detection_yunet_*.onnx of "
            "https://github.com/opencv/opencv_zoo"
        ) from error
    finally:
        logging.setLogLevel(before)
