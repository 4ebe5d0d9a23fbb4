"""How alike two maps are: rank correlation, and structural similarity."""

import cv2
import numpy as np
import numpy.typing as npt

from dfdetect.explain.grid import enlarged

Floats = npt.NDArray[np.float32]

SIDE = 64
"""Maps are enlarged to this many pixels a side before their structure is compared."""
_WINDOW, _SIGMA, _RANGE = 11, 1.5, 1.0
_C1, _C2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation of two maps (h, w), in [-1, 1], equal values sharing their mean rank.

    NaN where one of them is the same everywhere.
    """
    one, other = _ranks(first.ravel()), _ranks(second.ravel())
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale > 0 else float("nan")


def structural_similarity(first: Floats, second: Floats) -> float:
    """Mean structural similarity of two signed maps (h, w), in [-1, 1]; 1 for the same map.

    Each is brought from minus to plus its largest magnitude to 0 to 1 first: of signed values the measure would take a
    map for alike to its own negative.

    Source: Wang, Bovik, Sheikh and Simoncelli, *Image Quality Assessment: From Error Visibility to Structural
    Similarity*, IEEE Transactions on Image Processing 13 (2004), with its Gaussian window of 11 and constants;
    beyond the border maps are mirrored.
    """
    x, y = (_normalised(one) for one in (first, second))
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    likeness /= (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    return float(likeness.mean())


def _normalised(values: Floats) -> npt.NDArray[np.float64]:
    large = np.asarray(enlarged(values, (SIDE, SIDE)), np.float64)
    peak = np.abs(large).max()
    return (large / peak + 1) / 2 if peak > 0 else large + 0.5


def _blur(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA), np.float64)


def _ranks(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)
