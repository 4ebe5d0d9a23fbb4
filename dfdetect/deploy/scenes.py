"""Where one shot ends and the next begins: what stands in the same place after a cut is somebody else."""

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_SIDE = 16
_DIFFERENT, _UNLIKE = 20.0, 0.9
"""Mean difference, of 255, of two pictures of 16 x 16 pixels, each less its mean colour; and their correlation. Of two
photos of faces, which are alike as cuts go (80 of CIPLAB, all pairs), they are 26 at least, 57 in the middle, and 0.8
at most; within a shot 13 at most, half a second apart (the clips of docs/scan.md). A flash or a fade moves the mean and
the contrast, and they stay correlated."""


class Scenes:
    """Tells cuts in pictures that come one after the other."""

    def __init__(self) -> None:
        self._before: npt.NDArray[np.float32] | None = None

    def cut(self, image: Pixels) -> bool:
        """Whether this picture, (H, W, 3) RGB uint8, shows another scene than the one before; not for the first."""
        tiny = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        before, now = self._before, np.asarray(tiny - tiny.mean(axis=(0, 1)), np.float32)
        self._before = now
        if before is None or np.abs(now - before).mean() <= _DIFFERENT:
            return False
        return float((now * before).sum()) < _UNLIKE * float(np.linalg.norm(now) * np.linalg.norm(before))
