"""The colours of evidence: an absolute scale from dark blue (real) over grey (nothing) to light vermilion (fake).

Lightness rises all the way from real to fake, so the scale keeps its order in greyscale and for every kind of colour
vision; hue says the same once more. Colours depend on a value alone, never on the picture's other values.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

REAL_END, NEUTRAL, FAKE_END = (0, 52, 104), (116, 116, 116), (234, 152, 92)
"""sRGB: the hues of `CLASS_COLOURS`, the one darkened and the other lightened; CIE L* 22, 49 and 70."""


@dataclass(frozen=True)
class Scale:
    """What the values of a map mean, and the value that has the strongest colour.

    Attributes:
        full: values from here on have the end's colour, below its negative that of the other end.
        unit: in words, for a picture's legend.
    """

    full: float
    unit: str


EVIDENCE = Scale(8.0, "logits: what the whole picture would get if it all looked like this place")
"""Of class activation maps, divided by the detector's temperature; their mean is its logit but for a constant.
Chosen by trained detectors, of whose places few lie beyond."""
GRADIENT_PLUS = Scale(4.0, "weights of Grad-CAM++: no logits, at most half of Grad-CAM's")
"""Of Grad-CAM++."""
DROP = Scale(3.0, "logits lost when this place is covered")
"""Of occlusion; likewise."""


def table(steps: int = 257) -> Pixels:
    """Colours from -full to +full, (steps, 3) RGB uint8; `steps` is odd, so that the middle is neutral."""
    at = np.linspace(-1, 1, steps)
    ends = np.array([REAL_END, NEUTRAL, FAKE_END], np.float64)
    return np.stack([np.interp(at, (-1, 0, 1), channel) for channel in ends.T], axis=1).round().astype(np.uint8)


_TABLE = table()


def coloured(values: Floats, scale: Scale = EVIDENCE) -> Pixels:
    """Values of any shape to RGB uint8 of that shape and 3; what is not finite is neutral."""
    share = np.clip(np.nan_to_num(np.asarray(values, np.float32), posinf=0, neginf=0) / scale.full, -1, 1)
    middle = len(_TABLE) // 2
    found: Pixels = _TABLE[np.rint(share * middle).astype(np.intp) + middle]
    return found
