"""Faces in a picture, by OpenCV's YuNet: their boxes and landmarks in the picture's own pixels.

Source: Wu, Peng and Yu, *YuNet: A Tiny Millisecond-level Face Detector*, Machine Intelligence Research (2023).
"""

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.errors import UsageError

LEAST_SCORE = 0.7
_COARSE, _FINE = 320, 640
"""Pictures are shrunk to so many pixels on their longer side before faces are searched; the finer search costs four
times the coarse one."""
_ROOM = 0.25
"""Border of a third search, for a face that fills the picture."""
_FILLING = 0.4
"""A face of this share of the picture's longer side leaves little room for others that matter."""
_SAME = 0.3
"""Two boxes that share so much of what they cover together are one face."""
_LEAST_SIDE = 32
_KEPT = threading.local()
"""A detector keeps its input size and buffers between calls, so each thread has its own."""
_loading = threading.Lock()


@dataclass(frozen=True)
class Face:
    """One face.

    Attributes:
        left, top, width, height: its box in pixels of the picture; a face at the border may reach beyond it.
        landmarks: (5, 2) x and y in pixels: right eye, left eye, nose tip, right and left corner of the mouth, as the
            person has them.
        score: how sure the face detector is, from `LEAST_SCORE` to 1.
    """

    left: float
    top: float
    width: float
    height: float
    landmarks: npt.NDArray[np.float32]
    score: float

    @property
    def side(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.width, self.height)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width, height in whole pixels."""
        return round(self.left), round(self.top), round(self.width), round(self.height)


def find_faces(image: npt.NDArray[np.uint8], model: str, longest: int, room: float = 0.0) -> list[Face]:
    """All faces in a picture, the surest first.

    Args:
        image: (H, W, 3) RGB uint8.
        model: file of a YuNet model (ONNX).
        longest: the picture is shrunk to this many pixels on its longer side before faces are searched.
        room: grey border put around it for the search, as a share of the longer side: a face that fills the picture
            is sometimes found only so.

    Raises:
        UsageError: the file is no such model.
    """
    height, width = image.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    edge = int(room * max(size))
    searched = _with_border(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), edge)
    detector = _detector(model)
    try:
        detector.setInputSize((searched.shape[1], searched.shape[0]))
        found = detector.detect(searched)[1]
    except cv2.error as error:  # of another network, which OpenCV could load
        raise _no_model(model) from error
    rows = [] if found is None else sorted(found, key=lambda row: -row[14])
    stretch = np.array([width / size[0], height / size[1]], np.float32)
    return [_face(row, edge, stretch) for row in rows]


def search(image: npt.NDArray[np.uint8], model: str) -> list[Face]:
    """All faces of (H, W, 3) RGB uint8 pixels, the largest first.

    A picture is searched for small faces too unless a large one fills it: those beside a middling face count as much as
    those of a picture without one. Where there is none at all it is searched for one that is too large.
    """
    longest = max(image.shape[:2])
    faces = find_faces(image, model, _COARSE)
    if longest > _COARSE and all(face.side < _FILLING * longest for face in faces):
        finer = find_faces(image, model, _FINE)
        faces += [face for face in finer if all(_overlap(face, known) < _SAME for known in faces)]
    faces = faces or find_faces(image, model, _COARSE, _ROOM)
    return sorted(faces, key=lambda face: -face.side)


def _overlap(one: Face, other: Face) -> float:
    """Intersection of two boxes over their union."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (one.width * one.height + other.width * other.height - shared)


def check_model(model: str) -> None:
    """Refuse a file that is no YuNet model before a long pass begins; raises `UsageError`."""
    find_faces(np.full((64, 64, 3), 127, np.uint8), model, 64)


def _with_border(image: npt.NDArray[Any], edge: int) -> npt.NDArray[Any]:
    """Grey all around, and more of it at the right and below where a side would be too short for the network."""
    lacking = [max(0, _LEAST_SIDE - n - 2 * edge) for n in image.shape[:2]]
    if not edge and not any(lacking):
        return image
    bottom, right = edge + lacking[0], edge + lacking[1]
    return cv2.copyMakeBorder(image, edge, bottom, edge, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))


def _face(row: npt.NDArray[np.float32], edge: int, stretch: npt.NDArray[np.float32]) -> Face:
    left, top = (row[:2] - edge) * stretch
    width, height = row[2:4] * stretch
    landmarks = (row[4:14].reshape(5, 2) - edge) * stretch
    return Face(float(left), float(top), float(width), float(height), landmarks, float(row[14]))


def _detector(model: str) -> Any:
    detectors: dict[str, Any] = _KEPT.__dict__
    if model not in detectors:
        detectors[model] = _load(model)
    return detectors[model]


def _load(model: str) -> Any:
    logging = cv2.utils.logging
    with _loading:
        before = logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of a setting that only it makes
        try:
            return cv2.FaceDetectorYN.create(model, "", (320, 320), score_threshold=LEAST_SCORE)
        except cv2.error as error:
            raise _no_model(model) from error
        finally:
            logging.setLogLevel(before)


def _no_model(model: str) -> UsageError:
    return UsageError(
        f"Face model {model}: no YuNet model that OpenCV can run. It is face_detection_yunet_*.onnx of "
        "https://github.com/opencv/opencv_zoo"
    )
