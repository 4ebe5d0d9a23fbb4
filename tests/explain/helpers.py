"""What tests of explanations share."""

import numpy as np
import numpy.typing as npt


def floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Numbers as float32."""
    return np.asarray(values, np.float32)
